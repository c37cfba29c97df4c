"""``fuzzharness import``: recordings to one file of ours.

Decides what the options mean; :mod:`fuzzharness.importing` does the work.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fuzzharness.cli.options import Command, reading
from fuzzharness.cli.verbs import CLEAN, EPILOG, NOTHING

if TYPE_CHECKING:
    from fuzzharness.importing import Disguising, Selection


def _disguising(command: Command) -> Command:
    hide = "Replace names, mails, phones, addresses, cards, IBANs and IPs by made-up ones."
    rules = "Rules of your own, as [[rule]] tables with kind and key, pattern or value."
    rule = "One such rule: KIND:key=GLOB, KIND:pattern=REGEX, KIND:value=TEXT; the kind keep leaves alone."
    secret = "What pseudonyms follow from; else FUZZHARNESS_SECRET, else drawn and forgotten."
    file = click.Path(dir_okay=False, path_type=Path)
    command = click.option("--locale", default="en_US", show_default=True, help="Faker's locale.")(command)
    command = click.option("--secret-file", type=file, metavar="FILE", help=secret)(command)
    command = click.option("--rule", multiple=True, metavar="RULE", help=rule)(command)
    command = click.option("--pseudonymise-rules", type=file, metavar="FILE", help=rules)(command)
    return click.option("--pseudonymise", is_flag=True, help=hide)(command)


def _selecting(command: Command) -> Command:
    least = "Keep batches of at least N calls: 2+ for those whose calls could meet. What is left out before "
    least += "one that is kept is written to be run before it, and not explored."
    alike = (
        "Keep one of several batches that call the same tools with arguments of one shape, equal where the "
    )
    alike += "others' are."
    sample = "Keep N batches, drawn by lot."
    command = click.option("--seed", type=int, default=0, show_default=True, help="Of that lot.")(command)
    command = click.option("--sample", type=click.IntRange(1), metavar="N", help=sample)(command)
    command = click.option("--dedupe", is_flag=True, help=alike)(command)
    return click.option("--batches", metavar="N+", help=least)(command)


@click.command("import", epilog=EPILOG)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "-o", "--output", required=True, metavar="FILE", type=click.Path(dir_okay=False, allow_dash=True)
)
@reading
@_selecting
@_disguising
@click.option("--scenario", is_flag=True, help="Also write NAME.scenario.toml beside FILE, to be filled in.")
def import_(paths: tuple[str, ...], output: str, scenario: bool, **options: Any) -> int:
    """Write the tool calls of recordings to FILE: JSON lines, one batch a line.

    PATH is a recording in any format that RUN takes, a folder or a pattern; - is the standard input, and as
    FILE the standard output. Only what a replay needs is kept: tools, arguments,
    ids, results and times. Nothing in a recording is run or resolved. FILE is there whole or not at all.

    Secrets (passwords, tokens, keys) are always masked. With --pseudonymise personal data is replaced as
    well, by values that follow from a secret and the data itself: what was equal stays equal, what was
    distinct stays distinct, so calls conflict as they did. Look at the result before you hand it on: data
    that neither a key nor its form tells is found only by a rule.

    \b
    fuzzharness import session.jsonl -o turns.jsonl --batches 2+ --dedupe
    fuzzharness import logs/*.jsonl -o turns.jsonl --pseudonymise --secret-file .secret
    fuzzharness import a.json -o a.jsonl --pseudonymise --rule 'name:key=member*'
    """
    from rich.console import Console

    from fuzzharness.importing import import_recordings
    from fuzzharness.importing.output import STANDARD
    from fuzzharness.report.imported import told
    from fuzzharness.report.reading import Reading

    selection, disguising = _selection(options), _disguise(options)
    how = {"format": options["format"], "lenient": options["lenient"], "scenario": scenario}
    read = [Path("/dev/stdin" if path == "-" else path) for path in paths]
    place = STANDARD if output == "-" else Path(output)
    with Reading(Console(file=sys.stderr)) as listener:
        summary = import_recordings(read, place, selection, disguising, **how, listener=listener)
    for line in told(summary):
        click.echo(line, err=place == STANDARD)
    if summary.replaced and disguising.secret is None:
        click.echo(
            "fuzzharness: no secret was given, so one was drawn and forgotten: the same import again would "
            "come out otherwise. Give --secret-file or FUZZHARNESS_SECRET for one that does not.",
            err=True,
        )
    return CLEAN if summary.kept else NOTHING


def _selection(options: dict[str, Any]) -> Selection:
    from fuzzharness.importing.selection import Selection, at_least

    least = 1 if options["batches"] is None else at_least(options["batches"])
    return Selection(least, options["dedupe"], options["sample"], options["seed"])


def _disguise(options: dict[str, Any]) -> Disguising:
    from fuzzharness.importing import Disguising
    from fuzzharness.privacy import secret_from
    from fuzzharness.privacy.rules import rule, rules_from

    file, personal = options["pseudonymise_rules"], options["pseudonymise"]
    rules = (*map(rule, options["rule"]), *(rules_from(file) if file else ()))
    if not personal and any(not rule.always for rule in rules):
        raise click.UsageError("rules for personal data need --pseudonymise; only those for secrets do not")
    return Disguising(personal, secret_from(options["secret_file"], os.environ), rules, options["locale"])
