"""What may be said: nothing that was not shown."""

from collections import Counter
from dataclasses import replace

import pytest

from fuzzharness.access import MISSING
from fuzzharness.finding import (
    Certificate,
    Comparison,
    Deviation,
    Escape,
    Fidelity,
    Match,
    Mode,
    Renamed,
    Verdict,
)
from fuzzharness.report.words import (
    UNJUDGED,
    certified,
    deviations,
    headline,
    remarks,
    schedule_line,
    serious,
    tallied,
    tally,
    verdict_line,
)
from fuzzharness.schedule import Schedule


def test_verified_is_said_of_an_exhausted_search_without_escapes(safe):
    assert verdict_line(safe()).startswith("VERIFIED safe: every interleaving is covered")


@pytest.mark.parametrize(
    "changes",
    [
        {"exhausted": False},
        {"escapes": (Escape("opened /etc/hosts"),)},
        {"verdict": Verdict.INCONCLUSIVE},
    ],
)
def test_verified_is_never_said_of_less(safe, changes):
    line = verdict_line(safe(**changes))
    assert "VERIFIED" not in line
    assert "not verified" in line


def test_an_unverified_verdict_says_how_much_was_run_and_by_which_strategy(safe):
    line = verdict_line(
        safe(verdict=Verdict.INCONCLUSIVE, exhausted=False, strategy="random", coverage="40 interleavings")
    )
    assert "40 interleavings; strategy random; judged against 2 serial orders" in line


def test_without_a_run_nothing_is_said_to_have_been_compared(safe):
    assert (
        verdict_line(safe(verdict=Verdict.INCONCLUSIVE, executions=0)) == "INCONCLUSIVE: nothing was compared"
    )


def test_a_benign_finding_leaves_a_batch_safe_but_is_not_hidden(safe, finding):
    line = verdict_line(safe(findings=(replace(finding, benign=True),)))
    assert "none differs, but for order or generated ids" in line


def test_benign_findings_count_where_they_alone_make_a_batch_unsafe(report, finding):
    benign = replace(finding, benign=True)
    assert serious(replace(report, findings=(benign, finding))) == (finding,)
    assert serious(replace(report, findings=(benign,))) == (benign,)
    assert serious(replace(report, findings=(benign,), verdict=Verdict.SAFE)) == ()


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        (Certificate(True, 2, 1, 2, "all were run"), "minimal (proven): all were run"),
        (Certificate(False, 2, 1, 2, "by hand"), "locally minimal: by hand"),
        (Certificate(False, 2, 1, 2, ""), "locally minimal"),
        (Certificate(False, 2, 1, 2, "replayed, not searched"), "replayed, not searched"),
    ],
)
def test_minimal_is_said_only_with_a_proof(certificate, words):
    assert certified(certificate) == words


def test_a_headline_names_mode_anomaly_and_size(finding):
    assert headline(finding) == "shared-state, lost-update: 2 calls, 1 preemption"
    assert "benign" in headline(replace(finding, benign=True))
    assert headline(replace(finding, mode=Mode.HANG, anomaly="hang")).startswith("hang: 2 calls")


def test_a_schedule_is_given_in_both_notations(finding):
    assert schedule_line(finding) == "AB-A   (0110)"


def test_a_finding_without_a_preemption_is_called_one_of_order(finding):
    turned = Schedule.from_order(finding.schedule.batch, (0, 1), (1, 1, 0, 0))
    assert "the order alone does it" in schedule_line(replace(finding, schedule=turned))


def test_reasons_notes_and_escapes_are_all_told_once(safe):
    escape = Escape("opened /etc/hosts", "read_file")
    told = list(
        remarks(safe(reasons=(f"outside the world: {escape}",), notes=("one call",), escapes=(escape,)))
    )
    assert told == ["because outside the world: opened /etc/hosts by read_file", "note: one call"]


def test_a_tally_of_many_batches_is_one_line(report, safe):
    total = tally(report) + tally(safe()) + tally(safe(verdict=Verdict.INCONCLUSIVE))
    assert tallied(total) == "3 batches, 1 finding, 1 inconclusive batch, 18 runs"
    assert tallied(tally(safe())) == "1 batch, 0 findings, 6 runs"


def test_a_batch_that_an_error_ended_is_counted_as_one_that_was_not_judged(safe):
    assert tallied(UNJUDGED) == "1 batch, 0 findings, 1 unjudged batch"
    assert tallied(tally(safe()) + UNJUDGED) == "2 batches, 0 findings, 1 unjudged batch, 6 runs"


def test_an_empty_tally_says_that_the_schedule_fits_nothing():
    assert "none of the batches" in tallied(Counter())


@pytest.mark.parametrize(
    ("where", "what", "pairs", "text"),
    [
        ("db.orders", "id", [(8, 9), (9, 8)], "db.orders: 8 ↔ 9"),
        ("db.orders", "id", [(1, 2), (2, 3), (3, 1)], "db.orders: 1 is 2 here, 2 is 3 here, 3 is 1 here"),
        ("", "uuid", [("a", "b")], "uuid: a is b here"),
        ("ctx.log", "entry", [(3, 4), (4, 3)], "ctx.log: entries 3 and 4 in the other order"),
        ("files.a.log", "line", [(1, 2), (2, 3), (3, 1)], "files.a.log: lines 1, 2, 3 stand here as 2, 3, 1"),
        ("db.links", "row", [(2, 1)], "db.links: row 2 stands here as 1"),
        (
            "t",
            "id",
            [(n, n + 50) for n in range(12)],
            f"t: {', '.join(f'{n} is {n + 50} here' for n in range(8))}, and 4 more",
        ),
    ],
)
def test_what_is_named_otherwise_is_told_in_a_few_words(where, what, pairs, text):
    assert str(Renamed(where, what, tuple(pairs))) == text


def differing(*places: Deviation, match: Match = Match.DIFFERS, call: str = "call_B") -> Comparison:
    return Comparison(call, "add_credit", match, places)


SAME = Comparison("call_A", "add_credit", Match.SAME)


def test_a_replay_that_is_as_recorded_is_not_mentioned(safe):
    for calls in ((), (SAME,), (replace(SAME, match=Match.UNRECORDED), replace(SAME, match=Match.RENAMED))):
        assert list(remarks(safe(fidelity=Fidelity(calls)))) == []


def test_a_replay_that_is_not_as_recorded_is_told_in_one_line_with_the_rate(safe):
    apart = differing(Deviation(("balance",), 130, 120))
    assert list(remarks(safe(fidelity=Fidelity((SAME, apart, apart))))) == [
        "fidelity 1 of 3 recorded results (33%): call_B add_credit differs at balance: recorded 130, "
        "replayed 120, and 1 other call. The world or the tools are not what was recorded"
    ]


def test_each_call_that_is_not_as_recorded_is_named_with_what_was_and_what_is():
    fidelity = Fidelity(
        (
            SAME,
            differing(*(Deviation((n,), n, MISSING) for n in range(5))),
            differing(Deviation((), "Error: none", "ok\n"), match=Match.ERROR_THEN, call="c"),
        )
    )
    assert deviations(fidelity) == (
        "not as recorded: call_B add_credit differs at 0: recorded 0, replayed nothing; at 1: recorded 1, "
        "replayed nothing; at 2: recorded 2, replayed nothing; and 2 more places",
        "not as recorded: c add_credit error then and not now: recorded 'Error: none', replayed 'ok\\n'",
    )
