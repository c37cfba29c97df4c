"""Tools of a warehouse assistant, on the SQLAlchemy ORM and the application's own engine."""

from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

engine = create_engine("sqlite://")


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "items"

    sku: Mapped[str] = mapped_column(primary_key=True)
    supplier: Mapped[str]
    stock: Mapped[int]


def reserve(sku: str, quantity: int) -> str:
    """Reserve a quantity of an item."""
    with Session(engine) as session:
        item = session.get_one(Item, sku)
        if item.stock < quantity:
            return f"not enough {sku} in stock"
        item.stock -= quantity
        session.commit()
    return f"reserved {quantity} x {sku}"
