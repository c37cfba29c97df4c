"""The three-way verdict on an ending: as the baseline, as another order, or as none.

Decides mode and anomaly of a run. The words for it are composed in ``explanation``.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from fuzzharness.access import Kind, Touch
from fuzzharness.finding import Mode, Renamed
from fuzzharness.model import Raised
from fuzzharness.oracle.anomaly import (
    REFUSED,
    UNNAMED,
    Event,
    Witness,
    anomaly_of,
    events_of,
    last_writes,
    own_reads,
)
from fuzzharness.oracle.benign import Likeness, told
from fuzzharness.oracle.compare import as_tree, key_of, without
from fuzzharness.oracle.experiment import Spot, follows_value, hands_over
from fuzzharness.oracle.renaming import Structure
from fuzzharness.oracle.serial import SerialOutcomes, Told, is_serializable, serial_outcomes, silent
from fuzzharness.runtime.stage import Ran, Stage
from fuzzharness.search.survey import Survey


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with an ending, and the accesses that show it; ``keys`` are where it happened.

    Where it is benign, ``mapping`` says what has other names than in the baseline.
    """

    mode: Mode
    anomaly: str
    benign: bool
    witness: Witness | None
    keys: frozenset[Spot] = frozenset()
    mapping: tuple[Renamed, ...] = ()

    @property
    def kind(self) -> tuple[Mode, str, bool, frozenset[Spot]]:
        """What makes two diagnoses the same failure."""
        return self.mode, self.anomaly, self.benign, self.keys


class Judge:
    """Judges runs of the calls at ``positions`` against their serial outcomes, which it runs first.

    tell: is told of every serial order that is done.
    """

    def __init__(self, stage: Stage, positions: tuple[int, ...], tell: Told = silent) -> None:
        self.stage = stage
        self.serial: SerialOutcomes = serial_outcomes(stage, positions, tell)
        self._ignore = stage.settings.ignore
        self._baseline = self.key(self.serial.baseline)
        start = stage.start()
        self._start = without(start, self._ignore) if self._ignore else start
        self._likes: dict[Hashable, tuple[bool, tuple[Renamed, ...] | None]] = {}
        self._answers: dict[tuple[int, int], bool | None] = {}

    @cached_property
    def survey(self) -> Survey:
        """What the serial runs tell of the interleavings to come."""
        return Survey.of(self.serial.trails, len(self.serial.positions))

    def key(self, ran: Ran) -> Hashable:
        """What the ending of ``ran`` is told from others by."""
        return key_of(ran.outcome, self._ignore)

    def diagnose(self, ran: Ran, key: Hashable) -> Diagnosis | None:
        """What is wrong with the ending of ``ran``; None if it is the baseline."""
        if ran.trail.deadlock:
            return Diagnosis(Mode.DEADLOCK, "deadlock", False, None, _awaited(ran))
        if ran.unfinished:
            return Diagnosis(Mode.HANG, "hang", False, None)
        if key == self._baseline:
            return None
        as_serial, mapping = self._like(ran, key)
        if as_serial:
            diagnosis = self._of_order(ran, mapping is not None)
            return replace(diagnosis, mapping=mapping or ())
        if ran.trail.cycles:
            spots = frozenset((resource, key) for cycle in ran.trail.cycles for _, resource, key in cycle)
            return Diagnosis(Mode.DEADLOCK, "deadlock", False, None, spots)
        if _not_serialized(ran):
            return Diagnosis(Mode.SHARED_STATE, REFUSED, False, None)
        witness = anomaly_of(ran.trail)
        return _shown(Mode.SHARED_STATE, witness.anomaly if witness else UNNAMED, False, witness)

    def _like(self, ran: Ran, key: Hashable) -> tuple[bool, tuple[Renamed, ...] | None]:
        """Whether a serial order ends like ``ran``, up to names; and what is named otherwise if the
        baseline does, None if it differs in more.
        """
        if key not in self._likes:
            here, baseline = self._structure(ran), self._structures[0]
            as_serial = key in self.serial.endings or (
                not self.serial.complete and is_serializable(ran.trail)
            )
            if not as_serial:
                as_serial = self.likeness.among(here, self._structures)
            names = self.likeness.between(here, baseline) if as_serial else None
            self._likes[key] = as_serial, None if names is None else told(names)
        return self._likes[key]

    def _structure(self, ran: Ran) -> Structure:
        tree = as_tree(ran.outcome)
        return self.likeness.structure(without(tree, self._ignore) if self._ignore else tree)

    @cached_property
    def likeness(self) -> Likeness:
        """Compares endings up to names that runs made themselves."""
        batch = self.stage.batch
        calls = dict(zip(batch.labels, batch.calls, strict=True))
        return Likeness(self._start, self.stage.world.layout(), calls)

    @cached_property
    def _structures(self) -> list[Structure]:
        """The endings of the serial orders; that of the recorded order is the first."""
        return [self._structure(ran) for ran in self.serial.endings.values()]

    def _of_order(self, ran: Ran, benign: bool) -> Diagnosis:
        late = self._inverted(ran)
        if not late:
            return Diagnosis(Mode.CONTEXT, "order-dependent", benign, None)
        telling = self._telling(ran, late)
        if telling.events[0].writes and telling.events[1].writes:
            witness = Witness("last-writer-wins", telling.calls, last_writes(ran.trail, *telling.events))
            return _shown(Mode.SHARED_STATE, "last-writer-wins", benign, witness)
        mode = Mode.CONTEXT if self._uses_value(ran, telling) else Mode.TIMING
        return _shown(mode, _name(mode, telling), benign, _renamed(telling, _name(mode, telling)))

    def _telling(self, ran: Ran, late: list[Witness]) -> Witness:
        """The conflict of ``late`` that says most: by a read that a result follows from, else by one of what
        another call left, else of two writes."""
        reading = [w for w in late if not w.events[0].writes or not w.events[1].writes]
        for witness in reading:
            if self._differs(ran, _reader(witness).call):
                return witness
        own = own_reads(events_of(ran.trail))
        writing = [w for w in late if w.events[0].writes and w.events[1].writes]
        return next((w for w in (*reading, *writing) if _reader(w) not in own), late[0])

    def _inverted(self, ran: Ran) -> list[Witness]:
        """Conflicts between two calls that happened against the recorded order, strongest first."""
        events = events_of(ran.trail)
        found: dict[tuple[int, int, bool, bool], Witness] = {}
        for n, early in enumerate(events):
            for late in events[n + 1 :]:
                against = early.call > late.call and early.same(late)
                if against and (early.writes or late.writes):
                    by_value = Kind.READ in (early.kind, late.kind)
                    sign = (late.call, early.call, by_value, by_value and early.writes)
                    found.setdefault(sign, Witness("", (early.call, late.call), (early, late)))
        return sorted(found.values(), key=lambda w: (_strength(w), w.calls))

    def _differs(self, ran: Ran, call: int) -> bool:
        label = ran.labels[call]
        return ran.outcome.results[label] != self.serial.baseline.outcome.results[label]

    def _uses_value(self, ran: Ran, witness: Witness) -> bool:
        reader, writer = _reader(witness), _writer(witness)
        if reader.kind is Kind.CHECK and not hands_over(self.serial.baseline, reader.call, writer.call):
            return False
        if reader.call < writer.call:
            return True
        pair = (reader.call, writer.call)
        if pair not in self._answers:
            self._answers[pair] = follows_value(self.stage, self.serial.baseline, *pair)
        answer = self._answers[pair]
        if answer is None:
            return not isinstance(ran.outcome.results[ran.labels[reader.call]], Raised)
        return answer


