"""Record: what every view says of one batch, gathered while it is run.

Decides nothing: it listens to one exploration and asks the views. Never runs a tool and never
writes a file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fuzzharness.events import Event, Listener
from fuzzharness.finding import Report
from fuzzharness.report.jsonl import line
from fuzzharness.report.markdown import Section, section
from fuzzharness.report.terminal import Command, compose, ordered, plain, width_for


@dataclass(frozen=True, slots=True)
class Record:
    """The ``report`` of a batch; as ``text``; its ``commands``, one for each finding; its part of the
    event stream and of the summary; what was expected and ``missed``, None where nothing was.
    """

    report: Report
    text: str
    commands: tuple[str, ...]
    lines: tuple[str, ...]
    section: Section
    missed: tuple[str, ...] | None


def record(
    run: Callable[[Listener], Report],
    source: str,
    command: Command,
    judge: Callable[[Report], tuple[str, ...]] | None = None,
) -> Record:
    """Call ``run`` with a listener and keep what the views say of its events and its report.

    source: the name of the batch in every view. judge: what of the report is not as expected.
    """
    lines: list[str] = []

    def listen(event: Event) -> None:
        lines.append(line(event, source))

    report = run(listen)
    missed = judge(report) if judge else None
    width = width_for()
    text = plain(compose(report, (source,), command, width, missed or ()), width)
    commands = tuple(command(finding) for finding in ordered(report))
    return Record(report, text, commands, tuple(lines), section(report, source, command, missed), missed)
