"""What is found, and what exactly it is shrunk to."""

import subprocess
import sys
import textwrap
from typing import Any

import pytest

import fuzzharness as fh


def add(ctx: Any, amount: int) -> None:
    balance = ctx["balance"]
    ctx["balance"] = balance + amount


def explored(calls: list[tuple[Any, dict[str, Any]]], ctx: Any, **settings: Any) -> fh.Report:
    tools = fh.Toolbox({tool.__name__: tool for tool, _ in calls})
    batch = fh.Batch(tuple(fh.Call(tool.__name__, args) for tool, args in calls))
    return fh.explore(batch, tools, fh.World(ctx=ctx), fh.Settings(**settings))


def seed_story(n: int = 2) -> fh.Report:
    return explored([(add, {"amount": 10 * i}) for i in range(1, n + 1)], {"balance": 100})


@pytest.mark.parametrize("n", [2, 3, 4])
def test_n_read_modify_write_calls_shrink_to_two_calls_and_one_preemption(n: int) -> None:
    (finding,) = seed_story(n).findings
    assert (finding.mode, finding.anomaly) == (fh.Mode.SHARED_STATE, "lost-update")
    assert (finding.schedule.digits, finding.schedule.notation) == ("0110", "AB-A")
    assert finding.calls == ("call-1", "call-2")
    certificate = finding.certificate
    assert (certificate.proven, certificate.calls, certificate.preemptions, certificate.switches) == (
        True,
        2,
        1,
        2,
    )


def test_the_explanation_of_the_seed_story() -> None:
    (finding,) = seed_story().findings
    place = finding.execution.steps[0].accesses[0].place
    assert place is not None
    read, write = f"{place.file}:{place.line}", f"{place.file}:{place.line + 1}"
    assert finding.explanation == (
        f"A add(amount=10) read ctx['balance'] as 100 at {read}. "
        f"Then B add(amount=20) wrote ctx['balance'] = 120 at {write}. "
        f"Then A wrote ctx['balance'] = 110 at {write}. "
        "A wrote from what it had read before B changed it, so that change is lost. "
        "In the recorded order B reads 110 there, here 100. "
        "Instead of the recorded order's ending: ctx.balance is 110, not 130."
    )


def late(ctx: Any) -> None:
    ctx["x"] = ctx["x"] * 2


def early(ctx: Any) -> None:
    ctx["x"] = 5


def test_an_ending_that_only_another_order_has_is_still_a_finding() -> None:
    report = explored([(early, {}), (late, {})], {"x": 1})
    assert report.baseline.state["ctx"]["x"] == 10
    zero = [f for f in report.findings if f.certificate.preemptions == 0]
    assert [(f.mode, f.anomaly, f.outcome.state["ctx"]["x"]) for f in zero] == [
        (fh.Mode.CONTEXT, "stale-read", 5)
    ]


def put(ctx: Any, value: int) -> None:
    ctx["x"] = value


def test_two_blind_writes_are_last_writer_wins() -> None:
    (finding,) = explored([(put, {"value": 1}), (put, {"value": 2})], {"x": 0}).findings
    assert (finding.mode, finding.anomaly) == (fh.Mode.SHARED_STATE, "last-writer-wins")
    assert (finding.schedule.digits, finding.schedule.preemptions) == ("10", 0)


def half(ctx: Any) -> None:
    ctx["open"] = False
    ctx["open"] = True


def needs_open(ctx: Any) -> str:
    if not ctx["open"]:
        raise RuntimeError("closed")
    return "done"


def test_an_error_in_some_interleavings_only_is_an_outcome_with_a_schedule() -> None:
    report = explored([(half, {}), (needs_open, {})], {"open": True})
    (finding,) = report.findings
    assert finding.outcome.results["call-2"] == fh.Raised("RuntimeError", "closed")
    assert finding.schedule.digits == "010"
    assert finding.anomaly == "dirty-read"


def note(ctx: Any, text: str) -> None:
    ctx["log"].append(text)


def test_the_order_of_a_list_of_independent_entries_is_benign() -> None:
    calls = [(note, {"text": "a"}), (note, {"text": "b"})]
    report = explored(calls, {"log": []})
    assert report.verdict is fh.Verdict.SAFE
    assert [f.benign for f in report.findings] == [True]
    assert explored(calls, {"log": []}, strict_order=True).verdict is fh.Verdict.UNSAFE


def test_the_order_of_a_list_of_rows_is_benign() -> None:
    def record(ctx: Any, who: str) -> None:
        ctx["log"].append({"who": who, "kind": "visit"})

    report = explored([(record, {"who": "a"}), (record, {"who": "b"}), (record, {"who": "c"})], {"log": []})
    assert report.verdict is fh.Verdict.SAFE
    assert all(f.benign for f in report.findings)


def test_what_is_ignored_is_no_difference() -> None:
    assert explored([(put, {"value": 1}), (put, {"value": 2})], {"x": 0}, ignore=("ctx.x",)).findings == ()


SCRIPT = """
    import fuzzharness as fh
    from typing import Any

    def add(ctx: Any, amount: int) -> None:
        balance = ctx["balance"]
        ctx["balance"] = balance + amount

    tools = fh.Toolbox({"add": add})
    batch = fh.Batch((fh.Call("add", {"amount": 10}), fh.Call("add", {"amount": 20})))
    world = fh.World(ctx={"balance": 100})
"""


def in_a_new_process(code: str, hash_seed: str) -> str:
    script = textwrap.dedent(SCRIPT) + textwrap.dedent(code)
    environment = {"PYTHONHASHSEED": hash_seed}
    return subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_a_token_gives_the_same_ending_in_a_new_process() -> None:
    (finding,) = seed_story().findings
    code = (
        f"print(fh.replay({finding.schedule.token!r}, batch, tools, world).outcome.state['ctx']['balance'])"
    )
    assert in_a_new_process(code, "7") == "110\n"


def test_reports_do_not_depend_on_hash_seeds() -> None:
    code = "print(repr(fh.explore(batch, tools, world)))"
    assert len({in_a_new_process(code, seed) for seed in ("0", "1", "2")}) == 1


@pytest.mark.parametrize("strategy", ["bounded", "random"])
def test_the_same_seed_gives_the_same_report_ten_times(strategy: str) -> None:
    calls = [(add, {"amount": n}) for n in (1, 2, 3)]
    reports = {
        repr(explored(calls, {"balance": 0}, strategy=strategy, max_executions=90, seed=3)) for _ in range(10)
    }
    assert len(reports) == 1
