"""Settings: how long, how deep and how strictly a batch is explored.

Decides what a setting may be. Reads no file and no environment: the plugin and the command line do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from fuzzharness.errors import SettingsError

LOOPS = ("auto", "asyncio", "trio")

STRATEGIES = ("auto", "dpor", "random", "urw", "surw", "pct", "pos", "bounded", "serial")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the search may spend and what counts as a difference.

    strategy: one of :data:`STRATEGIES`. ``auto`` runs one interleaving of every class of equivalent ones
        where these fit into ``max_executions``, and else takes samples in several ways; ``dpor`` runs
        classes whatever their number; ``bounded`` runs every interleaving by rising preemptions; ``serial``
        only the calls one after another, in every order; the others are samplers.
    max_executions: complete runs of the search at most.
    budget: seconds the search may take, or None for no limit. With a limit the number of runs, and
        so possibly the findings, depend on the machine.
    seed: all chance is drawn from it; same seed, same findings.
    call_timeout: seconds after which a call that neither ends nor reaches a gate counts as stuck.
    ignore: dotted patterns of places that may differ, ``db.orders.*.created_at``, ``results.*.id``.
    strict_order: let benign findings (order of a collection, surrogate ids) fail too.
    strict_replay: fail where the calls in recorded order give another result than was recorded.
    preemptions: the most preemptions the bounded search tries, or None for no bound.
    loop: the event loop of async tools, one of :data:`LOOPS`. ``auto`` takes trio for those whose code names
        trio, asyncio for all others; tools written with anyio can be explored on both.
    allow_network: hosts, by name or address, that calls may connect to although they are not this machine.
    """

    strategy: str = "auto"
    max_executions: int = 5_000
    budget: float | None = None
    seed: int = 0
    call_timeout: float = 5.0
    ignore: tuple[str, ...] = ()
    strict_order: bool = False
    strict_replay: bool = False
    preemptions: int | None = None
    loop: str = "auto"
    allow_network: tuple[str, ...] = ()

    if not TYPE_CHECKING:  # a type checker knows the names by the fields

        def __new__(cls, *_values: Any, **named: Any) -> Settings:
            _check_names(named)
            return object.__new__(cls)

    def __post_init__(self) -> None:
        if isinstance(self.ignore, str):
            raise _wrong("ignore", self.ignore, 'a list of patterns, as ("db.orders.*.created_at",)')
        if isinstance(self.allow_network, str):
            raise _wrong("allow_network", self.allow_network, 'a list of hosts, as ("api.example.com",)')
        if not all(isinstance(pattern, str) and pattern for pattern in self.ignore):
            raise _wrong("ignore", self.ignore, 'patterns that are not empty, as ("db.orders.*.created_at",)')
        object.__setattr__(self, "ignore", tuple(self.ignore))
        object.__setattr__(self, "allow_network", tuple(self.allow_network))
        if self.strategy not in STRATEGIES:
            raise _wrong("strategy", self.strategy, "one of " + ", ".join(STRATEGIES))
        if self.loop not in LOOPS:
            raise _wrong("loop", self.loop, "one of " + ", ".join(LOOPS))
        _number(self, "max_executions", int, least=1)
        _number(self, "seed", int, least=None)
        _number(self, "call_timeout", float, least=0.001)
        if self.budget is not None:
            _number(self, "budget", float, least=0.0)
        if self.preemptions is not None:
            _number(self, "preemptions", int, least=0)

    def but(self, **changes: Any) -> Settings:
        """These settings with ``changes``; an unknown name raises :class:`SettingsError`."""
        _check_names(changes)
        return replace(self, **changes)


def _check_names(given: Iterable[str]) -> None:
    known = [f.name for f in fields(Settings)]
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise SettingsError(f"there is no setting {name!r}.{hint} Expected one of: {', '.join(known)}.")


def _number(settings: Settings, name: str, kind: type, least: float | None) -> None:
    value = getattr(settings, name)
    allowed = (int, float) if kind is float else (int,)
    fits = isinstance(value, allowed) and not isinstance(value, bool)
    if not fits or (least is not None and value < least):
        bound = "" if least is None else f" of at least {least:g}"
        raise _wrong(name, value, ("a number" if kind is float else "a whole number") + bound)


def _wrong(name: str, value: object, expected: str) -> SettingsError:
    return SettingsError(f"the setting {name} is {value!r}. Expected {expected}. Change it there.")
