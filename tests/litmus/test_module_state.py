"""State that no World lists: every way to keep some loses updates, in exactly so many classes."""

import sys
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial, singledispatch
from typing import Any

import pydantic
import pytest

import fuzzharness as fh
from fuzzharness.events import Found

COUNT = 0
STOCK: dict[str, Any] = {"qty": 0, "box": {"qty": 0}}
LOG: list[int] = [0]
TAGS: set[str] = set()
QUEUE: deque[int] = deque()
GROUPS: defaultdict[str, list[int]] = defaultdict(list)
ORDERED: OrderedDict[str, int] = OrderedDict(qty=0)
PAIR: tuple[list[int], int] = ([0], 1)


class Counter:
    total = 0
    by_key: dict[str, int] = {}  # noqa: RUF012  # what is tested

    def __init__(self) -> None:
        self.value = 0
        self.parts = {"qty": 0}

    def bump(self) -> None:
        self.value += 1

    def bump_part(self) -> None:
        self.parts["qty"] += 1

    @classmethod
    def bump_class(cls) -> None:
        cls.total += 1

    @staticmethod
    def bump_static() -> None:
        Counter.total = Counter.total + 1


class Slotted:
    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0


@dataclass
class Order:
    qty: int = 0
    lines: list[int] = field(default_factory=lambda: [0])


class Account(pydantic.BaseModel):
    balance: int = 0


COUNTER, SLOTTED, ORDER, ACCOUNT = Counter(), Slotted(), Order(), Account()


def a_global() -> None:
    global COUNT
    COUNT += 1


def a_global_in_an_inner_function() -> None:
    def inner() -> None:
        global COUNT
        COUNT = COUNT + 1

    inner()


def a_global_by_a_function_it_calls() -> None:
    a_global()


def a_global_by_a_walrus_elsewhere() -> None:
    if (n := COUNT) >= 0:
        put(n + 1)


def put(n: int) -> None:
    global COUNT
    COUNT = n


def a_dict() -> None:
    STOCK["qty"] += 1


def a_nested_dict() -> None:
    STOCK["box"]["qty"] += 1


def a_list() -> None:
    LOG[0] += 1


def a_list_that_grows() -> None:
    LOG.append(LOG[-1] + 1)


def a_deque() -> None:
    QUEUE.append(len(QUEUE))


def a_defaultdict() -> None:
    GROUPS["a"].append(len(GROUPS["a"]))


def an_ordered_dict() -> None:
    ORDERED["qty"] += 1


def a_list_in_a_tuple() -> None:
    PAIR[0][0] += 1


def an_object() -> None:
    COUNTER.value += 1


def an_object_by_its_method() -> None:
    COUNTER.bump()


def an_object_with_slots() -> None:
    SLOTTED.value += 1


def a_dataclass() -> None:
    ORDER.qty += 1


def a_list_of_a_dataclass() -> None:
    ORDER.lines[0] += 1


def a_model() -> None:
    ACCOUNT.balance += 1


def a_class_variable() -> None:
    Counter.total += 1


def a_class_variable_by_an_instance() -> None:
    Counter.total = COUNTER.total + 1


def a_dict_of_a_class() -> None:
    Counter.by_key["a"] = Counter.by_key.get("a", 0) + 1


def made() -> Callable[[], None]:
    count = 0

    def a_closure() -> None:
        nonlocal count
        count += 1

    return a_closure


def made_in_two_stages() -> Callable[[], None]:
    count = [0]

    def a_closure_in_two_stages() -> None:
        def inner() -> None:
            count[0] += 1

        inner()

    return a_closure_in_two_stages


def a_default(seen: dict[str, int] = {"n": 0}) -> None:  # noqa: B006  # what is tested
    seen["n"] += 1


def a_keyword_default(*, seen: list[int] = [0]) -> None:  # noqa: B006  # what is tested
    seen[0] += 1


def an_attribute_of_a_function() -> None:
    an_attribute_of_a_function.count += 1  # type: ignore[attr-defined]


an_attribute_of_a_function.count = 0  # type: ignore[attr-defined]


def twice(tool: Callable[[], None]) -> Callable[[], None]:
    def a_decorated_tool() -> None:
        tool()

    return a_decorated_tool


HANDLERS = {"bump": [a_global]}


def by_a_handler() -> None:
    HANDLERS["bump"][0]()


