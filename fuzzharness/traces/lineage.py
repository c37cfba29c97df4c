"""Lineage: which model was asked before a call ran, for recordings that keep no messages.

Decides which runs of one trace belong together where nothing says so: those below one agent, between
two times that its model was asked. Without any such time, those of one step of a graph, or else those
of one parent that were under way together. Knows no format and no call.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from fuzzharness.traces.span import Span

_EARLY = datetime.min.replace(tzinfo=UTC)

Key = tuple[Any, ...]


class Lineage:
    """The parent of each span of a trace, which are agents at work, and when models were asked."""

    def __init__(self) -> None:
        self._parents: dict[str, str | None] = {}
        self._agents: set[str] = set()
        self._runs: set[str] = set()
        self._chats: dict[str, Span] = {}

    def add(self, span: Span) -> None:
        """Remember where ``span`` stands."""
        self._parents[span.id] = span.parent
        if span.agent:
            self._agents.add(span.id)

    def add_run(self, span: Span) -> None:
        """Remember that ``span`` ran a call, below which other agents may be at work."""
        self.add(span)
        self._runs.add(span.id)

    def add_chat(self, span: Span) -> None:
        """Remember that ``span`` asked a model."""
        self._chats[span.id] = span

    def groups(self, runs: Iterable[Span]) -> Iterator[list[Span]]:
        """``runs``, those that belong together in one list, in the order in which they began.

        What a call ran without asking a model is left out: no message asked for it.
        """
        chats: dict[str | None, list[Key]] = {}
        for asked in sorted(self._chats.values(), key=_order):
            chats.setdefault(self._agent(asked), []).append(_order(asked))
        found: dict[Key, list[Span]] = {}
        for run in sorted(runs, key=_order):
            agent = self._agent(run)
            before = bisect_left(chats.get(agent, ()), _order(run))
            if before or agent not in self._runs:
                chat = chats[agent][before - 1] if before else None
                key = (agent, chat, None if chat else run.step or run.parent)
                found.setdefault(key, []).append(run)
        for (_, chat_before, _), group in found.items():
            yield from [group] if chat_before or all(run.step for run in group) else _together(group)

    def _agent(self, span: Span) -> str | None:
        """The nearest agent above ``span``, or None for the top of its trace."""
        here, seen = span.parent, set[str]()
        while here is not None and here not in seen and not self._at_work(here):
            seen.add(here)
            here = self._parents.get(here)
        return here if here not in seen else None

    def _at_work(self, id: str) -> bool:
        return id in self._agents or id in self._runs


def _together(group: list[Span]) -> Iterator[list[Span]]:
    """The parts of ``group`` that were under way together."""
    part, until = [group[0]], group[0].ended_at or _EARLY
    for span in group[1:]:
        if span.started_at is None or span.started_at >= until:
            yield part
            part = []
        part.append(span)
        until = max(until, span.ended_at or _EARLY)
    yield part


def _order(span: Span) -> Key:
    return (span.started_at is None, span.started_at or _EARLY, span.id)
