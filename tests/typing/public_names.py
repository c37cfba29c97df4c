"""What a user's type checker sees of the public names; read by mypy, never run."""

from pathlib import Path
from typing import assert_type

from hypothesis import strategies as st

import fuzzharness as fh
from fuzzharness import strategies

call = fh.Call(tool="add_credit", args={"account": 7, "amount": 10}, id="call_A")
batch = fh.Batch(calls=(call,), id="turn-3")
trace = fh.Trace(batches=(batch,))
assert_type(fh.load_trace("recording.json"), fh.Trace)
assert_type(fh.load_trace(Path("recording.json"), format="openai-chat", lenient=True), fh.Trace)

tools = fh.Toolbox()


@tools.tool
def add_credit(account: int, amount: int) -> str:
    return f"{amount} to {account}"


assert_type(add_credit(7, 10), str)

world = fh.World(
    context={"balance": 100},
    db=fh.Database("sqlite://", setup=lambda connection: connection.close()),
    files=fh.Directory({"notes.txt": "…"}),
    orders=fh.InPlace({"W100": 1}),
    env=fh.Environment({"REGION": "eu"}),
    api=fh.Http("http://127.0.0.1:8000", reset="/reset", state=dict, key=lambda request: request.url.path),
)
settings = fh.Settings(strategy="auto", max_executions=10, seed=0, call_timeout=1.5, ignore=("db.*.at",))

report = fh.explore(batch, tools, world, settings=settings, before=(batch,))
assert_type(report, fh.Report)
assert_type(report.verdict, fh.Verdict)
assert_type(report.exhausted, bool)
assert_type(report.executions, int)
assert_type(report.baseline, fh.Outcome)
assert_type(report.findings, tuple[fh.Finding, ...])

for finding in report.findings:
    assert_type(finding.mode, fh.Mode)
    assert_type(finding.calls, tuple[str, ...])
    assert_type(finding.schedule, fh.Schedule)
    assert_type(finding.schedule.token, str)
    assert_type(finding.certificate, fh.Certificate)
    assert_type(fh.replay(finding.schedule.token, batch, tools, world), fh.Execution)

with fh.record("session.jsonl", fsync=True) as recording:
    assert_type(recording, fh.Recording)
    assert_type(recording.tools(tools, resources=["db"]), fh.Toolbox)
    assert_type(recording.tools({"add_credit": add_credit})["add_credit"](7, 10), str)
    with recording.batch(batch.calls):
        pass


@recording
def double(amount: int) -> int:
    return 2 * amount


@recording.runner
async def run(calls: list[fh.Call]) -> list[str]:
    return [call.tool for call in calls]


assert_type(double(3), int)

with fh.atomic():
    pass

assert_type(report.fidelity, fh.Fidelity)
assert_type(report.fidelity.rate, float | None)
for comparison in report.fidelity.calls:
    assert_type(comparison.match, fh.Match)
    assert_type(comparison.deviations, tuple[fh.Deviation, ...])
assert_type(fh.mutations(batch, 3, seed=1), tuple[fh.Batch, ...])

accounts = {"account": st.sampled_from([6, 7])}
assert_type(strategies.batches(tools), st.SearchStrategy[fh.Batch])
assert_type(strategies.batches(tools, world, arguments=accounts), st.SearchStrategy[fh.Batch])
assert_type(
    strategies.batches(
        tools,
        lambda: world,
        tools=["add_credit"],
        min_calls=1,
        max_calls=4,
        arguments={"account": st.just(7), "add_credit": {"amount": st.integers(1, 5)}},
    ),
    st.SearchStrategy[fh.Batch],
)
assert_type(
    strategies.batches(
        tools, schemas={"add_credit": {"type": "object"}}, arguments=strategies.recorded(batch)
    ),
    st.SearchStrategy[fh.Batch],
)
assert_type(strategies.schedules(batch, max_switches=2, max_steps=9), st.SearchStrategy[fh.Schedule])
assert_type(fh.Schedule(batch.fingerprint, (0,)).open, bool)
