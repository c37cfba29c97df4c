"""The minimal interleaving as rows."""

from dataclasses import replace

import pytest

from fuzzharness.access import MISSING, Access, Kind, Place, Step
from fuzzharness.report.interleaving import FOLD_ABOVE, MOST_ROWS, columns, ends, in_words, rows


@pytest.fixture
def with_steps(finding):
    """The finding, its run replaced by these steps."""

    def build(*steps):
        return replace(finding, execution=replace(finding.execution, steps=steps))

    return build


def read(key, value=None, file="tools.py", line=1):
    return Access("db", key, Kind.READ, Place(file, line, "tool"), value)


def test_each_call_has_a_column_in_the_order_of_the_recording(finding):
    assert [(c.sign, c.label, c.call.args["amount"]) for c in columns(finding)] == [
        ("A", "call_A", 10),
        ("B", "call_B", 20),
    ]


def test_each_step_is_a_row_in_the_order_of_the_run(finding):
    assert [(row.number, row.column, str(row.lines[0])) for row in rows(finding)] == [
        ("1", 0, "read db['accounts'][7]['balance'] = 100  tools.py:12"),
        ("2", 1, "read db['accounts'][7]['balance'] = 100  tools.py:12"),
        ("3", 1, "write db['accounts'][7]['balance'] = 120  tools.py:13"),
        ("4", 0, "write db['accounts'][7]['balance'] = 110  tools.py:13"),
    ]


def test_accesses_of_one_line_name_it_once(with_steps):
    step = Step("call_A", (read(("a",)), read(("b",)), read(("c",), line=2)))
    (row,) = rows(with_steps(step))
    assert [line.where for line in row.lines] == ["", "tools.py:1", "tools.py:2"]


def test_files_of_one_name_keep_their_folders(with_steps):
    step = Step("call_A", (read(("a",), file="x/tools.py"), read(("b",), file="y/tools.py")))
    (row,) = rows(with_steps(step))
    assert [line.where for line in row.lines] == ["x/tools.py:1", "y/tools.py:1"]


def test_a_step_without_an_access_has_a_row(with_steps):
    assert [str(line) for line in rows(with_steps(Step("call_A", ())))[0].lines] == ["touches nothing"]


def test_a_call_the_finding_does_not_list_still_has_a_column(with_steps):
    odd = with_steps(Step("call_Z", (read(("a",)),)))
    assert [c.label for c in columns(odd)] == ["call_A", "call_B", "call_Z"]
    assert rows(odd)[0].column == 2


def test_a_value_that_is_not_there_differs_from_none_known():
    assert in_words(read(("a",), MISSING)) == "read db['a']: nothing there"
    assert in_words(read(("a",))) == "read db['a']"


def test_a_long_run_folds_what_no_other_call_touches(with_steps):
    alone = [Step("call_A", (read(("mine", n)),)) for n in range(FOLD_ABOVE + 10)]
    shared = Step("call_A", (read(("ours",)),))
    theirs = Step("call_B", (Access("db", ("ours",), Kind.WRITE),))
    found = rows(with_steps(*alone, shared, theirs))
    assert [row.number for row in found] == ["1-34", "35", "36"]
    assert str(found[0].lines[0]) == "34 steps that touch nothing another call touches"


def test_ten_thousand_steps_stay_readable(with_steps):
    steps = [Step(f"call_{'AB'[n % 2]}", (Access("db", ("k", n % 7), Kind.WRITE),)) for n in range(10_000)]
    found = rows(with_steps(*steps))
    assert len(found) == MOST_ROWS + 1
    assert found[MOST_ROWS // 2].number == "61-9940"


def test_calls_that_never_came_back_say_where_they_stand(finding):
    stuck = replace(finding.execution, stuck=(("call_A", "tools.py:9"),))
    assert ends(stuck) == ("call_A never came back at tools.py:9",)
    assert ends(replace(stuck, deadlock=True)) == ("call_A waits for a sibling at tools.py:9",)
