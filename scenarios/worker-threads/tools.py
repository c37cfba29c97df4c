"""Tools of an assistant aboard a ship, on asyncio: forms are read and written on worker threads."""

import asyncio
from pathlib import Path


async def fill_in(field: str, value: str, files: Path) -> str:
    """Fill in a field of the arrival form."""
    form = files / "arrival.txt"
    text = await asyncio.to_thread(form.read_text)
    await asyncio.to_thread(form.write_text, text.replace(f"{field}: -", f"{field}: {value}"))
    return f"filled in {field}"