@contextmanager
def counted() -> Iterator[int]:
    global COUNT
    before = COUNT
    yield before
    COUNT = before + 1


def by_a_context_manager() -> None:
    with counted():
        pass


@singledispatch
def dispatched(_value: object) -> None:
    raise TypeError


@dispatched.register
def _(_value: int) -> None:
    a_global()


def by_dispatch() -> None:
    dispatched(1)


class Called:
    def __call__(self) -> None:
        a_global()


KEPT: dict[str, Callable[[], Any]] = {
    "a global": a_global,
    "a global, in an inner function": a_global_in_an_inner_function,
    "a global, by a function": a_global_by_a_function_it_calls,
    "a global, read here and written there": a_global_by_a_walrus_elsewhere,
    "a dict": a_dict,
    "a nested dict": a_nested_dict,
    "a list": a_list,
    "a deque": a_deque,
    "an ordered dict": an_ordered_dict,
    "a list in a tuple": a_list_in_a_tuple,
    "an object": an_object,
    "an object, by its method": an_object_by_its_method,
    "an object with slots": an_object_with_slots,
    "a dataclass": a_dataclass,
    "a list of a dataclass": a_list_of_a_dataclass,
    "a pydantic model": a_model,
    "a class variable": a_class_variable,
    "a class variable, by an instance": a_class_variable_by_an_instance,
    "a class variable, by a class method": Counter.bump_class,
    "a class variable, by a static method": Counter.bump_static,
    "a dict of a class": a_dict_of_a_class,
    "the object of a method": Counter().bump,
    "a dict of the object of a method": Counter().bump_part,
    "a closure": made(),
    "a closure in two stages": made_in_two_stages(),
    "a default": a_default,
    "a keyword default": a_keyword_default,
    "an attribute of a function": an_attribute_of_a_function,
    "a decorated tool": twice(a_global),
    "a function out of a dict": by_a_handler,
    "a context manager": by_a_context_manager,
    "a function that is dispatched to": by_dispatch,
    "an object that is called": Called(),
    "a partial": partial(a_dict),
    "a partial with the state": partial(a_default, STOCK["box"] | {"n": 0}),
    "a partial with the state by name": partial(a_keyword_default, seen=[0]),
    "a lambda": lambda: STOCK.update(qty=STOCK["qty"] + 1),
}


def explore(*tools: Callable[..., Any], **settings: Any) -> fh.Report:
    named = {f"t{n}": tool for n, tool in enumerate(tools)}
    batch = fh.Batch(tuple(fh.Call(name) for name in named))
    return fh.explore(batch, fh.Toolbox(named), fh.World(), fh.Settings(**settings))


@pytest.mark.parametrize(("calls", "classes"), [(2, 4), (3, 36)])
@pytest.mark.parametrize("tool", KEPT.values(), ids=KEPT)
def test_a_read_and_a_write_by_each_call_lose_updates(tool: Any, calls: int, classes: int) -> None:
    report = explore(*[tool] * calls)
    assert (report.executions, report.exhausted, report.escapes) == (classes, True, ())
    assert [finding.anomaly for finding in report.findings] == ["lost-update"]


def test_nothing_is_left_changed() -> None:
    for tool in KEPT.values():
        explore(tool, tool)
    assert (0, [0], set(), deque()) == (COUNT, LOG, TAGS, QUEUE)
    assert (GROUPS, ORDERED, PAIR) == ({}, {"qty": 0}, ([0], 1))
    assert STOCK == {"qty": 0, "box": {"qty": 0}}
    assert {type(STOCK), type(STOCK["box"])} == {dict}
    assert (Counter.total, Counter.by_key, vars(COUNTER)) == (0, {}, {"value": 0, "parts": {"qty": 0}})
    assert (SLOTTED.value, ORDER, ACCOUNT) == (0, Order(), Account())
    assert {type(COUNTER), type(SLOTTED)} == {Counter, Slotted}
    assert (a_default.__defaults__, a_keyword_default.__kwdefaults__) == (({"n": 0},), {"seen": [0]})
    assert an_attribute_of_a_function.count == 0  # type: ignore[attr-defined]


def test_a_variable_of_a_test_is_state_too() -> None:
    count = 0

    def bump() -> int:
        nonlocal count
        count += 1
        return count

    report = explore(bump, bump)
    assert {finding.anomaly for finding in report.findings} == {
        "lost-update",
        "stale-read",
        "non-repeatable-read",
    }
    assert count == 0


