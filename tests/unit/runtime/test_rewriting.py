"""Rewritten functions do what they did, on the lines they did it, and announce the names they bind."""

import dis
import inspect
import sys
import traceback
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fuzzharness as fh
from fuzzharness.runtime.gate import ThreadGate
from fuzzharness.runtime.stage import Ran, Stage
from fuzzharness.runtime.state import State
from fuzzharness.search.serial import in_order

SOURCE = '''
"""A module with every construct that binds a global."""
import contextlib

X = 1
ITEMS = [1, 2]


class Config:
    total = 0
    __hidden = 0

    @classmethod
    def hide(cls):
        cls.__hidden += 1
        return cls.__hidden


def augmented():
    global X
    X += 1
    return X


def each_operator():
    global X
    X -= 1
    X *= 6
    X //= 2
    X **= 2
    X |= 8
    X <<= 1
    return X


def in_place():
    global ITEMS
    ITEMS += [3]
    return ITEMS


def a_tuple():
    global X
    X, y = y, X = 5, 6
    return X, y


def starred():
    global X
    first, *X = 1, 2, 3
    return first, X


def chained():
    global X
    a = X = b = 7
    return a, X, b


def a_walrus():
    global X
    return [(X := X + n) for n in (1, 2)], X


def a_loop():
    global X
    for X in range(3):
        pass
    return X


def a_with():
    global X
    with contextlib.nullcontext(9) as X:
        return X


def an_exception():
    global X
    try:
        raise ValueError("seen")
    except ValueError as X:
        text = str(X)
    return text, "X" in globals()


def deleted():
    global X
    del X
    try:
        return X
    except NameError as error:
        return str(error)


def an_inner_class():
    global X
    X = 3

    class Inner:
        value = X

    return Inner.value


def an_inner_function():
    def inner(y=X):
        global X
        X = y + 1
        return X

    return inner(), X


def a_lambda():
    global X
    X = 4
    return (lambda y: X + y)(1), (lambda: X)()


def comprehensions():
    global X
    X = 2
    return [X * n for n in range(X)], {X: X for _ in (1,)}, {n + X for n in (1,)}, list(X for _ in (1, 2))


def shadowed():
    global X
    X = 2
    return [X for X in (8, 9)], X, (lambda X: X)(3)


def a_generator():
    global X

    def numbers():
        global X
        while X < 4:
            X = X + (yield X) if False else X + 1
            yield X

    return list(numbers())


def formatted():
    global X
    X = 5
    return f"{X} {X!r:>3} {X + 1}"


def conditions():
    global X
    X = 0
    return ("yes" if X else "no"), not X, X or "or", X and "and", 0 <= X < 1


def matched():
    global X
    X = (1, 2)
    match X:
        case (1, y):
            return y


def matched_by_value():
    Config.total = 4
    match [X + 3, Config()]:
        case [Config.total, Config()]:
            return "total"


def a_class_member():
    Config.total += 2
    Config.new = 1
    del Config.new
    return Config.total, Config.hide(), hasattr(Config, "new")


def a_subscript():
    global X
    X = 0
    ITEMS[X], X = 5, 1
    return ITEMS, X


def a_star_call():
    global X
    X = (1, 2)
    return max(*X), dict(**{"a": X})


def nonlocal_of_its_own():
    count = 0

    def inner():
        nonlocal count
        count += X
        return count

    return inner(), inner(), count


def closure():
    count, other = 0, [1]

    def tool():
        nonlocal count
        count += 1

        def inner():
            nonlocal count
            count += other[0]

        inner()
        return count

    return tool


tool = closure()


def read_by_name():
    return X


def annotated():
    y: int = X
    return y


def waits():
    import asyncio

    async def value():
        global X
        X += await nothing()
        async for X in many():
            pass
        return X, [X async for _ in many()]

    async def nothing():
        return X

    async def many():
        yield 3

    return asyncio.run(value())


def fails():
    global X
    X = 1
    return X + missing


def writes_everything():
    global X
    X = 0
    augmented(), each_operator()
'''

