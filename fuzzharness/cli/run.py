"""``fuzzharness run``: explore the batches of scenarios, or of a recording.

Decides what is run and with which settings; :mod:`fuzzharness.cli.running` decides the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fuzzharness.cli.options import given, judging, reading, searching, sources
from fuzzharness.cli.running import Running
from fuzzharness.cli.verbs import EPILOG, NOTHING
from fuzzharness.errors import TraceError
from fuzzharness.options import settled

if TYPE_CHECKING:
    from fuzzharness.scenario import Scenario


@click.command(epilog=EPILOG)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@sources
@reading
@searching
@judging
@click.option(
    "--report",
    metavar="DIR",
    type=click.Path(file_okay=False, writable=True, path_type=Path),
    help="Write events.jsonl and summary.md into DIR.",
)
@click.option(
    "--mutate",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    help="Explore N more batches made of each: a call dropped or duplicated, arguments swapped.",
)
def run(
    paths: tuple[str, ...],
    tools: str | None,
    world: str | None,
    report: Path | None,
    mutate: int,
    **options: Any,
) -> int:
    """Explore the batches of scenarios, or of a recording, and print what goes wrong.

    PATH is a scenario file, a folder that is searched for NAME.scenario.toml, or, with --tools and
    --world, a recording. Settings in a scenario file win over the options given here. A scenario
    without [expect] is as expected unless a batch of it is unsafe.

    \b
    fuzzharness run scenarios
    fuzzharness run scenarios/seed-story --report reports
    fuzzharness run session.json --tools tools.py --world world.py:world
    fuzzharness run scenarios --mutate 5
    """
    from fuzzharness.report.folder import ReportFolder
    from fuzzharness.report.text import printable
    from fuzzharness.scenario.selection import nothing_at, scenarios_at

    how = {name: options.pop(name) for name in ("format", "lenient")}
    chosen = given(options)
    settings = settled(chosen)
    folder = ReportFolder(report) if report else None
    if folder is not None:
        folder.check()
    scenarios = list(scenarios_at(paths, tools, world, **how))
    if not scenarios:
        click.echo(f"fuzzharness: nothing to run: {printable(nothing_at(paths))}", err=True)
        return NOTHING
    if not sum(scenario.check() for scenario in scenarios):
        raise _without_calls(scenarios)
    return Running(settings, chosen | how, folder, mutate).all(scenarios)


def _without_calls(scenarios: Sequence[Scenario]) -> TraceError:
    from fuzzharness.report.text import printable

    recordings = dict.fromkeys(str(scenario.recording) for scenario in scenarios)
    left_out = sum(scenario.left_out() for scenario in scenarios)
    all_of = f" that can be run, all {left_out} being without arguments," if left_out else ""
    return TraceError(
        f"there is no tool call{all_of} in {printable(', '.join(recordings))}. Expected an assistant message "
        "with at least one. Give a recording of a turn that calls tools, or leave this one out."
    )
