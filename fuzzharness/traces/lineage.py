"""Lineage: which model was asked before a call ran, for recordings that keep no messages.

Decides which runs of calls belong together where nothing says so: those below one agent, between
two times that its model was asked. Without any such time, those of one step of a graph, or else those
of one parent that were under way together. Knows no format and no call.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from fuzzharness.traces.span import Span

_EARLY = datetime.min.replace(tzinfo=UTC)

Key = tuple[Any, ...]


class Lineage:
    """The parent of each span, which of them are agents at work, and when models were asked."""

    def __init__(self) -> None:
        self._parents: dict[str, dict[str, str | None]] = {}
        self._agents: set[tuple[str, str]] = set()
        self._runs: set[tuple[str, str]] = set()
        self._chats: dict[tuple[str, str], Span] = {}

    def add(self, span: Span) -> None:
        """Remember where ``span`` stands."""
        self._parents.setdefault(span.trace, {})[span.id] = span.parent
        if span.agent:
            self._agents.add((span.trace, span.id))

    def add_run(self, span: Span) -> None:
        """Remember that ``span`` ran a call, below which other agents may be at work."""
        self.add(span)
        self._runs.add((span.trace, span.id))

    def add_chat(self, span: Span) -> None:
        """Remember that ``span`` asked a model."""
        self._chats[span.trace, span.id] = span

    def groups(self, runs: Iterable[Span]) -> dict[Key, list[Span]]:
        """``runs``, those that belong together under one key, in the order in which they began.

        What a call ran without asking a model is left out: no message asked for it.
        """
        chats: dict[Key, list[Span]] = {}
        for chat in sorted(self._chats.values(), key=_order):
            chats.setdefault(self._agent(chat), []).append(chat)
        found: dict[Key, list[Span]] = {}
        for run in sorted(runs, key=_order):
            agent = self._agent(run)
            before = [chat.id for chat in chats.get(agent, ()) if _order(chat) < _order(run)]
            key = (*agent, *((before[-1],) if before else (None, run.step or run.parent)))
            if before or agent not in self._runs:
                found.setdefault(key, []).append(run)
        return {key: group for whole in found.items() for key, group in _parted(*whole)}

    def _agent(self, span: Span) -> Key:
        """The nearest agent above ``span``, or the top of its trace."""
        here, seen = span.parent, set[str]()
        parents = self._parents.get(span.trace, {})
        while here is not None and here not in seen and not self._at_work(span.trace, here):
            seen.add(here)
            here = parents.get(here)
        return (span.trace, here if here not in seen else None)

    def _at_work(self, trace: str, id: str) -> bool:
        return (trace, id) in self._agents or (trace, id) in self._runs


def _parted(key: Key, group: list[Span]) -> Iterable[tuple[Key, list[Span]]]:
    """``group`` as it is after a model or in a step of a graph, else by what was under way together."""
    if key[2] is not None or all(span.step for span in group):
        yield key, group
        return
    parts: list[list[Span]] = []
    until = _EARLY
    for span in group:
        if not parts or span.started_at is None or span.started_at >= until:
            parts.append([])
        parts[-1].append(span)
        until = max(until, span.ended_at or _EARLY)
    yield from (((*key, n), part) for n, part in enumerate(parts))


def _order(span: Span) -> Key:
    return (span.started_at is None, span.started_at or _EARLY, span.id)
