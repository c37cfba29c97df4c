"""Tools of an order desk, on the SQLAlchemy ORM."""

from sqlalchemy import Engine, ForeignKey, exists, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[str] = mapped_column(primary_key=True)
    customer: Mapped[str]


class OrderLine(Base):
    __tablename__ = "order_lines"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey(Order.id))
    sku: Mapped[str]
    quantity: Mapped[int]


def create_order(order_id: str, customer: str, db: Engine) -> str:
    """Create an empty order for a customer."""
    with Session(db) as session:
        session.add(Order(id=order_id, customer=customer))
        session.commit()
    return f"order {order_id} created"


def add_order_line(order_id: str, sku: str, quantity: int, db: Engine) -> str:
    """Add an article to an order."""
    with Session(db) as session:
        if not session.scalar(select(exists().where(Order.id == order_id))):
            raise LookupError(f"no such order: {order_id}")
        session.add(OrderLine(order_id=order_id, sku=sku, quantity=quantity))
        session.commit()
    return f"{quantity} x {sku} added to order {order_id}"
