"""Tools of an editor's assistant: a document may be written while a lock file stands beside it."""

from pathlib import Path


def acquire_lock(document: str, files: Path) -> str:
    """Lock a document for writing. Fails when it is locked already."""
    _lock(files, document).touch(exist_ok=False)
    return f"locked {document}"


def write_document(document: str, text: str, files: Path) -> str:
    """Replace the text of a locked document."""
    if not _lock(files, document).exists():
        return f"refused: {document} is not locked"
    (files / document).write_text(text)
    return f"wrote {document}"


def _lock(files: Path, document: str) -> Path:
    return files / f"{document}.lock"
