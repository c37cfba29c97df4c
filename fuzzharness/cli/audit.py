"""``fuzzharness audit``: what a recording alone lets one suspect.

Decides what is printed; :mod:`fuzzharness.audit` suspects, and runs nothing.
"""

from __future__ import annotations

import json

import click

from fuzzharness.cli.verbs import CLEAN, FINDINGS, NOTHING

_EPILOG = """\b
Evidence, and what it weighs:
  6  statements of both reach one row, one of them writes
  5  an argument is known from nowhere but the other's result
  4  one tool, not named like a reader, twice on one key
  3  statements of both reach one table, one of them writes
  3  an argument is empty that the other's result would fill
  2  two tools, not both named like readers, on one value
  2  tools that otherwise come in a fixed order, turn by turn
  1  added to any of these: the calls overlapped in time
  1  added to an empty argument: the call failed
The weights of a pair of calls are added up; the heaviest pair comes first, pairs of
one weight in the order of the recording.

\b
Exit codes: 0 nothing suspected, 1 something suspected, 2 interrupted, 3 internal
error, 4 bad usage or bad input, 5 no batch has two calls.
"""


@click.command(epilog=_EPILOG)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--format", "format_", metavar="NAME", help="The format of the recording; else recognised.")
@click.option("--lenient", is_flag=True, help="Leave malformed parts out and count them.")
@click.option("--json", "as_data", is_flag=True, help="Print one JSON object instead of text.")
def audit(paths: tuple[str, ...], format_: str | None, lenient: bool, as_data: bool) -> int:
    """List the conflicts that recordings alone let one suspect, without running any tool.

    PATH is a recording, a directory of some, or a pattern in quotes; several are read as one directory is.
    Looks at each two calls of a batch: their arguments, results and times, the order of tools in the
    rest of the session, and the statements of databases in spans below the calls (OTLP). What is
    listed is suspected, never found, and what is not listed is not thereby safe: explore with RUN.
    """
    from fuzzharness.audit import audit as suspected
    from fuzzharness.report.suspicions import as_json, tally, told
    from fuzzharness.traces.statements import statements
    from fuzzharness.traces.whereabouts import Recordings

    recordings = Recordings(paths, format_, lenient)
    trace = recordings.trace
    suspicions = suspected(trace, statements(recordings.files, trace, format=format_, lenient=lenient))
    if as_data:
        click.echo(json.dumps(as_json(paths, recordings, suspicions)))
    else:
        for line in [*told(recordings, suspicions), tally(recordings, suspicions)]:
            click.echo(line)
    if all(len(batch.calls) < 2 for batch in trace.batches):
        return NOTHING
    return FINDINGS if suspicions else CLEAN
