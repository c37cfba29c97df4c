"""A call that would end the process ends itself, and nothing else."""

import _thread
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import pytest

import fuzzharness as fh
from fuzzharness.model import Raised, Returned

ENDS: dict[str, tuple[Callable[[], Any], str]] = {
    "os._exit": (lambda: os._exit(3), "ended the process with status 3"),
    "os.abort": (lambda: os.abort(), "ended the process by SIGABRT"),
    "os.kill": (lambda: os.kill(os.getpid(), signal.SIGKILL), "sent SIGKILL to the process"),
    "os.killpg": (lambda: os.killpg(0, signal.SIGTERM), "sent SIGTERM to the process"),
    "os.execv": (lambda: os.execv(sys.executable, ["python"]), f"replaced the process by {sys.executable}"),
    "os.execve": (lambda: os.execlpe("true", "true", {"PATH": "/"}), "replaced the process by /true"),
    "signal.raise_signal": (lambda: signal.raise_signal(signal.SIGINT), "sent SIGINT to the process"),
    "signal.pthread_kill": (
        lambda: signal.pthread_kill(_thread.get_ident(), 15),
        "sent SIGTERM to the process",
    ),
    "_thread.interrupt_main": (lambda: _thread.interrupt_main(), "sent SIGINT to the process"),
}


@pytest.mark.parametrize("name", ENDS)
def test_the_call_ends_there_and_the_report_says_where(name: str) -> None:
    end, words = ENDS[name]

    def tool(ctx: dict[str, int]) -> None:
        ctx["before"] = 1
        try:
            end()
        except Exception:
            ctx["after"] = 1

    report = fh.explore(fh.Batch((fh.Call("tool", id="a"),)), fh.Toolbox({"tool": tool}), fh.World(ctx={}))

    result = report.baseline.results["a"]
    assert isinstance(result, Raised)
    assert str(result).startswith(f"raised {name}: the tool would have {words}, at ")
    assert "test_exits.py:" in str(result)
    assert report.baseline.state == {"ctx": {"before": 1}}
    assert report.verdict is fh.Verdict.INCONCLUSIVE
    assert any(f"{name} would have {words}" in str(escape) for escape in report.escapes)
    assert all(escape.tool == "tool" and escape.place is not None for escape in report.escapes)


def test_the_siblings_go_on() -> None:
    def ending() -> None:
        os._exit(3)

    def counting(ctx: dict[str, int]) -> int:
        ctx["n"] = ctx.get("n", 0) + 1
        return ctx["n"]

    batch = fh.Batch((fh.Call("ending"), fh.Call("counting", id="b")))
    report = fh.explore(batch, fh.Toolbox({"ending": ending, "counting": counting}), fh.World(ctx={}))

    assert report.baseline.results["b"] == Returned(1)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt("stop"), GeneratorExit("x")], ids=repr)
def test_what_a_tool_raises_is_its_result(runs: Any, error: BaseException) -> None:
    def tool() -> None:
        raise error

    assert runs(tool, times=1) == [[Raised(type(error).__name__, str(error))]]


def test_sys_exit_is_its_result(runs: Any) -> None:
    def tool() -> None:
        sys.exit("no more")

    assert runs(tool, times=1) == [[Raised("SystemExit", "no more")]]
    assert not runs.escapes


def test_asking_for_a_process_is_no_signal(runs: Any) -> None:
    def tool() -> None:
        os.kill(os.getpid(), 0)

    assert runs(tool, times=1) == [[Returned(None)]]
    assert not runs.escapes


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_that_a_tool_forks_ends_as_it_likes(runs: Any) -> None:
    def tool() -> int:
        child = os.fork()
        if not child:
            os._exit(7)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert runs(tool, times=1) == [[Returned(7)]]
