"""Record: what every view says of one batch, gathered while it is run.

Decides nothing: it listens to one exploration and asks the views. Never runs a tool and never
writes a file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fuzzharness.events import Event, Finished, Listener
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
    keep: Callable[[Record], None],
    judge: Callable[[Report], tuple[str, ...]] | None = None,
) -> Report:
    """Call ``run`` with a listener and ``keep`` what the views say of its events and its report.

    After Ctrl-C, of what is known until then. source: the name of the batch in every view. judge: what of
    the report is not as expected.
    """
    lines: list[str] = []
    reports: list[Report] = []

    def listen(event: Event) -> None:
        lines.append(line(event, source))
        if isinstance(event, Finished):
            reports.append(event.report)

    try:
        return run(listen)
    finally:
        for report in reports:
            keep(_record(report, source, command, lines, judge))


def _record(
    report: Report,
    source: str,
    command: Command,
    lines: Sequence[str],
    judge: Callable[[Report], tuple[str, ...]] | None,
) -> Record:
    missed = judge(report) if judge else None
    width = width_for()
    text = plain(compose(report, (source,), command, width, missed or ()), width)
    commands = tuple(command(finding) for finding in ordered(report))
    return Record(report, text, commands, tuple(lines), section(report, source, command, missed), missed)
