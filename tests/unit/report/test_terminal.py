"""A report as text, plain or in colour."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

import fuzzharness as fh
from fuzzharness.access import Access, Kind, Step
from fuzzharness.finding import Change
from fuzzharness.model import Batch, Call
from fuzzharness.report.terminal import compose, plain, show, width_for


def command(finding):
    return f"fuzzharness replay {finding.schedule.token} x.scenario.toml"


def text(report, width=100, titles=("x.scenario.toml::turn-1",), **more):
    return plain(compose(report, titles, command, width, **more), width)


WHOLE = """\
x.scenario.toml::turn-1
  UNSAFE: 1 finding (every interleaving; strategy auto; judged against 2 serial orders)

shared-state, lost-update: 2 calls, 1 preemption
schedule    AB-A   (0110)
certificate minimal (proven): every schedule with fewer preemptions was run

    A  add_credit(account=7, amount=10)                   B  add_credit(account=7, amount=20)
       call_A                                                call_B
──────────────────────────────────────────────────────────────────────────────────────────────────────────────
1   read db['accounts'][7]['balance'] = 100
    tools.py:12
2                                                         read db['accounts'][7]['balance'] = 100  tools.py:12
3                                                         write db['accounts'][7]['balance'] = 120
                                                          tools.py:13
4   write db['accounts'][7]['balance'] = 110
    tools.py:13

differs                 baseline   here
───────────────────────────────────────
db.accounts.7.balance   130        110

call_A read the balance 100 before call_B wrote 120, and wrote 110 over it.

fuzzharness replay {token} x.scenario.toml"""


def test_a_finding_is_shown_from_its_verdict_to_the_command_that_replays_it(report, finding):
    assert text(report, 110) == WHOLE.format(token=finding.schedule.token)


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_line_but_a_title_or_command_is_wider_than_asked(report, width):
    long = "scenarios/" + "x" * 200
    lines = text(report, width, titles=(long,)).splitlines()
    assert lines[0] == long
    assert all(len(line) <= width for line in lines[1:-1])


def test_many_calls_share_one_column_of_text(report, finding):
    calls = tuple(Call("add_credit", {"account": n}, f"call_{n}") for n in range(8))
    steps = tuple(Step(c.id, (Access("db", ("balance",), Kind.WRITE, None, n),)) for n, c in enumerate(calls))
    many = replace(
        finding,
        batch=Batch(calls),
        calls=tuple(c.id for c in calls),
        execution=replace(finding.execution, steps=steps),
    )
    lines = text(replace(report, findings=(many,)), 80).splitlines()
    assert any("H  add_credit(account=7)  call_7" in line for line in lines)
    assert any("·   ·   ●   ·   ·   ·   ·   ·   write db['balance'] = 2" in line for line in lines)


def test_what_was_expected_and_missed_stands_below_the_verdict(report):
    lines = text(report, missed=("expected verdict safe, got unsafe",)).splitlines()
    assert lines[2] == "  NOT AS EXPECTED: expected verdict safe, got unsafe"


def test_a_benign_finding_comes_first_so_that_a_grave_one_ends_the_text(report, finding):
    benign = replace(finding, benign=True, anomaly="renamed")
    shown = text(replace(report, findings=(finding, benign)))
    assert shown.index("renamed") < shown.index("lost-update")


class Unshowable:
    def __repr__(self):
        raise RuntimeError("no repr")


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize(
    "value", ["[bold red]markup[/]", "[/]", ":smile:", "\x1b[31m", "\ud800", Unshowable(), "x" * 10**6]
)
def test_odd_values_neither_act_nor_crash(report, finding, value, width):
    name = value if isinstance(value, str) else "tool"
    odd = replace(
        finding,
        diff=(Change(("db", value), value, value),),
        explanation=name,
        batch=Batch((Call("tool", {"arg": value}, "call_A"), Call(name, {}, "call_B"))),
    )
    shown = text(replace(report, findings=(odd,)), width)
    assert "\x1b" not in shown
    assert name[:20] in shown or not name.isprintable()


def test_colour_appears_on_a_terminal_only(report, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    buffer = io.StringIO()
    terminal = Console(file=buffer, force_terminal=True, width=100, color_system="standard")
    show(terminal, compose(report, ("x",), command, 100))
    assert "\x1b[1;31m" in buffer.getvalue()
    assert "\x1b" not in text(report)


def test_no_color_is_honoured_on_a_terminal(report, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    buffer = io.StringIO()
    show(Console(file=buffer, force_terminal=True, width=100), compose(report, ("x",), command, 100))
    assert "\x1b[1;31m" not in buffer.getvalue()


def test_the_width_is_held_between_80_and_120():
    assert [width_for(columns) for columns in (40, 80, 100, 400)] == [80, 80, 100, 120]


def test_a_report_is_rendered_for_whoever_explores_without_a_command_line(report, finding):
    lines = fh.render(report, width=100).splitlines()
    assert lines[0] == "turn-1"
    assert lines[1].startswith("  UNSAFE: 1 finding")
    assert any(line.startswith("differs") for line in lines)
    assert finding.explanation.split()[0] in fh.render(report)
    assert lines[-1] == f"fh.replay({finding.schedule.token!r}, batch, tools, world)"


def test_printing_a_report_says_in_one_line_what_it_is_and_how_to_see_more(report):
    assert str(report) == (
        f"'turn-1' is unsafe: 1 finding, {report.coverage}; print(fuzzharness.render(report)) shows it whole"
    )
