"""The toolbox: which calls fit their tool, what a tool receives, and what is said where it does not fit."""

import functools
from collections.abc import Callable
from typing import Any

import pytest

import fuzzharness as fh


def add(account: int, amount: int = 1) -> str:
    return f"{account} {amount}"


def credit(account: int, db: Any, *, log: Any = None) -> tuple[int, Any, Any]:
    return account, db, log


def anything(**options: Any) -> dict[str, Any]:
    return options


def by_position(account: int, /) -> int:
    return account


def by_position_and_anything(account: int, /, **options: Any) -> tuple[int, Any]:
    return account, options


async def later() -> None:
    """Never awaited."""


async def stream() -> Any:
    yield 1


class Later:
    async def __call__(self) -> None:
        """Never awaited."""


class Adder:
    def __init__(self, step: int) -> None:
        self.step = step

    def __call__(self, account: int) -> int:
        return account + self.step

    def twice(self, account: int) -> int:
        return account + 2 * self.step


TOOLS = fh.Toolbox({"add": add, "credit": credit})


def run(tool: Callable[..., Any], args: Any = None, **live: Any) -> Any:
    """What a call of ``tool`` returns on the resources ``live``."""
    return fh.Toolbox({"t": tool}).bind(fh.Call("t", args or {}), live).body(live)()


# ---- what fits ------------------------------------------------------------------------------------


def test_tools_are_found_by_the_name_the_model_calls_them() -> None:
    assert (list(TOOLS), len(TOOLS), TOOLS["add"], "sub" in TOOLS) == (["add", "credit"], 2, add, False)


def test_a_function_is_added_under_its_own_name_or_another() -> None:
    tools = fh.Toolbox()
    assert tools.tool(add) is add
    assert tools.tool(name="increase")(add) is add
    assert list(tools) == ["add", "increase"]


@pytest.mark.parametrize(
    ("tool", "args", "result"),
    [
        (add, {"account": 7}, "7 1"),
        (add, {"amount": 3, "account": 7}, "7 3"),
        (anything, {"x": 1}, {"x": 1}),
        (Adder(2), {"account": 5}, 7),
        (Adder(2).twice, {"account": 5}, 9),
        (functools.partial(add, amount=9), {"account": 1}, "1 9"),
        (dict, {"x": 1}, {"x": 1}),
    ],
    ids=["default", "by name", "any arguments", "object", "method", "partial", "no signature"],
)
def test_arguments_become_parameters_by_name(tool: Any, args: Any, result: Any) -> None:
    assert run(tool, args) == result


def test_a_parameter_that_bears_the_name_of_a_resource_receives_it() -> None:
    db, log = object(), object()
    assert run(credit, {"account": 7}, db=db, log=log, files=object()) == (7, db, log)
    assert run(credit, {"account": 7}, db=db) == (7, db, None)


def test_an_argument_of_the_call_comes_before_a_resource_of_that_name() -> None:
    assert run(credit, {"account": 7, "db": "mine"}, db="resource") == (7, "mine", None)


def test_any_keyword_is_no_name_of_a_resource() -> None:
    assert run(anything, {"x": 1}, db=object()) == {"x": 1}


def test_every_run_has_arguments_of_its_own() -> None:
    def note(lines: list[Any]) -> list[Any]:
        lines[0]["seen"] = True
        return lines

    args = {"lines": [{"text": "a"}]}
    bound = fh.Toolbox({"t": note}).bind(fh.Call("t", args), ())
    assert bound.body({})() is not bound.body({})()
    assert args == {"lines": [{"text": "a"}]}


# ---- what does not --------------------------------------------------------------------------------

