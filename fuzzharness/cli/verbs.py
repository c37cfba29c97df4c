"""Verbs: how any command ends, well or not.

Decides the exit code and the words of what went wrong; knows no command.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from fuzzharness.errors import FuzzHarnessError

CLEAN, FINDINGS, INTERRUPTED, INTERNAL, USAGE, NOTHING = range(6)
"""Exit codes, those of pytest."""

EPILOG = """\b
Exit codes: 0 everything as expected, 1 something not, 2 interrupted, 3 internal
error, 4 bad usage or bad input (nothing is written then), 5 nothing to run.
"""


class Verbs(click.Group):
    """A group that ends with our exit codes: click's own 2 for bad usage means "interrupted" here."""

    def main(self, args: Sequence[str] | None = None, *given: Any, **named: Any) -> Any:
        """Run the command of ``args`` and exit; the parameters are those of :meth:`click.Command.main`."""
        named["standalone_mode"] = False
        _survive_odd_encodings()
        try:
            code = super().main(args, *given, **named)
        except click.ClickException as error:
            error.show()
            code = USAGE
        except FuzzHarnessError as error:
            click.echo(f"fuzzharness: {_one_paragraph(error)}", err=True)
            code = USAGE
        except (click.Abort, KeyboardInterrupt):
            click.echo("fuzzharness: interrupted", err=True)
            code = INTERRUPTED
        except Exception:
            traceback.print_exc()
            click.echo("fuzzharness: this is an error in fuzzharness itself; please report it", err=True)
            code = INTERNAL
        sys.exit(code or CLEAN)


_SPELLED = {" lenient=True ": " --lenient ", " format= ": " --format "}
"""How advice names an argument of the library, and how the command line does."""


def _one_paragraph(error: Exception) -> str:
    from fuzzharness.report.text import paragraph

    text = " ".join(paragraph(str(error)).split())
    for python, option in _SPELLED.items():
        text = text.replace(python, option)
    return text


def _survive_odd_encodings() -> None:
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
