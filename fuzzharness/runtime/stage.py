"""Stage: a batch, its tools and its world, made ready to be run any number of times.

Decides what every run has in common: bound calls, an open world, stood-in locks, the batches that
come before. Never decides who goes next and never judges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Any

from fuzzharness.access import Key, Step, Touch
from fuzzharness.errors import BatchError, ToolError, WorldError
from fuzzharness.finding import Escape, Execution
from fuzzharness.model import Batch, Outcome, Unfinished
from fuzzharness.runtime.affinity import one_core
from fuzzharness.runtime.backends import loop_of
from fuzzharness.runtime.caller import Body
from fuzzharness.runtime.control import controlled
from fuzzharness.runtime.crew import Crew
from fuzzharness.runtime.egress import Watcher
from fuzzharness.runtime.found import Found
from fuzzharness.runtime.gate import ThreadGate
from fuzzharness.runtime.instrument import instrumented
from fuzzharness.runtime.interrupts import uninterrupted
from fuzzharness.runtime.offload import threads_held
from fuzzharness.runtime.patches import Patches
from fuzzharness.runtime.register import REGISTER
from fuzzharness.runtime.rivals import rivals
from fuzzharness.runtime.run import Run
from fuzzharness.runtime.state import State
from fuzzharness.runtime.surroundings import Surroundings
from fuzzharness.runtime.trail import Choose, Trail
from fuzzharness.schedule import Schedule
from fuzzharness.settings import Settings
from fuzzharness.tools.toolbox import Bound, Toolbox
from fuzzharness.world import World
from fuzzharness.world.references import one_look
from fuzzharness.world.working_directory import begun


@dataclass(frozen=True)
class Ran:
    """One run of the calls at ``positions`` of a batch: what it did and how it ended."""

    batch: Batch
    positions: tuple[int, ...]
    trail: Trail
    outcome: Outcome

    @cached_property
    def schedule(self) -> Schedule:
        """The schedule the run took."""
        trail = self.trail
        return Schedule.from_order(
            self.batch.fingerprint, self.positions, trail.order, frozenset(trail.waits), trail.stood
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The label of each call that ran."""
        labels = self.batch.labels
        return tuple(labels[p] for p in self.positions)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """What each step did."""
        labels = self.labels
        return tuple(Step(labels[c], self.trail.accesses(i)) for i, c in enumerate(self.trail.order))

    @property
    def unfinished(self) -> tuple[tuple[str, str], ...]:
        """The calls that never came back, with the line they stood on."""
        results = self.outcome.results.items()
        return tuple((label, r.where) for label, r in results if isinstance(r, Unfinished))

    def execution(self) -> Execution:
        """The run as the public value."""
        trail = self.trail
        return Execution(
            self.schedule, self.steps, self.outcome, self.unfinished, trail.deadlock, tuple(trail.stalled)
        )