TOOLS = [
    "augmented", "each_operator", "in_place", "a_tuple", "starred", "chained", "a_walrus", "a_loop", "a_with",
    "an_exception", "deleted", "an_inner_class", "an_inner_function", "a_lambda", "comprehensions",
    "shadowed", "a_generator", "formatted", "conditions", "matched", "matched_by_value", "a_class_member",
    "a_subscript", "a_star_call", "nonlocal_of_its_own", "tool", "read_by_name", "annotated", "waits",
]  # fmt: skip


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], types.ModuleType]]:
    """Import a text as a module of an application."""
    names: list[str] = []
    monkeypatch.syspath_prepend(tmp_path)

    def load(text: str) -> types.ModuleType:
        name = f"an_application_{len(names)}"
        names.append(name)
        (tmp_path / f"{name}.py").write_text(text)
        return __import__(name)

    yield load
    for name in names:
        sys.modules.pop(name, None)


def ran(*tools: Callable[..., Any]) -> tuple[Ran, tuple[fh.Escape, ...]]:
    """The calls one after another in recorded order, as they run once it is known what matters."""
    named = {f"t{n}": tool for n, tool in enumerate(tools)}
    batch = fh.Batch(tuple(fh.Call(name) for name in named))
    with Stage(batch, fh.Toolbox(named), fh.World(), fh.Settings()) as stage:
        positions = tuple(range(len(tools)))
        learned = -1
        while learned != stage.learned:
            learned = stage.learned
            last = stage.run(positions, in_order(positions))
        return last, stage.escapes


def results(run: Ran) -> list[Any]:
    return [getattr(result, "value", result) for result in run.outcome.results.values()]


@pytest.mark.parametrize("name", TOOLS)
def test_a_rewritten_function_returns_what_it_returned(load: Any, name: str) -> None:
    expected = getattr(load(SOURCE), name)()
    shop = load(SOURCE)
    run, escapes = ran(getattr(shop, name), shop.writes_everything)
    assert results(run)[0] == expected
    assert escapes == ()


@pytest.mark.parametrize("name", TOOLS)
def test_everything_is_as_before_in_the_end(load: Any, name: str) -> None:
    shop = load(SOURCE)
    functions = {n: f.__code__ for n, f in vars(shop).items() if isinstance(f, types.FunctionType)}
    before = {n: value for n, value in vars(shop).items() if n not in {"__builtins__", "asyncio"}}
    ran(getattr(shop, name), shop.writes_everything)
    assert {n: getattr(shop, n).__code__ for n in functions} == functions
    assert all(getattr(shop, n).__code__ is code for n, code in functions.items())
    assert {n: v for n, v in vars(shop).items() if n not in {"__builtins__", "asyncio"}} == before
    assert (shop.ITEMS, shop.Config.total, shop.Config._Config__hidden) == ([1, 2], 0, 0)
    assert [cell.cell_contents for cell in shop.tool.__closure__] == [0, [1]]


def steps(run: Ran) -> list[str]:
    return [", ".join(str(access) for access in step.accesses) for step in run.steps]


def test_each_read_and_each_write_is_a_step(load: Any) -> None:
    shop = load(SOURCE)
    run, _ = ran(shop.augmented, shop.read_by_name)
    read, write = "read an_application_0['X']", "write an_application_0['X']"
    assert steps(run) == [read, write, read, read]


def test_a_value_is_there_before_the_write_is_announced(load: Any) -> None:
    shop = load("X = 0\nY = 0\ndef tool():\n    global X, Y\n    X = Y\n    Y = 1\n")
    run, _ = ran(shop.tool, shop.tool)
    assert [step.split()[0] + step[-3] for step in steps(run)] == ["readY", "writeX", "writeY"] * 2


def test_names_that_nobody_binds_stay_as_they_are(load: Any) -> None:
    shop = load("LIMIT = 3\ndef tool():\n    return LIMIT\n")
    state = State([shop.tool])
    code = shop.tool.__code__
    state.open(ThreadGate())
    assert shop.tool.__code__ is code
    state.close()


def test_lines_and_tracebacks_stay_the_same(load: Any) -> None:
    shop = load(SOURCE)
    plain = lines(shop.fails)
    state = State([shop.fails])
    before = shop.fails.__code__
    state.open(ThreadGate())
    try:
        assert shop.fails.__code__ is not before
        assert lines(shop.fails) == plain
        assert inspect.getsource(shop.fails).startswith("def fails")
        assert lines_of(shop.fails.__code__) == lines_of(before)
    finally:
        state.close()
    assert shop.fails.__code__ is before


