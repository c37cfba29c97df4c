"""Tools of an assistant aboard a ship, on asyncio: forms are read and written on threads, one by one."""

import asyncio
from pathlib import Path

_form_lock = asyncio.Lock()


async def fill_in(field: str, value: str, files: Path) -> str:
    """Fill in a field of the arrival form."""
    form = files / "arrival.txt"
    async with _form_lock:
        text = await asyncio.to_thread(form.read_text)
        await asyncio.to_thread(form.write_text, text.replace(f"{field}: -", f"{field}: {value}"))
    return f"filled in {field}"