class Stage:
    """A context manager; inside it :meth:`run` may be called any number of times.

    Raises :class:`BatchError`, :class:`ToolError` or :class:`WorldError` before anything has run.
    """

    def __init__(
        self, batch: Batch, tools: Toolbox, world: World, settings: Settings, before: Sequence[Batch] = ()
    ) -> None:
        _check_kinds(batch, tools, world)
        batch.check()
        self.batch, self.world, self.settings = batch, world, settings
        self._bound = [tools.bind(call, world.names) for call in batch.calls]
        self._before = [[tools.bind(call, world.names) for call in earlier.calls] for earlier in before]
        everything = [*self._bound, *(bound for calls in self._before for bound in calls)]
        self._loops = {id(bound): loop_of(bound, settings.loop) for bound in everything}
        self._crew = Crew()
        self._fine = False
        self._ways = 0
        self.rivals: dict[str, None] = {}
        self._found = Found([b.tool for b in self._bound])
        self._patches = Patches()
        self._gate = ThreadGate(settings.allow_network)
        self._state = State([b.tool for b in self._bound], instrumented(), world.names, settings.ignore)
        self._stack = ExitStack()
        self.labels = batch.labels

    def __enter__(self) -> Stage:
        with one_look():
            self._open()
        return self

    def _open(self) -> None:
        with ExitStack() as stack:
            stack.enter_context(begun())
            self.world.open(self._gate)
            stack.callback(self.world.close)
            stack.callback(self._patches.close)
            stack.callback(self._found.close)
            self._found.open()
            self._patches.open()
            stack.enter_context(one_core())
            stack.callback(self._dismiss)
            stack.enter_context(Watcher(self._gate, self.world))
            self._settle = stack.enter_context(controlled(self._gate))
            stack.enter_context(threads_held())
            self._state.open(self._gate)
            stack.callback(self._state.close)
            self._run_before()
            self._surroundings = Surroundings(self._state.unwatched, self.settings.ignore)
            self._stack = stack.pop_all()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with uninterrupted():
            self._stack.close()

    @property
    def escapes(self) -> tuple[Escape, ...]:
        """What was touched outside the world so far."""
        self._state.check()
        self.world.check()
        for name in self._surroundings.changed():
            self._gate.escape(f"{name} was changed by a run and cannot be watched or brought back")
        return tuple(self._gate.escapes)

    @property
    def hidden(self) -> tuple[tuple[str, str], ...]:
        """The calls with an argument that bears the name of a resource, and that name."""
        calls = zip(self.labels, self.batch.calls, strict=True)
        return tuple(
            (label, name) for label, call in calls for name in call.args or () if name in self.world.names
        )

    def _run_before(self) -> None:
        if not self._before:
            return
        live = self._reset()
        self._patches.begin()
        earlier = [bound for calls in self._before for bound in calls]
        for place, bound in enumerate(earlier, 1):
            run = self._execute([bound], live, lambda ready, *_: ready[0], places=(-place,))
            if isinstance(run.results[0], Unfinished):
                raise BatchError(
                    f"{bound.name}, called before the batch, {run.results[0]}. Expected the batches "
                    "before to come to their end. Leave it out, or set call_timeout higher."
                )
        self.world.mark()
        self._found.mark()
        REGISTER.mark()
        self._state.mark()

    def _execute(
        self,
        bound: Sequence[Bound],
        live: Mapping[str, Any],
        choose: Choose,
        detailed: bool = False,
        places: Sequence[int] | None = None,
    ) -> Run:
        """One run on the resources ``live``; with a new set of threads if one could not be stopped."""
        self._crew.muster()
        bodies = [Body(b.name, b.body(live), self._loops[id(b)]) for b in bound]
        timeout, fine = self.settings.call_timeout, self._fine or _mixed(bodies)
        run = Run(bodies, self._crew, choose, timeout, detailed, places, fine)
        try:
            run.execute()
        except BaseException:
            self._dismiss()
            raise
        finally:
            self._note(run)
            self._put_right(bound)
        if run.disturbed:
            self._dismiss()
        return run

    def _note(self, run: Run) -> None:
        """What a run showed of the way the calls run."""
        if run.threaded and run.loops and not run.fine and not self._fine:
            self._fine = True
            self._ways += 1
        for call, place in run.trail.left:
            what = "something that a tool started goes on behind the end of its call, and never ends"
            self._gate.escapes.setdefault(Escape(what, run.callers[call].body.name, place))
        self.rivals.update(dict.fromkeys(rivals(run)))

    def _put_right(self, bound: Sequence[Bound]) -> None:
        """After a run: report what it left changed in the process, and by which tool if that is known."""
        for what in self._settle():
            names = {b.name for b in bound}
            self._gate.escapes.setdefault(Escape(what, names.pop() if len(names) == 1 else None))

    def start(self) -> dict[str, Any]:
        """The state that every run begins with."""
        self._reset()
        return self.capture()

    def _reset(self) -> Mapping[str, Any]:
        live = self.world.reset()
        self._state.reset()
        return live

    def capture(self) -> dict[str, Any]:
        """The state of the world, and what was changed beside it, as it stands now."""
        return {**self.world.capture(), **self._state.capture()}

    def perturb(self, resource: str, key: Key) -> bool:
        """Change the value at ``key`` to another of its type; False where that cannot be done."""
        return self.world.perturb(resource, key) or self._state.perturb(resource, key)

    @property
    def learned(self) -> int:
        """Grows whenever what was run before turns out not to be comparable with what comes."""
        return self._state.learned + self._ways + self.world.learned

    @property
    def stateful(self) -> bool:
        """Whether there is state beside the world that a call might change."""
        return self._state.watches

    def learn_no_more(self) -> None:
        """Make every access to state a step of its own from now on."""
        self._state.watch_all()

    @property
    def beside(self) -> dict[int, set[Touch]]:
        """By call, what it touches beside the world and some call changes."""
        return self._state.shared()

    def run(self, positions: Sequence[int], choose: Choose, detailed: bool = False) -> Ran:
        """Reset the world and run the calls at ``positions`` once, as ``choose`` says."""
        live = self._reset()
        self._found.free()
        self._patches.begin()
        run = self._execute([self._bound[p] for p in positions], live, choose, detailed, positions)
        trail = run.trail
        state = {} if trail.cut else self.capture()
        results = {self.labels[p]: result for p, result in zip(positions, run.results, strict=True)}
        if run.abandoned:
            self._renew()
        return Ran(self.batch, tuple(positions), trail, Outcome(state, results))

    def _dismiss(self) -> None:
        self._crew.dismiss()

    def _renew(self) -> None:
        """A thread could not be stopped: leave it the old world and go on in a new one."""
        self._state.close()
        self.world.close()
        self.world.open(self._gate)
        self._state.open(self._gate)
        self._run_before()


def _mixed(bodies: Sequence[Body]) -> bool:
    """Whether some calls run on threads beside event loops, or on several of these."""
    return len({body.loop for body in bodies}) > 1


def _check_kinds(batch: object, tools: object, world: object) -> None:
    """Say in words what a type checker would have said."""
    given = ((batch, Batch, BatchError), (tools, Toolbox, ToolError), (world, World, WorldError))
    for value, kind, error in given:
        if not isinstance(value, kind):
            raise error(
                f"a {type(value).__name__} was given where a {kind.__name__} belongs. Expected "
                f"explore(batch, tools, world) with a fh.Batch, a fh.Toolbox and a fh.World. {_HINTS[kind]}"
            )


_HINTS = {
    Batch: "A Trace holds batches: give one of trace.batches.",
    Toolbox: "Write fh.Toolbox({'name': function}).",
    World: "Write fh.World(name=resource); call a function that makes one.",
}
