"""Tools of a stockroom assistant: stock lives in memory, behind a lock."""

from threading import Lock

STOCK: dict[str, int] = {"CHAIR-4": 35, "LAMP-2": 20}
_stock_lock = Lock()


def receive_delivery(sku: str, quantity: int) -> str:
    """Add a delivery to the stock."""
    with _stock_lock:
        stock = STOCK[sku]
        STOCK[sku] = stock + quantity
    return f"received {quantity} x {sku}"
