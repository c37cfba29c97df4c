"""The command line, one file a command: ``run``, ``replay``, ``import`` and ``audit``.

Decides which commands there are. Leaves exploring to :mod:`fuzzharness.scenario` and every word of a finding
to :mod:`fuzzharness.report`. Importing this package loads neither: they are imported by the commands, so that
Ctrl-C meanwhile ends as it does later.
"""

from __future__ import annotations

import click

from fuzzharness.cli import audit, importing, replay, run
from fuzzharness.cli.verbs import EPILOG, Verbs

__all__ = ["main"]


@click.group(cls=Verbs, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fuzzharness", prog_name="fuzzharness")
def main() -> None:
    """Replay recorded tool-call batches of an LLM agent under every interleaving that matters.

    A scenario file (NAME.scenario.toml) names a recording, the tools and the world they share, and
    may say what is expected. RUN explores; REPLAY repeats one interleaving that RUN printed. AUDIT
    needs a recording alone, and suspects. IMPORT makes recordings smaller, alike, and safe to keep.
    """


for command in (run.run, replay.replay, importing.import_, audit.audit):
    main.add_command(command)