NOT_FITTING = {
    "unknown": (
        fh.Call("ad", {}, "c1"),
        ["the call 'c1' names the tool 'ad'", "Did you mean 'add'?", "Expected one of: add, credit", "Add"],
    ),
    "missing": (
        fh.Call("add", {}, "c1"),
        ["the call 'c1' calls add without 'account'", "Expected: account: int, amount: int = 1", "Correct"],
    ),
    "unexpected": (
        fh.Call("add", {"account": 1, "x": 2, "amonut": 2}),
        ["the call without an id calls add with 'amonut', 'x', which it does not take", "Expected: account"],
    ),
    "missing and unexpected": (
        fh.Call("add", {"acount": 1}),
        ["calls add without 'account' and with 'acount', which it does not take"],
    ),
    "missing resource": (
        fh.Call("credit", {"account": 1}),
        ["without 'db'", "must bear the name it has in the World"],
    ),
    "no arguments": (
        fh.Call("add", None),
        ["to add has no arguments", "Expected a JSON object, {} for none", "leave the call out"],
    ),
    "arguments that are not JSON": (
        fh.Call("add", None, invalid_args="{oops" + "!" * 500),
        ["has arguments that are not a JSON object: '{oops!!!", "Expected a JSON object"],
    ),
    "arguments that were not recorded": (
        fh.Call("add", None, invalid_args=""),
        ["to add cannot be run: its arguments were not recorded", "fuzzharness run --lenient"],
    ),
    "arguments that are a list": (
        fh.Call("add", ["account"]),  # type: ignore[arg-type]
        ["has a list as its arguments: ['account']", "Expected a JSON object"],
    ),
}


@pytest.mark.parametrize(("call", "says"), NOT_FITTING.values(), ids=NOT_FITTING)
def test_a_call_that_does_not_fit_its_tool_says_what_was_seen_expected_and_to_do(
    call: fh.Call, says: list[str]
) -> None:
    with pytest.raises(fh.ToolError) as caught:
        TOOLS.bind(call, ())
    assert [part for part in says if part not in str(caught.value)] == []
    assert len(str(caught.value)) < 400


def test_an_unknown_tool_of_an_empty_toolbox_is_no_riddle() -> None:
    with pytest.raises(fh.ToolError, match="Expected one of: none at all"):
        fh.Toolbox().bind(fh.Call("add"), ())


@pytest.mark.parametrize(
    "tool",
    [later, Later(), functools.partial(later), Later().__call__, functools.partial(Later())],
    ids=["function", "object", "partial", "method", "partial of an object"],
)
def test_an_async_tool_is_known_for_one(tool: Any) -> None:
    assert fh.Toolbox({"t": tool}).bind(fh.Call("t"), ()).is_async


def test_a_plain_tool_is_known_for_one() -> None:
    assert not TOOLS.bind(fh.Call("add", {"account": 7, "amount": 1}), ()).is_async


def test_an_async_generator_is_refused() -> None:
    with pytest.raises(fh.ToolError, match=r"'t' is an async generator function\. Expected a coroutine"):
        run(stream)


@pytest.mark.parametrize("tool", [by_position, by_position_and_anything], ids=["alone", "with keywords"])
@pytest.mark.parametrize("args", [{}, {"account": 7}], ids=["not given", "given"])
def test_a_tool_that_must_be_called_by_position_is_refused(tool: Any, args: dict[str, Any]) -> None:
    with pytest.raises(fh.ToolError, match=r"takes 'account' by position only.*Expected.*Remove the /"):
        run(tool, args)


@pytest.mark.parametrize("tool", [None, 7, "add"], ids=["None", "number", "text"])
def test_a_tool_that_cannot_be_called_is_refused_when_it_is_added(tool: Any) -> None:
    with pytest.raises(fh.ToolError, match=r"'t' is a .*, which cannot be called\. .*Give the function"):
        fh.Toolbox({"t": tool})


def test_a_name_in_the_place_of_the_function_is_refused() -> None:
    tools: Any = fh.Toolbox()
    with pytest.raises(fh.ToolError, match=r"'add' is a str, which cannot be called"):
        tools.tool("add")


def test_a_callable_without_a_name_must_be_given_one() -> None:
    tools = fh.Toolbox()
    with pytest.raises(fh.ToolError, match=r"has no name.*Expected.*name="):
        tools.tool(functools.partial(add, 1))
    tools.tool(name="one")(functools.partial(add, 1))
    assert list(tools) == ["one"]
