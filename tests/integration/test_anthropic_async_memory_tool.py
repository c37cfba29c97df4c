"""A published component, run as it is: the async local-filesystem memory tool of the `anthropic` package.

All of its reading and writing happens on worker threads, by ``anyio.to_thread.run_sync`` and
``anyio.Path``; between them it awaits. Under ``asyncio.gather`` two of three edits are lost nearly always.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

import fuzzharness as fh

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # deprecations inside the package are not ours to fail on
    from anthropic.tools import BetaAsyncLocalFilesystemMemoryTool

RECORDING = Path(__file__).with_name("memory-batch.json")
NOTES = "day: Thursday\nroom: 2A\nslides: nobody\n"


@pytest.fixture
def files() -> fh.Directory:
    return fh.Directory({"memories/notes.txt": NOTES})


def on_asyncio(memory_tool: BetaAsyncLocalFilesystemMemoryTool) -> Callable[..., Any]:
    async def memory(**command: Any) -> Any:
        return await memory_tool.call(command)

    return memory


def on_trio(memory_tool: BetaAsyncLocalFilesystemMemoryTool) -> Callable[..., Any]:
    async def memory(**command: Any) -> Any:
        await trio.lowlevel.checkpoint()
        return await memory_tool.call(command)

    return memory


@pytest.fixture(params=[on_asyncio, on_trio])
def tools(files: fh.Directory, request: pytest.FixtureRequest) -> fh.Toolbox:
    return fh.Toolbox({"memory": request.param(BetaAsyncLocalFilesystemMemoryTool(str(files.path)))})


@pytest.fixture
def batch() -> fh.Batch:
    (batch,) = fh.load_trace(RECORDING).batches
    return batch


def lost_update(report: fh.Report) -> fh.Finding:
    (finding,) = [f for f in report.findings if f.anomaly == "lost-update"]
    return finding


@pytest.mark.parametrize("seed", range(5))
def test_a_lost_update_shows_within_twenty_interleavings_and_shrinks_to_two_calls(
    batch: fh.Batch, tools: fh.Toolbox, files: fh.Directory, seed: int
) -> None:
    report = fh.explore(batch, tools, fh.World(files=files), fh.Settings(max_executions=20, seed=seed))

    finding = lost_update(report)
    assert report.executions <= 20
    assert report.verdict is fh.Verdict.UNSAFE
    assert finding.mode is fh.Mode.SHARED_STATE
    assert len(finding.calls) == 2
    assert finding.schedule.preemptions == 1


def test_nothing_it_does_on_its_threads_is_out_of_control(
    batch: fh.Batch, tools: fh.Toolbox, files: fh.Directory
) -> None:
    report = fh.explore(batch, tools, fh.World(files=files), fh.Settings(max_executions=20))
    assert report.escapes == ()


def test_the_edit_that_is_lost_is_the_one_that_reported_success(
    batch: fh.Batch, tools: fh.Toolbox, files: fh.Directory
) -> None:
    finding = lost_update(fh.explore(batch, tools, fh.World(files=files), fh.Settings(max_executions=20)))

    edited = finding.baseline.outcome.state["files"]["memories/notes.txt"]
    here = finding.outcome.state["files"]["memories/notes.txt"]
    assert edited == "day: Friday\nroom: 4B\nslides: nobody\n"
    assert here == "day: Friday\nroom: 2A\nslides: nobody\n"
    assert all(isinstance(result, fh.Returned) for result in finding.outcome.results.values())


def test_the_schedule_replays_to_the_same_ending(
    batch: fh.Batch, tools: fh.Toolbox, files: fh.Directory
) -> None:
    world = fh.World(files=files)
    finding = lost_update(fh.explore(batch, tools, world, fh.Settings(max_executions=20)))

    for _ in range(10):
        assert fh.replay(finding.schedule.token, batch, tools, world).outcome == finding.outcome
