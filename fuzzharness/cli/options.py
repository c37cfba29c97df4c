"""Options that several commands have in common, and what was given of them.

Decides what each is called and what its help says. Reads no file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from fuzzharness.options import OPTIONS, variable

Command = TypeVar("Command", bound=Callable[..., Any])


def sources(command: Command) -> Command:
    tools = "The tools, where PATH is a recording: FILE.py, FILE.py:NAME or package.module:NAME."
    world = "The world, where PATH is a recording: FILE.py:NAME, a World or a function that returns one."
    command = click.option("--world", metavar="FILE:NAME", help=world)(command)
    return click.option("--tools", metavar="FILE[:NAME]", help=tools)(command)


def reading(command: Command) -> Command:
    format = "The format of the recordings; else it is recognised."
    lenient = "Leave malformed parts out and count them."
    command = click.option("--lenient", is_flag=True, help=lenient)(command)
    return click.option("--format", metavar="NAME", help=format)(command)


def judging(command: Command) -> Command:
    ignore = "A dotted pattern of places that may differ, as db.orders.*.created_at; may be repeated."
    strict = "Let a different order of a collection or other generated ids fail too."
    timeout = "Seconds after which a call that neither ends nor reaches a gate counts as stuck."
    command = click.option("--ignore", multiple=True, metavar="PATTERN", help=ignore)(command)
    command = click.option("--strict-order", is_flag=True, default=None, help=strict)(command)
    return click.option("--call-timeout", type=float, metavar="SECONDS", help=timeout)(command)


def searching(command: Command) -> Command:
    bound = "The most preemptions that the search tries."
    command = click.option("--preemptions", type=int, metavar="N", help=bound)(command)
    for name, option in reversed(list(OPTIONS.items())):
        flag = "--" + name.replace("_", "-")
        told = f"{option.help[0].upper()}{option.help[1:]}."
        if option.kind is bool:
            command = click.option(flag, is_flag=True, default=None, envvar=variable(name), help=told)(
                command
            )
        else:
            command = click.option(flag, type=option.kind, envvar=variable(name), help=told)(command)
    return command


def given(options: dict[str, Any]) -> dict[str, Any]:
    """Those of ``options`` that were given."""
    return {name: value for name, value in options.items() if value not in (None, ())}
