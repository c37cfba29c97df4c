"""Small programs without a runtime: calls made of reads, writes and locks that a scheduler drives.

What a step touches and which steps follow may depend on what was read. Every interleaving of such a
program can be run, so that a search can be compared with brute force.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

from fuzzharness.access import Kind, Touch, dependent
from fuzzharness.runtime.trail import Choose, Trail
from fuzzharness.search.scheduler import Scheduler

R, W, LOCK, TRY, UNLOCK = Kind.READ, Kind.WRITE, Kind.LOCK, Kind.TRY, Kind.UNLOCK
WAITS = {"await": Kind.CHECK, "set": W, "clear": W, "down": W, "up": W}
"""Steps on a flag (``await``, ``set``, ``clear``) and on a counter (``down``, ``up``)."""


@dataclass(frozen=True)
class Op:
    """One step: ``do`` is its name in the machine, ``x`` and ``y`` variables or a lock, ``a`` a number."""

    do: str
    x: str = "x"
    y: str = "y"
    a: int = 0


Program = tuple[tuple[Op, ...], ...]
"""The steps of each call."""


def _channel(op: Op) -> tuple[str, str]:
    return "counter" if op.do in ("down", "up") else "flag", op.x


@dataclass
class _Machine:
    program: Program
    memory: dict[str, int] = field(default_factory=dict)
    owner: dict[str, int] = field(default_factory=dict)
    touched: list[Touch] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.at = [0] * len(self.program)
        self.seen = list(range(1, len(self.program) + 1))
        self.line: list[tuple[tuple[str, ...], int]] = []
        self.roused: set[int] = set()

    def ready(self) -> list[int]:
        return [c for c, steps in enumerate(self.program) if self.at[c] < len(steps) and not self._waits(c)]

    def _waits(self, call: int) -> bool:
        op = self.op(call)
        return (op.do == "lock" and op.x in self.owner) or (_channel(op), call) in self.line

    def op(self, call: int) -> Op:
        return self.program[call][self.at[call]]

    def announced(self, call: int) -> tuple[Touch, ...]:
        op = self.op(call)
        if op.do in WAITS:
            return self._of_wait(call, op)
        kinds = {"write": W, "lock": LOCK, "try": TRY, "unlock": UNLOCK}
        return (("lock" if op.do in ("lock", "try", "unlock") else "v", (op.x,), kinds.get(op.do, R)),)

    def _of_wait(self, call: int, op: Op) -> tuple[Touch, ...]:
        touch = (_channel(op)[0], (op.x,), WAITS[op.do])
        if call not in self.roused and (_channel(op), call) not in self.line:
            return (touch,)
        woken = ("waiting", (call,), Kind.WOKEN)
        return (woken,) if op.do == "await" else (woken, touch)

    def step(self, call: int) -> list[Touch]:
        op = self.op(call)
        self.touched = []
        self.at[call] += 1
        getattr(self, op.do)(call, op)
        return self.touched

    def _get(self, name: str) -> int:
        self.touched.append(("v", (name,), R))
        return self.memory.get(name, 0)

    def _put(self, name: str, value: int) -> None:
        self.touched.append(("v", (name,), W))
        self.memory[name] = value % 3

    def read(self, call: int, op: Op) -> None:
        self.seen[call] = self._get(op.x)

    def write(self, call: int, op: Op) -> None:
        self._put(op.x, self.seen[call] + op.a + 1)

    def skip(self, call: int, op: Op) -> None:
        """Leave out the next step, unless it is one of a lock."""
        following = self.program[call][self.at[call] : self.at[call] + 1]
        if self._get(op.x) == op.a and following and following[0].do not in ("lock", "try", "unlock"):
            self.at[call] += 1

    def swap(self, call: int, op: Op) -> None:
        """Compare and set, in one step."""
        if self._get(op.x) == op.a:
            self._put(op.x, op.a + call + 1)
        else:
            self.seen[call] = self.memory.get(op.x, 0)

    def add(self, _call: int, op: Op) -> None:
        self._put(op.x, self._get(op.x) + 1)

    def either(self, call: int, op: Op) -> None:
        """Read one variable to learn whether another is to be written or read, in one step."""
        if self._get(op.x) == op.a:
            self._put(op.y, self.seen[call] + 1)
        else:
            self.seen[call] = self._get("z")

    def lock(self, call: int, op: Op) -> None:
        self.touched.append(("lock", (op.x,), LOCK))
        self.owner[op.x] = call

    def unlock(self, _call: int, op: Op) -> None:
        self.touched.append(("lock", (op.x,), UNLOCK))
        del self.owner[op.x]

    def _rouse(self, *channel: str, count: int | None = None) -> None:
        roused = [entry for entry in self.line if entry[0] == channel][:count]
        for entry in roused:
            self.line.remove(entry)
            self.roused.add(entry[1])
            self.touched.append(("waiting", (entry[1],), Kind.WAKE))

    def _attempt(self, call: int, op: Op, free: bool) -> bool:
        self.touched += self._of_wait(call, op)
        self.roused.discard(call)
        if not free:
            self.line.append((_channel(op), call))
            self.at[call] -= 1
        return free

    def await_(self, call: int, op: Op) -> None:
        self._attempt(call, op, call in self.roused or bool(self.memory.get(f"flag {op.x}")))

    def set(self, call: int, op: Op) -> None:
        self.touched += self._of_wait(call, op)
        self.memory[f"flag {op.x}"] = 1
        self._rouse("flag", op.x)

    def clear(self, call: int, op: Op) -> None:
        self.touched += self._of_wait(call, op)
        self.memory[f"flag {op.x}"] = 0

    def down(self, call: int, op: Op) -> None:
        left = self.memory.get(f"counter {op.x}", 1)
        if self._attempt(call, op, left > 0):
            self.memory[f"counter {op.x}"] = left - 1

    def up(self, call: int, op: Op) -> None:
        self.touched += self._of_wait(call, op)
        self.memory[f"counter {op.x}"] = self.memory.get(f"counter {op.x}", 1) + 1
        self._rouse("counter", op.x, count=1)

    def try_(self, call: int, op: Op) -> None:
        """Take a lock if it is free, else leave out the steps that need it."""
        self.touched.append(("lock", (op.x,), TRY))
        if op.x not in self.owner:
            self.owner[op.x] = call
        else:
            self.at[call] += op.a


setattr(_Machine, "try", _Machine.try_)
setattr(_Machine, "await", _Machine.await_)


@dataclass(frozen=True)
class Ended:
    """One run: its trail, and all that can be told from its ending."""

    trail: Trail
    ending: Any


def execute(program: Program, choose: Choose) -> Ended:
    """Run ``program`` once, as ``choose`` says."""
    machine, trail, running = _Machine(program), Trail(), None
    while ready := machine.ready():
        chosen = choose(ready, running, trail)
        if chosen is None:
            trail.cut = True
            break
        trail.announced.append(machine.announced(chosen))
        trail.attempts += machine.op(chosen).do in ("await", "down")
        touched = machine.step(chosen)
        trail.order.append(chosen)
        trail.touches.append(touched)
        running = chosen
    left = [c for c, steps in enumerate(program) if machine.at[c] < len(steps)]
    if left and not trail.cut:
        trail.deadlock, trail.stood = True, tuple(left)
        trail.pending = {call: machine.announced(call) for call in left}
    return Ended(trail, (tuple(sorted(machine.memory.items())), tuple(machine.seen), tuple(left)))


def searched(program: Program, scheduler: Scheduler) -> Iterator[Ended]:
    """The runs of a search, to its end."""
    last = None
    while scheduler.begin(last):
        ended = execute(program, scheduler.choose)
        last = ended.trail
        yield ended


def serially(program: Program) -> Iterator[Ended]:
    """One run for every serial order."""
    for order in permutations(range(len(program))):
        yield execute(program, _serial(order))


def _serial(order: Sequence[int]) -> Choose:
    def choose(ready: Sequence[int], running: int | None, _trail: Trail) -> int:
        return running if running in ready else next(c for c in order if c in ready)

    return choose


def every_run(program: Program, limit: int) -> list[Ended] | None:
    """All interleavings, by brute force; None if there are more than ``limit``."""
    found: list[Ended] = []
    beginnings: list[list[int]] = [[]]
    while beginnings:
        found.append(execute(program, _explorer(beginnings.pop(), beginnings)))
        if len(found) > limit:
            return None
    return found


def _explorer(beginning: list[int], beginnings: list[list[int]]) -> Choose:
    def choose(ready: Sequence[int], _running: int | None, trail: Trail) -> int:
        step = len(trail.order)
        if step < len(beginning):
            return beginning[step]
        beginnings.extend([*trail.order, other] for other in ready[1:])
        return ready[0]

    return choose


def class_of(trail: Trail) -> Any:
    """The class of a run: equal for two runs that only swap independent neighbours (Foata's normal form)."""
    placed: list[tuple[int, int, frozenset[Touch]]] = []
    for call, touches in zip(trail.order, trail.touches, strict=True):
        after = [level for level, other, known in placed if other == call or _meet(touches, known)]
        placed.append((max(after, default=-1) + 1, call, frozenset(touches)))
    return frozenset(placed)


def _meet(some: Sequence[Touch], others: frozenset[Touch]) -> bool:
    return any(dependent(a, b) for a in some for b in others)


PLAIN = ("read", "write", "read", "write", "skip")
BY_VALUE = ("swap", "add", "either", "swap")


def waiting_program(chance: random.Random) -> Program:
    """Two to four short calls that wait for each other by flags and counters, and read and write."""
    calls = chance.randint(2, 4)
    words = ("read", "write", *WAITS, "await", "down", "up")
    sizes = {2: 4, 3: 3, 4: 2}
    return tuple(
        tuple(Op(chance.choice(words), chance.choice("xy")) for _ in range(chance.randint(1, sizes[calls])))
        for _ in range(calls)
    )


def random_program(chance: random.Random, by_value: float = 0.0, locks: float = 0.0) -> Program:
    """Two to four short calls; ``by_value`` is the share of steps whose accesses depend on values."""
    calls = chance.randint(2, 4)
    names = "xyz"[: chance.randint(1, 3)]
    program = []
    for _ in range(calls):
        steps = [
            Op(
                chance.choice(BY_VALUE if chance.random() < by_value else PLAIN),
                chance.choice(names),
                chance.choice(names),
                chance.randint(0, 2),
            )
            for _ in range(chance.randint(1, {2: 4, 3: 3, 4: 2}[calls]))
        ]
        program.append(tuple(_locked(chance, steps) if chance.random() < locks else steps))
    return tuple(program)


def _locked(chance: random.Random, steps: list[Op]) -> list[Op]:
    """``steps`` with a part of them around a lock, or two, or behind one that is only tried."""
    name, other = chance.sample("mk", 2)
    start = chance.randint(0, len(steps))
    end = chance.randint(start, len(steps))
    inside = steps[start:end]
    if chance.random() < 0.25:
        inside = [op for op in inside[:1] if op.do != "skip"]
        begin = [Op("try", name, a=len(inside) + 1)]
    elif chance.random() < 0.35:
        begin, inside = [Op("lock", name)], [Op("lock", other), *inside, Op("unlock", other)]
    else:
        begin = [Op("lock", name)]
    return [*steps[:start], *begin, *inside, Op("unlock", name), *steps[end:]]


def without_choices(program: Program) -> Program:
    """``program`` without steps that decide by what they read which steps follow."""
    return tuple(tuple(op for op in steps if op.do != "skip") for steps in program)


def renamed(program: Program) -> Program:
    """``program`` on variables of its own."""
    return tuple(tuple(Op(op.do, op.x.upper(), op.y.upper(), op.a) for op in steps) for steps in program)
