"""The folder that ``--report`` fills: ``events.jsonl`` and ``summary.md``.

Decides when a file is written: nothing before the first line, each line at once into a file of its
own, and the names that others read only when :meth:`ReportFolder.close` puts them in place of the
old ones. Whoever reads the folder therefore sees one whole run, this one or the last.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from fuzzharness.errors import SettingsError
from fuzzharness.report.markdown import Section, page

EVENTS, SUMMARY, UNFINISHED = "events.jsonl", "summary.md", ".part"


def _refusal(folder: Path) -> str:
    """Why the system makes no file in ``folder``, whatever its permissions say; empty if it does."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return f"takes no file ({error.strerror or error})"


class ReportFolder:
    """Collects the lines and sections of one run in the folder ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sections: list[Section] = []
        self._events: TextIO | None = None

    def check(self) -> None:
        """Raise :class:`SettingsError` unless both files can be written; nothing is made for it."""
        there = next(place for place in (self.path, *self.path.absolute().parents) if os.path.lexists(place))
        taken = [self.path / name for name in (EVENTS, SUMMARY) if (self.path / name).is_dir()]
        seen = "is not a folder" if not there.is_dir() else "is a folder" if taken else ""
        if not seen and not os.access(there, os.W_OK | os.X_OK):
            seen = "may not be written to"
        seen = seen or _refusal(there)
        if seen:
            raise SettingsError(
                f"the report cannot be written into {self.path}: {(*taken, there)[0]} {seen}. Expected a "
                "folder, or a place where one can be made. Give another."
            )

    def write(self, line: str) -> None:
        """Append one line to the event stream; it is on its way to the disk on return."""
        if self._events is None:
            self.path.mkdir(parents=True, exist_ok=True)
            self._events = open(self._part(EVENTS), "w", encoding="utf-8", newline="\n")  # noqa: SIM115 - closed by close()
        self._events.write(line + "\n")
        self._events.flush()

    def add(self, section: Section) -> None:
        """Add what the summary says of one batch."""
        self._sections.append(section)

    def take(self, lines: Sequence[str], section: Mapping[str, Any]) -> None:
        """Add one batch whole, as another process sent it: its lines and the fields of its section."""
        for line in lines:
            self.write(line)
        self.add(Section(**section))

    def close(self, interrupted: bool = False) -> None:
        """Put both files in place; where nothing was written, leave the folder as it was."""
        if self._events is None:
            return
        self._events.close()
        self._events = None
        text = page(self._sections, interrupted)
        self._part(SUMMARY).write_text(text, encoding="utf-8", newline="\n")
        for name in (EVENTS, SUMMARY):
            os.replace(self._part(name), self.path / name)

    def discard(self) -> None:
        """Forget this run: what the folder held before stays."""
        if self._events is not None:
            self._events.close()
            self._events = None
            self._part(EVENTS).unlink(missing_ok=True)

    def _part(self, name: str) -> Path:
        return self.path / (name + UNFINISHED)
