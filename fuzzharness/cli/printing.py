"""Printing: a report on the terminal, or as plain text where there is none.

Decides which of the two. Every word is of :mod:`fuzzharness.report`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fuzzharness.finding import Finding, Report


def show(report: Report, titles: tuple[str, ...], command: Callable[[Finding], str]) -> None:
    """Print ``report`` under ``titles``; ``command`` is what replays a finding."""
    from rich.console import Console
    from rich.text import Text

    from fuzzharness.report.terminal import compose, plain, width_for
    from fuzzharness.report.terminal import show as show_on

    console = Console(markup=False, highlight=False, emoji=False)
    if console.is_terminal:
        show_on(console, [*compose(report, titles, command, console.width), Text()])
    else:
        width = width_for()
        click.echo(plain(compose(report, titles, command, width), width) + "\n")
