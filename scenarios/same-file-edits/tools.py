"""Tools of a writing assistant, on a folder of text files."""

from pathlib import Path


def edit_file(path: str, old: str, new: str, files: Path) -> str:
    """Replace a piece of text in a file."""
    file = files / path
    text = file.read_text()
    file.write_text(text.replace(old, new))
    return f"edited {path}"