def _shown(mode: Mode, anomaly: str, benign: bool, witness: Witness | None) -> Diagnosis:
    events = witness.events if witness is not None else ()
    return Diagnosis(mode, anomaly, benign, witness, frozenset((e.resource, e.key) for e in events))


def holders(ran: Ran) -> dict[Spot, int]:
    """For each lock that was taken the call that took it last."""
    holder: dict[Spot, int] = {}
    for call, touches in zip(ran.trail.order, ran.trail.touches, strict=True):
        holder.update({touch[:2]: call for touch in touches if touch[2] in (Kind.LOCK, Kind.TRY)})
    return holder


def awaited_by(ran: Ran, call: int) -> Spot | None:
    """What a call that never came to its end waits for, where that is known."""
    return ran.trail.awaits.get(call) or _lock_of(ran.trail.pending.get(call, ()))


def _awaited(ran: Ran) -> frozenset[Spot]:
    """The locks of a deadlock: those that the calls of one circle wait for, the first call's that has one."""
    holder = holders(ran)
    awaited = {call: awaited_by(ran, call) for call in ran.trail.stood}
    call, chain = min(awaited), list[int]()
    while call in awaited and call not in chain:
        chain.append(call)
        lock = awaited[call]
        call = -1 if lock is None else holder.get(lock, -1)
    circle = chain[chain.index(call) :] if call in chain else chain
    return frozenset(lock for lock in map(awaited.get, circle) if lock is not None)


_REFUSALS = ("could not serialize access", "database is locked")
"""How PostgreSQL and SQLite put it."""


def _not_serialized(ran: Ran) -> bool:
    """Whether a call ends with a database's refusal to serialize it, which it did not try again."""
    results = ran.outcome.results.values()
    return any(isinstance(r, Raised) and word in r.message for r in results for word in _REFUSALS)


def _lock_of(pending: Sequence[Touch]) -> Spot | None:
    return next((touch[:2] for touch in pending if touch[2] is Kind.LOCK), None)


def _reader(witness: Witness) -> Event:
    early, late = witness.events
    return late if early.writes else early


def _writer(witness: Witness) -> Event:
    early, late = witness.events
    return early if early.writes else late


def _strength(witness: Witness) -> int:
    kinds = {event.kind for event in witness.events}
    return 0 if Kind.READ in kinds else 1 if Kind.CHECK in kinds else 2


def _name(mode: Mode, witness: Witness) -> str:
    if mode is Mode.TIMING:
        return "missing-precondition" if not witness.events[0].writes else "premature-effect"
    return "stale-read" if not witness.events[0].writes else "future-read"


def _renamed(witness: Witness, anomaly: str) -> Witness:
    return Witness(anomaly, witness.calls, witness.events)
