"""Tools of a loyalty programme, on SQLAlchemy Core."""

from sqlalchemy import Column, Engine, Integer, MetaData, String, Table

metadata = MetaData()
members = Table(
    "members",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("points", Integer, nullable=False),
)


def add_points(member: int, points: int, db: Engine) -> str:
    """Give a member points."""
    row = members.c.number == member
    with db.begin() as connection:
        before = connection.scalars(members.select().with_only_columns(members.c.points).where(row)).one()
        connection.execute(members.update().where(row).values(points=before + points))
    return f"{points} points for member {member}"
