"""The gate: what counts as one step, and what of a call the schedule gets to see."""

from contextlib import suppress
from typing import Any

import fuzzharness as fh
from fuzzharness.access import Kind
from fuzzharness.finding import Escape
from fuzzharness.runtime.gate import ThreadGate
from fuzzharness.runtime.stage import Ran

GATE = ThreadGate()
R, W = "read", "write"


def steps(ran: Ran) -> list[str]:
    """Each step in short: ``"0: write x, read y"``."""
    return [
        f"{call}: " + ", ".join(f"{kind.value} {'.'.join(key)}" for _, key, kind in touches)
        for call, touches in zip(ran.trail.order, ran.trail.touches, strict=True)
    ]


def access(key: str, kind: Kind = Kind.WRITE) -> None:
    GATE.access("r", (key,), kind)


def note(key: str, kind: Kind = Kind.WRITE) -> None:
    GATE.note("r", (key,), kind)


def test_every_access_is_a_step(run: Any) -> None:
    def tool() -> None:
        access("x", Kind.READ)
        access("x")

    assert steps(run(tool)) == ["0: read x", "0: write x"]


def test_a_call_that_touches_nothing_is_one_empty_step(run: Any) -> None:
    assert steps(run(lambda: None)) == ["0: "]


def test_several_accesses_can_be_one_step(run: Any) -> None:
    def tool() -> None:
        GATE.accesses("r", [(("x",), Kind.READ), (("y",), Kind.WRITE)])
        GATE.accesses("r", [])

    assert steps(run(tool)) == ["0: read x, write y"]


def test_what_is_noted_belongs_to_the_step_under_way(run: Any) -> None:
    def tool() -> None:
        access("x")
        note("y")
        access("z")
        note("y", Kind.READ)

    assert steps(run(tool)) == ["0: write x, write y", "0: write z, read y"]


def test_what_is_noted_first_is_a_step(run: Any) -> None:
    def tool() -> None:
        note("x")
        note("y")

    assert steps(run(tool)) == ["0: write x, write y"]


def test_a_mark_stays_the_same_within_a_step_only(run: Any) -> None:
    def tool() -> list[object]:
        access("x")
        first = GATE.mark()
        note("y")
        second = GATE.mark()
        access("x")
        return [first, second, GATE.mark()]

    [returned] = run(tool).outcome.results.values()
    marks = returned.value
    assert marks[0] == marks[1] != marks[2]


def test_two_calls_never_have_the_same_mark(run: Any) -> None:
    def tool() -> object:
        access("x")
        return GATE.mark()

    first, second = run(tool, tool).outcome.results.values()
    assert first != second


# ---- atomic ---------------------------------------------------------------------------------------


def test_accesses_of_an_atomic_block_are_taken_without_a_switch(run: Any) -> None:
    def tool() -> None:
        access("x")
        with fh.atomic():
            access("a")
            access("b")
        access("y")

    assert steps(run(tool)) == ["0: write x", "0: write a, write b", "0: write y"]


def test_an_atomic_block_that_comes_first_is_a_step(run: Any) -> None:
    def tool() -> None:
        with fh.atomic():
            access("a")
            access("b")
        access("y")

    assert steps(run(tool)) == ["0: write a, write b", "0: write y"]


def test_an_atomic_block_within_another_ends_with_the_outer_one(run: Any) -> None:
    def tool() -> None:
        with fh.atomic():
            access("a")
            with fh.atomic():
                access("b")
            access("c")
        access("d")

    assert steps(run(tool)) == ["0: write a, write b, write c", "0: write d"]


def test_an_atomic_block_that_raises_is_over(run: Any) -> None:
    def tool() -> None:
        with suppress(ZeroDivisionError), fh.atomic():
            access("a")
            raise ZeroDivisionError
        access("b")
        access("c")

    assert steps(run(tool)) == ["0: write a", "0: write b", "0: write c"]


def test_an_empty_atomic_block_makes_no_step(run: Any) -> None:
    def tool() -> None:
        access("a")
        with fh.atomic():
            pass
        access("b")

    assert steps(run(tool)) == ["0: write a", "0: write b"]


# ---- outside of calls -----------------------------------------------------------------------------


def test_outside_of_calls_nothing_is_held_and_nothing_recorded() -> None:
    access("x")
    note("x")
    GATE.accesses("r", [(("x",), Kind.WRITE)])
    GATE.wake("r")
    with fh.atomic():
        access("x")
    assert (GATE.inside, GATE.mark(), GATE.here(), GATE.wait("r")) == (False, None, None, False)


def test_inside_of_a_call_the_gate_knows_it(run: Any) -> None:
    assert run(lambda: GATE.inside).outcome.results == {"call-1": fh.Returned(True)}


def test_places_are_known_where_the_run_asks_for_them(run: Any) -> None:
    def tool() -> str | None:
        place = GATE.here()
        return place.function if place else None

    assert run(tool, detailed=True).outcome.results["call-1"] == fh.Returned("tool")
    assert run(tool).outcome.results["call-1"] == fh.Returned(None)


# ---- waiting --------------------------------------------------------------------------------------


def waiting(ctx: Any) -> bool:
    ctx["first"] = 1
    woken = GATE.wait("row")
    ctx["last"] = 1
    return woken


def waking(ctx: Any) -> None:
    ctx["other"] = 1
    GATE.wake("row")


def test_a_call_that_waits_goes_on_when_another_has_woken_it(run: Any) -> None:
    ran = run(waiting, waking)
    assert ran.outcome.results["call-1"] == fh.Returned(True)
    assert ran.trail.order == [0, 1, 0, 0]
    assert ran.schedule.preemptions == 0


def test_a_call_that_nobody_is_left_to_wake_is_told_so(run: Any) -> None:
    ran = run(waiting, order=(0,))
    assert ran.outcome.results["call-1"] == fh.Returned(False)
    assert ran.trail.deadlock is False


def test_a_wake_for_another_resource_does_not_count(run: Any) -> None:
    ran = run(waiting, lambda: GATE.wake("another"))
    assert ran.outcome.results["call-1"] == fh.Returned(False)


# ---- values ---------------------------------------------------------------------------------------


def test_a_read_shows_the_value_before_the_step_and_a_write_the_one_after(run: Any) -> None:
    def tool(ctx: Any) -> None:
        ctx["x"] = ctx["x"] + 1

    values = [[access.value for access in step.accesses] for step in run(tool, detailed=True, x=1).steps]
    assert values == [[1], [2]]


def test_a_value_that_cannot_be_shown_is_no_failure_of_the_call(run: Any) -> None:
    def tool() -> str:
        GATE.access("r", ("x",), Kind.READ, lambda: 1 // 0)
        return "fine"

    ran = run(tool, detailed=True)
    assert ran.outcome.results["call-1"] == fh.Returned("fine")
    assert ran.steps[0].accesses[0].value is None


# ---- escapes --------------------------------------------------------------------------------------


def test_an_escape_is_kept_once(run: Any) -> None:
    gate = ThreadGate()

    def tool() -> None:
        for _ in range(3):
            gate.escape("the moon")

    run(tool)
    (escape,) = gate.escapes
    assert (escape.what, escape.tool, escape.place.function) == ("the moon", "t0", "tool")


def test_an_escape_outside_of_calls_has_no_tool() -> None:
    gate = ThreadGate()
    gate.escape("the moon")
    assert list(gate.escapes) == [Escape("the moon")]
