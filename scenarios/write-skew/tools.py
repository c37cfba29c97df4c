"""Tools of a hospital's rota assistant: somebody has to stay on duty."""

from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Doctor(Base):
    __tablename__ = "doctors"

    name: Mapped[str] = mapped_column(primary_key=True)
    phone: Mapped[str]
    on_duty: Mapped[bool]


def go_off_duty(doctor: str, db: Engine) -> str:
    """Take a doctor off duty, unless nobody else would be left."""
    with Session(db) as session:
        on_duty = session.scalars(select(func.count()).where(Doctor.on_duty)).one()
        if on_duty < 2:
            return f"{doctor} has to stay: nobody else is on duty"
        session.execute(update(Doctor).where(Doctor.name == doctor).values(on_duty=False))
        session.commit()
    return f"{doctor} is off duty"
