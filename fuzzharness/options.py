"""Options: what a command line, an environment or an ini file may set, and which of them wins.

Decides the names, the kinds and the order of sources. Reads no file and no command line: pytest and
click do, each in its one module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fuzzharness.errors import SettingsError
from fuzzharness.settings import STRATEGIES, Settings


@dataclass(frozen=True, slots=True)
class Option:
    """One option: the type of its value, and what it does, for ``--help``; one of kind bool is a flag."""

    kind: type[int] | type[float] | type[str] | type[bool]
    help: str


OPTIONS: Final[Mapping[str, Option]] = {
    "strategy": Option(str, "one of " + ", ".join(STRATEGIES)),
    "max_executions": Option(int, "runs of one batch at most"),
    "budget": Option(float, "seconds the search of one batch may take"),
    "seed": Option(int, "all chance is drawn from it: same seed, same findings"),
    "strict_replay": Option(bool, "fail where recorded order gives another result than was recorded"),
}
"""The settings that can be given outside the code, by the name they have in Settings."""


_WORDS: Final = {"1": True, "true": True, "yes": True, "on": True,
                 "0": False, "false": False, "no": False, "off": False}  # fmt: skip
_EXPECTED: Final = {int: "a whole number", float: "a number", bool: "1 or 0"}


def variable(name: str) -> str:
    """The environment variable of an option: ``FUZZ_MAX_EXECUTIONS``."""
    return f"FUZZ_{name.upper()}"


def from_environment(name: str, kind: type, environ: Mapping[str, str]) -> Any:
    """The value that ``environ`` has for the option ``name``, or None; raises :class:`SettingsError`."""
    text = environ.get(variable(name))
    if not text:
        return None
    try:
        return _WORDS[text.lower()] if kind is bool else kind(text)
    except (ValueError, KeyError):
        expected = _EXPECTED[kind]
        raise SettingsError(
            f"the environment has {variable(name)}={text!r}. Expected {expected}. Change it or unset it."
        ) from None


def settled(*sources: Mapping[str, Any]) -> Settings:
    """The settings of ``sources``, weakest first; a value of None says nothing.

    Raises :class:`SettingsError` for an unknown name or a value out of range.
    """
    found = {name: value for source in sources for name, value in source.items() if value is not None}
    return Settings().but(**found)
