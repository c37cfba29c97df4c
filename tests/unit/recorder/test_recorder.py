"""The recorder: which batch a call stands in, and what of it is written, whatever ran it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import fuzzharness as fh


def add(amount: int, to: int = 0) -> int:
    return amount + to


async def add_later(amount: int) -> int:
    await asyncio.sleep(0)
    return amount


def fail(reason: str) -> None:
    raise LookupError(reason)


TOOLS = {"add": add, "add_later": add_later, "fail": fail}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "session.jsonl"


@pytest.fixture
def recording(path: Path) -> Iterator[fh.Recording]:
    with fh.record(path) as recording:
        yield recording


@pytest.fixture
def batches(path: Path) -> Callable[[], list[list[str]]]:
    """What is recorded so far: each batch as the texts of its calls."""
    return lambda: [[str(call) for call in batch.calls] for batch in fh.load_trace(path).batches]


def only(path: Path) -> fh.Call:
    ((call,),) = (batch.calls for batch in fh.load_trace(path).batches)
    return call


# What is written of a call


def test_a_call_is_written_with_arguments_result_and_times(recording: fh.Recording, path: Path) -> None:
    assert recording.tools(TOOLS)["add"](amount=1, to=2) == 3
    call = only(path)
    assert (call.tool, call.args, call.result, call.error) == ("add", {"amount": 1, "to": 2}, 3, False)
    assert call.started_at is not None
    assert call.ended_at is not None
    assert call.started_at <= call.ended_at


def test_what_a_tool_raises_is_written_and_raised(recording: fh.Recording, path: Path) -> None:
    with pytest.raises(LookupError, match="no such account"):
        recording.tools(TOOLS)["fail"](reason="no such account")
    assert (only(path).error, only(path).result) == (True, "LookupError: no such account")


def test_a_cancelled_call_is_an_error(recording: fh.Recording, path: Path) -> None:
    async def main() -> None:
        task = asyncio.create_task(recording.tool(asyncio.sleep, name="sleep")(delay=3600))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert (only(path).error, only(path).result) == (True, "CancelledError")


def test_arguments_given_by_position_are_recorded_by_name(recording: fh.Recording, path: Path) -> None:
    def tool(a: int, b: int = 2, **rest: int) -> None: ...

    recording.tool(tool)(1, c=3)
    assert only(path).args == {"a": 1, "c": 3}


def test_arguments_are_those_before_the_tool_changes_them(recording: fh.Recording, path: Path) -> None:
    recording.tool(lambda items: items.clear(), name="clear")(items=[1, 2])
    assert only(path).args == {"items": [1, 2]}


def test_parameters_that_the_world_fills_in_are_left_out(recording: fh.Recording, path: Path) -> None:
    tools = recording.tools({"put": lambda key, db: db.update({key: 1})}, resources=("db",))
    tools["put"](key="a", db={})
    assert only(path).args == {"key": "a"}


def test_a_result_that_is_not_json_is_kept_as_its_text_and_flagged(
    recording: fh.Recording, path: Path
) -> None:
    value = recording.tool(lambda: {"when": {2, 1}}, name="look")()
    assert value == {"when": {2, 1}}
    assert (only(path).result, only(path).opaque) == ("{'when': {1, 2}}", True)


def test_that_a_tool_returned_none_is_not_that_nothing_is_known(recording: fh.Recording, path: Path) -> None:
    look = recording.tool(lambda: None, name="look")
    assert look() is None
    assert (only(path).result, only(path).opaque) == ("None", True)
    (batch,) = fh.load_trace(path).batches
    replayed = fh.explore(batch, fh.Toolbox({"look": lambda: 5}), fh.World(context={}))
    assert [call.match for call in replayed.fidelity.calls] == [fh.Match.DIFFERS]


@pytest.mark.filterwarnings("ignore::fuzzharness.FuzzWarning")
def test_arguments_that_are_not_json_are_kept_as_invalid(recording: fh.Recording, path: Path) -> None:
    recording.tool(lambda value: str(value), name="put")(value=b"x")
    assert (only(path).args, only(path).invalid_args) == (None, "{'value': b'x'}")


def test_a_value_whose_repr_fails_does_not_fail_the_tool(recording: fh.Recording, path: Path) -> None:
    class Odd:
        def __repr__(self) -> str:
            raise ZeroDivisionError

    assert isinstance(recording.tool(Odd, name="odd")(), Odd)
    assert only(path).opaque


# What tools look like


def test_a_toolbox_stays_one_with_its_signatures_and_kinds(recording: fh.Recording) -> None:
    tools = recording.tools(fh.Toolbox(TOOLS))
    assert isinstance(tools, fh.Toolbox)
    assert list(tools) == list(TOOLS)
    assert tools.bind(fh.Call("add", {"amount": 1}), ()).body({})() == 1
    assert tools.bind(fh.Call("add_later", {"amount": 1}), ()).is_async
    with pytest.raises(fh.ToolError, match="which it does not take"):
        tools.bind(fh.Call("add", {"amount": 1, "by": 2}), ())


def test_a_recording_decorates_functions_and_toolboxes(recording: fh.Recording, batches: Any) -> None:
    @recording
    def double(amount: int) -> int:
        return 2 * amount

    assert double(3) == 6
    assert recording({"add": add})["add"](amount=1) == 1
    assert isinstance(recording(fh.Toolbox({"add": add})), fh.Toolbox)
    assert batches() == [["double(amount=3)"], ["add(amount=1)"]]


def test_a_plain_function_that_returns_a_coroutine_is_recorded_to_its_end(
    recording: fh.Recording, path: Path
) -> None:
    tool = recording.tool(partial(lambda f, amount: f(amount), add_later), name="later")
    assert asyncio.run(tool(amount=4)) == 4
    assert only(path).result == 4


# Which batch a call stands in


def test_tasks_made_in_a_batch_belong_to_it(recording: fh.Recording, batches: Any) -> None:
    tools = recording.tools(TOOLS)

    async def main() -> None:
        for turn in (1, 2):
            with recording.batch():
                await asyncio.gather(*(tools["add_later"](amount=turn * 10 + n) for n in range(2)))

    asyncio.run(main())
    assert batches() == [
        ["add_later(amount=10)", "add_later(amount=11)"],
        ["add_later(amount=20)", "add_later(amount=21)"],
    ]


def test_agents_at_once_in_one_loop_do_not_mix(recording: fh.Recording, batches: Any) -> None:
    tools = recording.tools(TOOLS)

    async def agent(number: int) -> None:
        for turn in range(3):
            with recording.batch():
                await asyncio.gather(*(tools["add_later"](amount=number * 10 + turn) for _ in range(2)))

    async def main() -> None:
        await asyncio.gather(*map(agent, range(3)))

    asyncio.run(main())
    assert len(batches()) == 9
    assert all(len(set(batch)) == 1 and len(batch) == 2 for batch in batches())


def test_threads_of_a_pool_belong_to_the_batch_that_is_open(recording: fh.Recording, batches: Any) -> None:
    tools = recording.tools(TOOLS)
    asked = [fh.Call("add", {"amount": n}, f"call_{n}") for n in range(8)]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(2):
            with recording.batch(asked):
                list(pool.map(lambda call: tools[call.tool](**call.args), asked))
    assert batches() == [[f"add(amount={n})" for n in range(8)]] * 2


def test_a_batch_that_is_said_beforehand_keeps_the_order_and_the_ids_of_the_message(
    recording: fh.Recording, path: Path
) -> None:
    tools = recording.tools(TOOLS)
    with recording.batch(
        [fh.Call("add", {"amount": 1}, "x"), fh.Call("add", {"amount": 2}), fh.Call("fail")]
    ):
        tools["add"](amount=2)
        tools["add"](amount=1)
        tools["add"](amount=3)
    (batch,) = fh.load_trace(path).batches
    assert [call.result for call in batch.calls] == [1, 2, None, 3]
    assert batch.calls[0].id == "x"
    assert len(set(batch.labels)) == 4


def test_threads_carry_the_batch_where_several_are_open(recording: fh.Recording, batches: Any) -> None:
    tool = recording.tools(TOOLS)["add"]
    with recording.batch() as one, recording.batch() as other, ThreadPoolExecutor(2) as pool:
        pool.submit(other.carry(tool), amount=2).result()
        pool.submit(one.carry(tool), amount=1).result()
        pool.submit(other.carry(tool), amount=2).result()
    assert sorted(batches()) == [["add(amount=1)"], ["add(amount=2)", "add(amount=2)"]]


def test_a_runner_makes_a_batch_each_time(recording: fh.Recording, batches: Any) -> None:
    tools = recording.tools(TOOLS)

    @recording.runner
    def run(amounts: list[int]) -> list[int]:
        with ThreadPoolExecutor() as pool:
            return list(pool.map(lambda amount: tools["add"](amount=amount), amounts))

    @recording.runner
    async def run_async(amounts: list[int]) -> list[int]:
        return await asyncio.gather(*(tools["add_later"](amount=amount) for amount in amounts))

    assert run([1]) + asyncio.run(run_async([2, 3])) == [1, 2, 3]
    assert batches() == [["add(amount=1)"], ["add_later(amount=2)", "add_later(amount=3)"]]


def test_without_a_batch_calls_in_flight_together_are_one_and_others_are_their_own(
    recording: fh.Recording, path: Path, batches: Any
) -> None:
    tools = recording.tools(TOOLS)

    async def main() -> None:
        await asyncio.gather(tools["add_later"](amount=1), tools["add_later"](amount=2))
        tools["add"](amount=3)
        tools["add"](amount=4)

    asyncio.run(main())
    assert batches() == [
        ["add_later(amount=1)", "add_later(amount=2)"],
        ["add(amount=3)"],
        ["add(amount=4)"],
    ]
    opened = [line for line in map(json.loads, path.read_text().splitlines()) if "open" in line]
    assert all(line["inferred"] for line in opened)


def test_calls_that_a_tool_makes_are_not_recorded_unless_it_opens_a_batch(
    recording: fh.Recording, batches: Any
) -> None:
    tools = recording.tools(TOOLS)

    def delegate(amount: int) -> int:
        tools["add"](amount=amount)
        with recording.batch():
            return int(tools["add"](amount=-amount))

    recording.tool(delegate)(amount=5)
    assert batches() == [["delegate(amount=5)"], ["add(amount=-5)"]]


def test_a_call_that_outlives_its_batch_still_ends_in_it(recording: fh.Recording, batches: Any) -> None:
    go = threading.Event()
    tool = recording.tool(lambda: go.wait(), name="wait")
    with ThreadPoolExecutor(1) as pool:
        with recording.batch() as batch:
            begun = pool.submit(batch.carry(tool))
            while not batches():
                pass
        go.set()
        assert begun.result() is True
    assert batches() == [["wait()"]]


def test_a_batch_without_calls_leaves_no_line(recording: fh.Recording, path: Path) -> None:
    with recording.batch():
        pass
    assert len(path.read_text().splitlines()) == 1


def test_two_recordings_at_once_have_each_their_own_calls(tmp_path: Path) -> None:
    with fh.record(tmp_path / "a.jsonl") as a, fh.record(tmp_path / "b.jsonl") as b:
        one, both = a.tool(add), a.tool(b.tool(add))
        with a.batch(), b.batch():
            one(amount=1)
            both(amount=2)
    counts = [
        [len(x.calls) for x in fh.load_trace(tmp_path / name).batches] for name in ("a.jsonl", "b.jsonl")
    ]
    assert counts == [[2], [1]]


def test_many_threads_lose_no_call_and_no_line(recording: fh.Recording, path: Path) -> None:
    tool = recording.tools(TOOLS)["add"]
    with ThreadPoolExecutor(16) as pool, recording.batch():
        list(pool.map(lambda n: tool(amount=n), range(2000)))
    (batch,) = fh.load_trace(path).batches
    assert sorted(call.result for call in batch.calls) == list(range(2000))


# The file


def child(code: str, *args: object) -> subprocess.Popen[str]:
    program = "import os, sys, fuzzharness as fh\n" + textwrap.dedent(code)
    command = [sys.executable, "-c", program, *map(str, args)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


KILLED = """
recording = fh.record(sys.argv[1])
text = "x" * 100_000
add = recording.tool(lambda n, text: n, name="add")
hang = recording.tool(lambda: (print("hanging", flush=True), sys.stdin.read()), name="hang")
with recording.batch([*(fh.Call("add", {"n": n, "text": text}) for n in range(50)), fh.Call("hang")]):
    for n in range(50):
        add(n=n, text=text)
    hang()
