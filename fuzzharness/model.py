"""The nouns of a recording and of an ending: Call, Batch, Trace, Outcome.

Decides what a batch is and when it can be explored. Never runs a tool and never reads a file.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from fuzzharness.errors import BatchError
from fuzzharness.literal import literal


@dataclass(frozen=True, slots=True)
class Call:
    """One tool invocation as recorded.

    ``args`` is the mapping of argument names to JSON values, or ``None`` when the recording had
    text there that is not a JSON object; that text is then kept in ``invalid_args``. ``result`` is
    what the recording says the call returned (never used to run it), ``error`` whether it failed,
    ``opaque`` whether that is only the text of a value, None or one that is not JSON. The ``id`` is as
    recorded, a number only where the format counts its calls (JSON-RPC).
    """

    tool: str
    args: Mapping[str, Any] | None = field(default_factory=dict)
    id: str | int | None = None
    result: Any = None
    error: bool = False
    started_at: datetime | None = None
    ended_at: datetime | None = None
    invalid_args: str | None = None
    opaque: bool = False

    def __str__(self) -> str:
        args = ", ".join(f"{name}={value!r}" for name, value in (self.args or {}).items())
        return f"{self.tool}({args})"


@dataclass(frozen=True, slots=True)
class Batch:
    """The calls of one assistant message, in the order of the message.

    ``before``: a recording has it only to be run before those behind it, not to be explored. ``behind`` is
    how many places before it in its trace the batch stands that it goes on from; 0 begins a session.
    """

    calls: tuple[Call, ...]
    id: str | None = None
    before: bool = False
    behind: int = field(default=1, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "calls", tuple(self.calls))

    @property
    def labels(self) -> tuple[str, ...]:
        """The id of each call, as text; ``call-1``, ``call-2``, … where the recording has none."""
        return tuple(
            f"call-{n}" if call.id in (None, "") else str(call.id) for n, call in enumerate(self.calls, 1)
        )

    @property
    def fingerprint(self) -> str:
        """Eight hex digits that name the tools and arguments, whatever the ids are."""
        shape = [[call.tool, call.args] for call in self.calls]
        text = json.dumps(shape, sort_keys=True, default=repr)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def take(self, positions: tuple[int, ...]) -> Batch:
        """The batch of the calls at ``positions`` only, each under the label it has here."""
        labels = self.labels
        kept = (self.calls[p] for p in positions)
        named = (replace(c, id=labels[p]) for p, c in zip(positions, kept, strict=True))
        return Batch(tuple(named), self.id)

    def check(self) -> None:
        """Raise :class:`BatchError` unless the batch has calls and each has an id of its own."""
        name = f"batch {self.id!r}" if self.id else "the batch"
        if not self.calls:
            raise BatchError(
                f"{name} has no calls. Expected at least one call to run. "
                "Give Batch(calls=(Call(...), ...)), or leave the empty batch out."
            )
        twice = [label for label, n in Counter(self.labels).items() if n > 1]
        if twice:
            raise BatchError(
                f"{name} has more than one call with the id {twice[0]!r}. Expected every call of a "
                "batch to bear an id of its own, since results and findings are told apart by it. "
                "Rename one of them, or leave the ids out."
            )


@dataclass(frozen=True, slots=True)
class Trace:
    """The batches of one recorded session, in order.

    ``format`` names the reader that read it; ``skipped`` counts what a lenient reader left out,
    and half a line at the end of a recording of ours that broke off.
    """

    batches: tuple[Batch, ...]
    format: str | None = None
    skipped: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "batches", tuple(self.batches))

    def leading_to(self, number: int) -> tuple[Batch, ...]:
        """The batches that its session has before the one at ``number``, counted from 0, in order."""
        found = list[Batch]()
        while self.batches[number].behind and (number := number - self.batches[number].behind) >= 0:
            found.append(self.batches[number])
        return tuple(reversed(found))

    def having(self, batches: Sequence[Batch | None]) -> Trace:
        """This trace with ``batches`` in the places of its own; None leaves one out.

        What went on from a batch that is left out goes on from the one that it went on from itself.
        """
        found, stands = list[Batch](), list[int]()
        for number, (own, batch) in enumerate(zip(self.batches, batches, strict=True)):
            earlier = stands[number - own.behind] if 0 < own.behind <= number else -1
            stands.append(earlier if batch is None else len(found))
            if batch is not None:
                found.append(replace(batch, behind=0 if earlier < 0 else len(found) - earlier))
        return replace(self, batches=tuple(found))


@dataclass(frozen=True, slots=True)
class Returned:
    """A call came back with ``value``."""

    value: Any

    def __str__(self) -> str:
        return f"returned {literal(self.value)}"


@dataclass(frozen=True, slots=True)
class Raised:
    """A call ended with an exception of class ``type`` whose text is ``message``."""

    type: str
    message: str

    def __str__(self) -> str:
        first = self.message.partition("\n")[0]
        return f"raised {self.type}: {first}" if first else f"raised {self.type}"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A call never came back; ``where`` says what it was doing."""

    where: str

    def __str__(self) -> str:
        return f"never came back: {self.where}"


Result = Returned | Raised | Unfinished


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    ``state`` maps each resource to plain nested mappings (key, table and row, file), ``results``
    each call's label to what it returned or raised.
    """

    state: Mapping[str, Any]
    results: Mapping[str, Result]
