"""``fuzzharness replay``: run one interleaving again.

Decides which batch a token is run on, and that only an unsafe ending fails.
"""

from __future__ import annotations

from typing import Any

import click

from fuzzharness.cli.options import given, judging, reading, sources
from fuzzharness.cli.printing import show
from fuzzharness.cli.verbs import CLEAN, EPILOG, FINDINGS
from fuzzharness.options import settled, variable


@click.command(epilog=EPILOG)
@click.argument("token")
@click.argument("path", metavar="PATH[::BATCH]")
@sources
@reading
@judging
@click.option("--seed", type=int, envvar=variable("seed"), help="The seed a mutated BATCH was made with.")
def replay(token: str, path: str, tools: str | None, world: str | None, **options: Any) -> int:
    """Run one interleaving again: TOKEN as a report printed it, on the PATH it was found in.

    Exits with 1 if the batch is unsafe: it ends unlike its calls in recorded order, and not only in
    the order of a collection or in generated ids. Else with 0. What the tools print is shown.
    """
    from fuzzharness.errors import ScenarioError
    from fuzzharness.finding import Verdict
    from fuzzharness.scenario.selection import fitting, nothing_at, replay_command, scenarios_at
    from fuzzharness.schedule import Schedule

    schedule = Schedule.from_token(token)
    where, _, name = path.partition("::")
    how = {name: options.pop(name) for name in ("format", "lenient")}
    chosen = given(options)
    found = list(scenarios_at((where,), tools, world, **how))
    if not found:
        raise ScenarioError(f"nothing to replay: {nothing_at((where,))}")
    scenario, trial = fitting(schedule, found, name, settled(chosen))
    settings = scenario.applied(settled(chosen))
    with scenario.opened() as setup:
        report = trial.replay(schedule, setup.tools, setup.world(), settings, lambda _: None)
    titles = (f"{scenario.path}::{trial.name}", scenario.title)
    show(report, titles, lambda _: replay_command(scenario, trial, schedule.token, chosen | how))
    return FINDINGS if report.verdict is Verdict.UNSAFE else CLEAN