# ---- the operations of a container against a write ----------------------------------------------------


def write() -> None:
    STOCK["new"] = 1


ASKING: dict[str, Callable[[], Any]] = {
    "membership": lambda: "new" in STOCK,
    "get": lambda: STOCK.get("new"),
    "iteration": lambda: [key for key in STOCK],  # noqa: C416  # what is tested
    "items": lambda: [value for _, value in STOCK.items()],
    "len": lambda: len(STOCK),
    "copy": lambda: dict(STOCK),
    "setdefault": lambda: STOCK.setdefault("new", 2),
    "pop": lambda: STOCK.pop("new", None),
}


@pytest.mark.parametrize("ask", ASKING.values(), ids=ASKING)
def test_who_asks_sees_a_write_or_does_not(ask: Any) -> None:
    report = explore(write, ask)
    assert (report.executions, report.exhausted) == (2, True)
    assert len(report.findings) == 1


def update() -> None:
    STOCK.update(qty=5)


def test_an_update_is_a_write() -> None:
    report = explore(update, a_dict)
    assert report.exhausted
    assert report.findings[0].anomaly in {"lost-update", "stale-read"}
    assert len(report.outcomes) == 3


# ---- what is safe -------------------------------------------------------------------------------------


def put_a() -> None:
    STOCK["a"] = STOCK.get("a", 0) + 1


def put_b() -> int:
    return STOCK.setdefault("box", {})["qty"]


def count_in_list() -> None:
    LOG[0] += 1


def read_only() -> tuple[int, int]:
    return COUNT, STOCK["qty"]


def test_calls_on_different_keys_are_safe() -> None:
    report = explore(put_a, put_b)
    assert (report.verdict, report.exhausted, report.executions) == (fh.Verdict.SAFE, True, 1)


def test_calls_on_different_names_take_no_step_at_a_name() -> None:
    report = explore(a_global, count_in_list)
    assert (report.verdict, report.exhausted, report.executions) == (fh.Verdict.SAFE, True, 1)


def test_names_that_nobody_changes_are_no_steps_and_no_state() -> None:
    report = explore(read_only, read_only, strategy="bounded")
    assert report.executions <= 2
    assert report.baseline.state == {}


# ---- the ending ---------------------------------------------------------------------------------------


def test_the_ending_tells_what_was_changed_and_nothing_else() -> None:
    report = explore(a_global, read_only)
    assert report.baseline.state == {__name__: {"COUNT": 1}}


def put_back() -> None:
    STOCK["here"] = 1
    del STOCK["here"]


def test_what_is_as_before_in_the_end_is_not_told() -> None:
    assert explore(put_back, read_only).baseline.state == {}


@pytest.mark.parametrize("pattern", [f"{__name__}.COUNT", "*.COUNT", f"{__name__}*"])
def test_what_is_ignored_is_not_compared(pattern: str) -> None:
    report = explore(a_global, a_global, ignore=(pattern,))
    assert (report.verdict, report.findings) == (fh.Verdict.SAFE, ())


def shows_a_model() -> Any:
    return ACCOUNT.model_dump()


def test_a_model_that_nobody_changes_may_be_read_as_a_whole() -> None:
    report = explore(shows_a_model, shows_a_model, a_global, a_global)
    assert (report.verdict, report.escapes) == (fh.Verdict.UNSAFE, ())
    assert not explore(shows_a_model, a_model).exhausted


def test_the_world_keeps_what_it_covers() -> None:
    batch = fh.Batch((fh.Call("a_dict"), fh.Call("a_dict")))
    report = fh.explore(batch, fh.Toolbox({"a_dict": a_dict}), fh.World(stock=fh.InPlace(STOCK)))
    assert list(report.baseline.state) == ["stock"]
    assert report.executions == 4


def once() -> None:
    global COUNT
    if STOCK["qty"] == 1:
        COUNT += 1
    STOCK["qty"] += 1


def test_state_that_only_some_interleavings_change_is_compared_soundly() -> None:
    report = explore(once, once, once)
    assert report.exhausted
    assert report.verdict is fh.Verdict.UNSAFE
    assert {outcome.state[__name__]["COUNT"] for outcome in report.outcomes} == {0, 1, 2}