"""


def test_a_process_that_is_killed_loses_only_the_call_in_flight(path: Path) -> None:
    with child(KILLED, path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "hanging\n"
        process.send_signal(signal.SIGKILL)
    (batch,) = fh.load_trace(path).batches
    assert [call.result for call in batch.calls] == [*range(50), None]
    assert [call.ended_at is None for call in batch.calls] == [False] * 50 + [True]
    assert batch.calls[-1].started_at is not None


def test_half_a_line_at_the_end_is_passed_over_and_cut_off_when_recording_goes_on(path: Path) -> None:
    for amount in (1, 2):
        with fh.record(path) as recording:
            recording.tools(TOOLS)["add"](amount=amount)
        with path.open("a") as stream:
            stream.write('{"open": "turn-7", "ca')
        trace = fh.load_trace(path)
        assert (len(trace.batches), trace.skipped) == (amount, 1)
    assert [batch.id for batch in fh.load_trace(path).batches] == ["turn-1", "turn-2"]


@pytest.mark.parametrize("cut", range(0, 44, 6))
def test_a_header_that_was_cut_is_written_anew(path: Path, cut: int) -> None:
    fh.record(path).close()
    path.write_bytes(path.read_bytes()[:cut])
    with fh.record(path) as recording:
        recording.tools(TOOLS)["add"](amount=1)
    assert len(fh.load_trace(path).batches) == 1


def test_a_file_that_is_none_of_ours_is_refused_and_stays(path: Path) -> None:
    path.write_text('[{"role": "user"}]')
    with pytest.raises(fh.RecordingError, match="none of our recordings"):
        fh.record(path)
    assert path.read_text() == '[{"role": "user"}]'


def test_a_path_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    with pytest.raises(fh.RecordingError, match="cannot be opened"):
        fh.record(tmp_path)


def test_a_second_process_is_refused_until_the_first_is_gone(path: Path) -> None:
    holding = 'fh.record(sys.argv[1]); print("open", flush=True); sys.stdin.read()'
    with child("keep = " + holding, path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(fh.RecordingError, match="another recording is being written to it"):
            fh.record(path)
        process.kill()
    fh.record(path).close()


@pytest.mark.usefixtures("recording")
def test_one_process_opens_a_file_once(path: Path) -> None:
    with pytest.raises(fh.RecordingError, match="once in it"):
        fh.record(path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there")
def test_a_forked_process_is_refused(path: Path) -> None:
    code = """
    recording = fh.record(sys.argv[1])
    tool = recording.tool(lambda: os._exit(7), name="exit")
    child = os.fork()
    if not child:
        try:
            tool()
        except fh.RecordingError as error:
            os._exit(0 if "which forked this one" in str(error) else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    with child(code, path) as process:
        assert process.stdout is not None
        assert process.stdout.read() == "0\n"
    assert fh.load_trace(path).batches == ()


def test_a_full_disk_stops_a_call_before_it_runs_and_never_takes_its_result(path: Path) -> None:
    code = """
    import resource, signal, warnings
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    warnings.simplefilter("error", fh.FuzzWarning)
    with fh.record(sys.argv[1]) as recording:
        tool = recording.tool(lambda size: print("ran", size) or "x" * size, name="fill")
        try:
            tool(size=5000)
        except fh.FuzzWarning as warning:
            print("a line cannot be written" in str(warning))
        try:
            tool(size="y" * 5000)
        except fh.RecordingError as error:
            print("a line cannot be written" in str(error))
        tool(size=2)
    """
    with child(code, path) as process:
        assert process.stdout is not None
        assert process.stdout.read().splitlines() == ["ran 5000", "True", "True", "ran 2"]
    assert [[c.result for c in batch.calls] for batch in fh.load_trace(path).batches] == [[None], ["xx"]]


def test_calls_after_the_end_of_a_recording_are_refused(path: Path) -> None:
    with fh.record(path) as recording:
        tool = recording.tools(TOOLS)["add"]
    with pytest.raises(fh.RecordingError, match="the recording is closed"):
        tool(amount=1)


@pytest.mark.usefixtures("recording")
def test_a_new_file_is_its_owners_alone(path: Path) -> None:
    assert path.stat().st_mode & 0o077 == 0


def test_every_line_may_wait_for_the_disk(path: Path) -> None:
    with fh.record(path, fsync=True) as recording:
        recording.tools(TOOLS)["add"](amount=1)
    assert only(path).result == 1


# What a runner forgets


def put(key: str, db: Any) -> None:
    """Takes a resource that is not JSON."""


def test_an_argument_that_is_not_json_is_warned_of_once_for_tool_and_parameter(
    recording: fh.Recording,
) -> None:
    tools = recording.tools({"put": put, "again": put})
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for name in tools:
            tools[name]("a", object())
            tools[name]("b", object())
    told = [str(warning.message) for warning in seen]
    assert [text.partition(",")[0] for text in told] == [f"{n} is called with db" for n in ("put", "again")]
    assert all(text.endswith('resources=("db",)') for text in told)
    assert {warning.filename for warning in seen} == {__file__}


@pytest.mark.parametrize("resources", [("bd",), ("db", "key", "other"), "db"])
def test_a_resource_that_no_tool_has_as_a_parameter_is_refused(
    recording: fh.Recording, resources: Any
) -> None:
    with pytest.raises(fh.RecordingError, match=r"is no name of a parameter\. .*key, db"):
        recording.tools({"put": put}, resources=resources)
    with pytest.raises(fh.RecordingError):
        recording.tool(put, resources=resources)


def test_a_resource_of_one_tool_of_several_is_taken(recording: fh.Recording) -> None:
    assert recording.tools({**TOOLS, "put": put}, resources=("db",)).keys() == {*TOOLS, "put"}


def test_a_call_unlike_the_one_that_the_batch_says_is_warned_of(recording: fh.Recording, path: Path) -> None:
    tools = recording.tools(TOOLS)
    unlike = pytest.warns(fh.FuzzWarning, match=r"batch says add\(amount=1\), and add\(amount=5\) is called")
    with recording.batch([fh.Call("add", {"amount": 1})]), unlike:
        tools["add"](amount=5)
    assert only(path).args == {"amount": 1}
