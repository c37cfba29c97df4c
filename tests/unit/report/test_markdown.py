"""The summary page."""

from dataclasses import replace

import pytest

from fuzzharness.finding import Change
from fuzzharness.model import Batch, Call
from fuzzharness.report.markdown import code, page, section, words


def command(finding):
    return f"fuzzharness replay {finding.schedule.token} x.scenario.toml"


def test_the_page_opens_with_a_table_of_verdicts(report, safe):
    text = page(
        [
            section(report, "a::turn-1", command, ("expected verdict safe, got unsafe",)),
            section(safe(), "b::turn-1", command, ()),
            section(safe(), "c::turn-1", command),
        ]
    )
    assert text.splitlines()[2:7] == [
        "| batch | verdict | runs | findings | as expected |",
        "| --- | --- | --- | --- | --- |",
        "| a::turn-1 | unsafe | 6 | 1 | no: expected verdict safe, got unsafe |",
        "| b::turn-1 | verified safe | 6 | 0 | yes |",
        "| c::turn-1 | verified safe | 6 | 0 |  |",
    ]


def test_a_finding_has_its_interleaving_diff_explanation_and_command(report, finding):
    text = section(report, "a::turn-1", command).body
    assert "### shared-state, lost-update: 2 calls, 1 preemption" in text
    assert "- schedule: `AB-A   (0110)`" in text
    assert "|  | A `add_credit(account=7, amount=10)` | B `add_credit(account=7, amount=20)` |" in text
    assert "| 2 |  | `read db['accounts'][7]['balance'] = 100  tools.py:12` |" in text
    assert "| `db.accounts.7.balance` | `130` | `110` |" in text
    assert words(finding.explanation) in text
    assert f"```sh\n{command(finding)}\n```" in text


def test_an_interrupted_run_says_so(report):
    assert "**Interrupted:**" in page([section(report, "a", command)], interrupted=True)
    assert "Interrupted" not in page([section(report, "a", command)])


@pytest.mark.parametrize("value", ["<script>", "a|b", "`code`", "[x](y)", "*b*", "_i_", "# h", "\\"])
def test_no_value_acts_as_markdown_or_html(report, finding, value):
    odd = replace(
        finding,
        explanation=value,
        diff=(Change((value,), value, value),),
        batch=Batch((Call(value, {value: value}, "call_A"), Call("t", {}, "call_B"))),
    )
    text = section(replace(report, findings=(odd,)), value, command).body
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {4}
    assert words(value) in text


@pytest.mark.parametrize(
    ("text", "span"),
    [("a", "`a`"), ("a`b", "``a`b``"), ("`a`", "`` `a` ``"), ("a|b", "`a\\|b`"), ("", "` `")],
)
def test_a_code_span_holds_any_text(text, span):
    assert code(text) == span
