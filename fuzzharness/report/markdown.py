"""A run as a Markdown page: one table of verdicts, then each finding.

Decides layout and escaping: a value from a recording is never read as Markdown or HTML. Takes every
word from the modules beside it and never opens a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from fuzzharness.finding import Finding, Report
from fuzzharness.report.interleaving import Column, columns, ends, rows
from fuzzharness.report.terminal import Command, ordered
from fuzzharness.report.text import call_text, dotted, printable, shown
from fuzzharness.report.words import certified, headline, remarks, schedule_line, serious, verdict_line

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!])")


@dataclass(frozen=True, slots=True)
class Section:
    """One explored batch: its row in the table of verdicts and what the page says of it.

    ``source`` names it, ``head`` holds the cells verdict, runs and findings, ``body`` the text;
    ``missed`` what was expected of it and did not come true, None if nothing was expected.
    """

    source: str
    head: tuple[str, str, str]
    body: str
    missed: tuple[str, ...] | None = None


def section(report: Report, source: str, command: Command, missed: tuple[str, ...] | None = None) -> Section:
    """What the page says of ``report``; ``missed`` as in :class:`Section`."""
    word = "verified safe" if report.verified else report.verdict.value
    head = (word, f"{report.executions:,}", str(len(serious(report))))
    body = "\n".join(_body(report, source, command))
    return Section(source, head, body, missed)


def page(sections: Sequence[Section], interrupted: bool = False) -> str:
    """The whole page; ``interrupted`` says that batches are missing at its end."""
    return "\n".join([*_opening(sections, interrupted), *(section.body for section in sections)]) + "\n"


def words(text: str) -> str:
    """``text`` as words of a paragraph, nothing in it acting as Markdown or HTML."""
    return _SPECIAL.sub(r"\\\1", printable(text))


def code(text: str) -> str:
    """``text`` as a code span; inside a table its bars are escaped too."""
    text = printable(text) or " "
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", "\\|")


def _opening(sections: Sequence[Section], interrupted: bool) -> Iterator[str]:
    yield "# fuzzharness\n"
    if interrupted:
        yield "**Interrupted:** what follows is what was known by then.\n"
    heads = ("batch", "verdict", "runs", "findings", "as expected")
    yield from _table(heads, map(_verdict_row, sections))


def _verdict_row(section: Section) -> tuple[str, ...]:
    missed = section.missed
    told = "" if missed is None else "no: " + words("; ".join(missed)) if missed else "yes"
    return (words(section.source), *section.head, told)


def _body(report: Report, source: str, command: Command) -> Iterator[str]:
    yield f"## {words(source)}\n"
    yield words(verdict_line(report)) + "\n"
    told = [f"- {words(' '.join(remark.split()))}" for remark in remarks(report)]
    yield from [*told, ""] if told else []
    for finding in ordered(report):
        yield from _finding(finding, command(finding))


def _finding(finding: Finding, command: str) -> Iterator[str]:
    yield f"### {words(headline(finding))}\n"
    yield f"- schedule: {code(schedule_line(finding))}"
    yield f"- certificate: {words(certified(finding.certificate))}"
    yield from (f"- mapping: {code(str(renamed))}" for renamed in finding.mapping)
    yield f"- fingerprint: {code(finding.fingerprint)}\n"
    yield from _interleaving(finding)
    for end in ends(finding.execution):
        yield f"{words(end)}\n"
    if finding.diff:
        yield from _difference(finding)
    yield from (words(line) for line in finding.explanation.splitlines())
    yield f"\n{_fenced(command)}\n"


def _interleaving(finding: Finding) -> Iterator[str]:
    heads = columns(finding)
    body = []
    for row in rows(finding):
        cells = [""] * len(heads)
        cells[row.column] = "<br>".join(code(str(line)) for line in row.lines)
        body.append((row.number, *cells))
    yield from _table(("", *map(_head, heads)), body)


def _difference(finding: Finding) -> Iterator[str]:
    yield from _table(
        ("differs", "baseline", "here"),
        (
            (code(dotted(c.path)), code(shown(c.baseline, 200)), code(shown(c.here, 200)))
            for c in finding.diff
        ),
    )


def _head(column: Column) -> str:
    call = call_text(column.call) if column.call else column.label
    return f"{column.sign} {code(call)}"


def _table(heads: Sequence[str], body: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|" + " --- |" * len(heads)
    for cells in body:
        yield f"| {' | '.join(cells)} |"
    yield ""


def _fenced(command: str) -> str:
    return f"```sh\n{printable(command)}\n```"