def lines_of(code: types.CodeType) -> set[int | None]:
    return {line for _, line in dis.findlinestarts(code)}


def lines(tool: Callable[[], Any]) -> list[Any]:
    with pytest.raises(NameError) as caught:
        tool()
    frames = traceback.extract_tb(caught.value.__traceback__)[1:]
    return [str(caught.value), *((frame.lineno, frame.name, frame.line) for frame in frames)]


def test_a_function_in_a_test_with_an_assertion_is_rewritten_too() -> None:
    count = 0

    def bump() -> None:
        nonlocal count
        count += 1
        assert count > 0

    run, escapes = ran(bump, bump)
    assert escapes == ()
    assert len(run.steps) == 6


def test_a_failing_assertion_still_fails() -> None:
    count = 0

    def bump() -> None:
        nonlocal count
        count += 1
        assert count == 0, "never"

    run, _ = ran(bump, bump)
    assert {str(result).splitlines()[0] for result in run.outcome.results.values()} == {
        "raised AssertionError: never"
    }


def test_two_closures_of_one_function_have_variables_of_their_own() -> None:
    def make() -> Callable[[], int]:
        count = 0

        def bump() -> int:
            nonlocal count
            count += 1
            return count

        return bump

    run, _ = ran(make(), make())
    assert results(run) == [1, 1]
    assert [step.accesses for step in run.steps if step.accesses] == []


def test_lambdas_on_one_line_are_told_apart(load: Any) -> None:
    shop = load(
        "X = 1\ndef put(n):\n    global X\n    X = n\nA, B = (lambda: put(X + 1)), (lambda: put(X * 5))\n"
    )
    run, escapes = ran(shop.A, shop.B)
    assert run.outcome.state == {"an_application_0": {"X": 10}}
    assert escapes == ()


# ---- what cannot be rewritten -------------------------------------------------------------------------


def made_by_exec() -> Callable[[], None]:
    space: dict[str, Any] = {"__name__": __name__, "X": 0}
    exec("def tool():\n    global X\n    X += 1\n", space)
    return space["tool"]  # type: ignore[no-any-return]  # made above


def test_a_function_without_source_is_named() -> None:
    tool = made_by_exec()
    _, escapes = ran(tool, tool)
    assert any(e.what.startswith("tool uses X and was not rewritten") for e in escapes)


def test_a_source_that_is_not_what_runs_is_left_alone(load: Any, tmp_path: Path) -> None:
    shop = load("X = 0\ndef tool():\n    global X\n    X += 1\n")
    (tmp_path / "an_application_0.py").write_text("X = 0\ndef tool():\n    global X\n    X += 200\n")
    _, escapes = ran(shop.tool, shop.tool)
    assert any("tool uses X and was not rewritten" in e.what for e in escapes)
    assert shop.X == 0


@pytest.mark.parametrize(
    "body", ["import json as X", "def X(): ...", "class X: ...", "match 1:\n        case X: ..."],
    ids=["import", "def", "class", "match"],
)  # fmt: skip
def test_a_construct_that_cannot_be_rewritten_is_named(load: Any, body: str) -> None:
    shop = load(f"X = 0\ndef tool():\n    global X\n    {body}\n")
    _, escapes = ran(shop.tool, shop.tool)
    assert any("tool uses X and was not rewritten, because of how it binds" in e.what for e in escapes)
    assert shop.X == 0


def test_what_goes_past_the_code_is_told(load: Any) -> None:
    shop = load("X = 0\ndef tool():\n    globals()['X'] = X + 1\n")
    _, escapes = ran(shop.tool, shop.tool)
    assert any("X was changed by a run in a way that cannot be seen" in e.what for e in escapes)
    assert shop.X == 0


def test_an_asynchronous_helper_is_rewritten(load: Any) -> None:
    shop = load(SOURCE)
    run, _ = ran(shop.waits, shop.writes_everything)
    assert results(run)[0] == (3, [3])
