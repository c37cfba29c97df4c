"""A report as text: for the command line in colour, for pytest plain.

Decides layout and colour. Takes every word from the modules beside it, and never lets a value be
read as markup: all of them enter as :class:`rich.text.Text`.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fuzzharness.finding import Finding, Report, Verdict
from fuzzharness.report.interleaving import Column, Row, columns, ends, rows
from fuzzharness.report.text import call_text, dotted, paragraph, printable, shown
from fuzzharness.report.words import certified, headline, remarks, schedule_line, serious, verdict_line

NARROWEST_COLUMN = 26
_COLOUR = {Verdict.SAFE: "bold green", Verdict.UNSAFE: "bold red", Verdict.INCONCLUSIVE: "bold yellow"}

Command = Callable[[Finding], str]
"""Given a finding: the command line that replays it."""


def render(report: Report, width: int | None = None) -> str:
    """``report`` as the command line prints it, without colour: verdict, reasons, notes, and each finding
    with its interleaving, what differs, the explanation, and the call that replays it.

    width: characters of a line, held between 80 and 120; None for the terminal's.
    """
    columns = width_for(width)
    return plain(compose(report, (report.batch.id or "batch",), _as_call, columns), columns)


def _as_call(finding: Finding) -> str:
    return f"fh.replay({finding.schedule.token!r}, batch, tools, world)"


def compose(
    report: Report, titles: Sequence[str], command: Command, width: int, missed: Sequence[str] = ()
) -> Iterator[RenderableType]:
    """One report: its titles and verdict, what was ``missed`` of what was expected of it, remarks, and
    each finding with the command that replays it as the last line.
    """
    yield _unbroken(titles[0], "bold")
    for title in titles[1:]:
        yield _indented(printable(title))
    yield _indented(verdict_line(report), _COLOUR[report.verdict])
    for disappointment in missed:
        yield _indented(f"NOT AS EXPECTED: {printable(disappointment)}", "bold red")
    for remark in remarks(report):
        yield _indented(remark)
    for finding in ordered(report):
        yield from compose_finding(finding, command(finding), width)


def compose_finding(finding: Finding, command: str, width: int) -> Iterator[RenderableType]:
    """One finding: its name and size, the interleaving, the diff, the explanation, the command."""
    yield Text()
    yield Text(headline(finding), "bold")
    yield _line("schedule", schedule_line(finding))
    yield _line("certificate", certified(finding.certificate))
    for renamed in finding.mapping:
        yield _line("mapping", printable(str(renamed)))
    yield Text()
    yield interleaving(finding, width)
    for end in ends(finding.execution):
        yield Text(end)
    if finding.diff:
        yield Text()
        yield difference(finding)
    yield Text()
    yield Text(paragraph(finding.explanation))
    yield Text()
    yield _unbroken(command, "cyan")


def ordered(report: Report) -> tuple[Finding, ...]:
    """The findings to show: benign ones first, so that a grave one's command is the last line."""
    grave = serious(report)
    return (*(f for f in report.findings if f not in grave), *grave)


def interleaving(finding: Finding, width: int) -> Table:
    """Time down, one column per call; where those would be too narrow, marks and one column of text."""
    heads = columns(finding)
    if (width - 6) // max(len(heads), 1) >= NARROWEST_COLUMN:
        return _wide(heads, rows(finding))
    return _narrow(heads, rows(finding))


def difference(finding: Finding) -> Table:
    """Where the two endings differ, and how."""
    table = _table()
    table.add_column(Text("differs"), overflow="fold")
    table.add_column(Text("baseline"), overflow="fold")
    table.add_column(Text("here"), overflow="fold")
    for change in finding.diff:
        cells = (dotted(change.path), shown(change.baseline, 120), shown(change.here, 120))
        table.add_row(*map(Text, cells))
    return table


def plain(renderables: Iterable[RenderableType], width: int) -> str:
    """The text of ``renderables`` without colour, no line ending in blanks."""
    buffer = io.StringIO()
    console = Console(file=buffer, width=width, no_color=True, color_system=None, legacy_windows=False)
    for renderable in renderables:
        console.print(renderable, soft_wrap=_is_unbroken(renderable))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def show(console: Console, renderables: Iterable[RenderableType]) -> None:
    """Print ``renderables`` on ``console``."""
    for renderable in renderables:
        console.print(renderable, soft_wrap=_is_unbroken(renderable))


def width_for(columns: int | None = None) -> int:
    """The width to lay out for: the terminal's, held between 80 and 120."""
    return min(max(columns or shutil.get_terminal_size((100, 24)).columns, 80), 120)


def _unbroken(text: str, style: str) -> Text:
    """A line that is printed as one however long it is, so that it can be copied."""
    return Text(printable(text), style, no_wrap=True, overflow="ignore")


def _is_unbroken(renderable: RenderableType) -> bool:
    return isinstance(renderable, Text) and bool(renderable.no_wrap)


def _indented(text: str, style: str = "") -> Padding:
    return Padding(Text(text, style), (0, 0, 0, 2))


def _line(name: str, text: str) -> Text:
    return Text.assemble((f"{name:<12}", "dim"), text)


def _table() -> Table:
    return Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), header_style="bold", show_edge=False)


def _wide(heads: tuple[Column, ...], body: tuple[Row, ...]) -> Table:
    table = _table()
    table.add_column(Text(""), justify="right", style="dim")
    for head in heads:
        table.add_column(Text(_named(head, below=True)), overflow="fold")
    for row in body:
        cells = [Text("")] * len(heads)
        cells[row.column] = _cell(row)
        table.add_row(Text(row.number), *cells)
    return table


def _narrow(heads: tuple[Column, ...], body: tuple[Row, ...]) -> Table:
    table = _table()
    table.add_column(Text(""), justify="right", style="dim")
    for head in heads:
        table.add_column(Text(head.sign))
    legend = "\n".join(_named(head, below=False) for head in heads)
    table.add_column(Text(legend), overflow="fold")
    for row in body:
        marks = [Text("●" if n == row.column else "·") for n in range(len(heads))]
        table.add_row(Text(row.number), *marks, _cell(row))
    return table


def _named(head: Column, below: bool) -> str:
    """The call with its sign, and its label behind or ``below`` it."""
    label = printable(head.label)
    if head.call is None:
        return f"{head.sign}  {label}"
    return f"{head.sign}  {call_text(head.call)}" + ("\n   " if below else "  ") + label


def _cell(row: Row) -> Text:
    return Text("\n").join(
        Text.assemble(line.what, ("  " + line.where if line.where else "", "dim")) for line in row.lines
    )
