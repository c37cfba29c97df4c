"""Tools of an airline's check-in assistant, in plain SQL."""

from sqlalchemy import Engine, text


def book_seat(seat: str, passenger: str, db: Engine) -> str:
    """Book a seat for a passenger if nobody has it yet."""
    with db.begin() as connection:
        holder = connection.execute(
            text("SELECT passenger FROM seats WHERE seat = :seat"), {"seat": seat}
        ).scalar_one()
        if holder is not None:
            return f"seat {seat} is taken"
        connection.execute(
            text("UPDATE seats SET passenger = :passenger WHERE seat = :seat"),
            {"passenger": passenger, "seat": seat},
        )
    return f"seat {seat} booked for {passenger}"
