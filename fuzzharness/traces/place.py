"""Place: where in a recording something stands, and the error that points there.

Decides how a complaint about a recording is worded. Never looks at the recording itself.
"""

from __future__ import annotations

from typing import NamedTuple

from fuzzharness.errors import TraceError


class Place(NamedTuple):
    """A file, and within it a line, a column, a JSON path; the path begins with ``$``."""

    file: str
    line: int | None = None
    column: int | None = None
    path: str = ""

    def __str__(self) -> str:
        parts = [self.file if self.file.isprintable() else repr(self.file)]
        if self.line is not None:
            parts.append(f"line {self.line}")
        if self.column is not None:
            parts.append(f"column {self.column}")
        if self.path:
            parts.append(self.path)
        return ", ".join(parts)

    def member(self, name: str) -> Place:
        """The place of the member ``name`` of the object here."""
        return Place(self.file, self.line, self.column, f"{self.path}.{name}")

    def item(self, position: int) -> Place:
        """The place of an item of the list here, counted from 0."""
        return Place(self.file, self.line, self.column, f"{self.path}[{position}]")

    def error(self, seen: str, expected: str, advice: str) -> TraceError:
        """The complaint, to be raised: what was seen here, what was expected, what to do."""
        return TraceError(f"{self}: {seen}. Expected {expected}. {advice}")