def racing() -> int:
    """Counts, in COUNT, how often another call came between: never in a serial order."""
    global COUNT
    n = STOCK["qty"]
    STOCK["qty"] = n + 1
    if STOCK["qty"] != n + 1:
        COUNT += 1
    return COUNT


def test_a_search_that_begins_anew_tells_each_finding_once() -> None:
    told: list[Any] = []
    batch = fh.Batch((fh.Call("racing"), fh.Call("racing")))
    report = fh.explore(batch, fh.Toolbox({"racing": racing}), fh.World(), on_event=told.append)
    tokens = [event.finding.schedule.token for event in told if isinstance(event, Found)]
    assert sorted(tokens) == sorted(finding.schedule.token for finding in report.findings)


def test_state_that_no_serial_order_changes_is_learned_and_replayed() -> None:
    report = explore(racing, racing)
    assert (report.exhausted, report.baseline.state[__name__]["COUNT"]) == (True, 0)
    assert {outcome.state[__name__]["COUNT"] for outcome in report.outcomes} >= {0, 1}
    tools = fh.Toolbox({"t0": racing, "t1": racing})
    for finding in report.findings:
        again = fh.replay(finding.schedule.token, report.batch, tools, fh.World())
        assert again.outcome.results == finding.outcome.results


def test_a_finding_is_replayed() -> None:
    tools, world = fh.Toolbox({"a_global": a_global}), fh.World()
    batch = fh.Batch((fh.Call("a_global"), fh.Call("a_global")))
    finding = fh.explore(batch, tools, world).findings[0]
    again = fh.replay(finding.schedule.token, batch, tools, world)
    assert again.outcome == finding.outcome
    assert "COUNT" in finding.explanation


def test_batches_before_make_the_state_that_runs_begin_with() -> None:
    tools, batch = fh.Toolbox({"a_global": a_global}), fh.Batch((fh.Call("a_global"),) * 2)
    report = fh.explore(batch, tools, fh.World(), before=[fh.Batch((fh.Call("a_global"),) * 3)])
    assert report.baseline.state == {__name__: {"COUNT": 5}}
    assert COUNT == 0


# ---- other modules ------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """A module of its own, imported as applications import theirs."""
    text = (
        "total = 0\nSETTINGS = {'n': 0}\n_seen = []\n"
        "def current():\n    return total\n"
        "def note():\n    _seen.append(len(_seen))\n"
    )
    (tmp_path / "config_of_a_shop.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    import config_of_a_shop  # type: ignore[import-not-found]  # written above

    yield config_of_a_shop
    del sys.modules["config_of_a_shop"]


def test_a_global_of_another_module(config: Any) -> None:
    def bump() -> None:
        config.total += 1

    report = explore(bump, bump)
    assert (report.executions, report.baseline.state) == (4, {"config_of_a_shop": {"total": 2}})
    assert config.total == 0


def test_a_global_of_another_module_is_seen_where_its_own_functions_read_it(config: Any) -> None:
    def bump() -> None:
        config.total = config.current() + 1

    assert explore(bump, bump).executions == 4


def test_a_module_that_is_imported_where_it_is_needed(config: Any) -> None:
    assert config.SETTINGS == {"n": 0}

    def bump() -> None:
        from config_of_a_shop import SETTINGS

        SETTINGS["n"] += 1

    report = explore(bump, bump)
    assert (report.executions, report.baseline.state["config_of_a_shop"]) == (4, {"SETTINGS": {"n": 2}})


def test_a_dict_under_two_names_is_one(config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "STOCK", config.SETTINGS)

    def bump() -> None:
        config.SETTINGS["n"] = STOCK["n"] + 1

    report = explore(bump, bump)
    assert (report.executions, report.escapes) == (4, ())
    assert STOCK is config.SETTINGS
    assert STOCK == {"n": 0}


def test_a_module_that_no_tool_names_can_be_instrumented(config: Any) -> None:
    def hidden() -> None:
        sys.modules["_".join(["config", "of", "a", "shop"])].note()

    with fh.instrument("config_of_a_shop"):
        report = explore(hidden, hidden)
    assert (report.executions, report.verdict) == (4, fh.Verdict.UNSAFE)
    assert config._seen == []
    assert explore(hidden, hidden).verdict is fh.Verdict.INCONCLUSIVE
