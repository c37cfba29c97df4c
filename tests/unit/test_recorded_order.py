"""What is said of a batch whose calls fail in the recorded order already, or hide a resource."""

import pytest
import sqlalchemy as sa

import fuzzharness as fh


def refuse(context: dict[str, int]) -> None:
    raise LookupError(f"no account in {sorted(context)}")


def note(context: dict[str, int]) -> str:
    context["notes"] = context.get("notes", 0) + 1
    return "noted"


def read(context: dict[str, int]) -> int:
    return context.get("notes", 0)


TOOLS = fh.Toolbox({"refuse": refuse, "note": note, "read": read})


def explore(*calls: fh.Call) -> fh.Report:
    return fh.explore(fh.Batch(calls), TOOLS, fh.World(context={}))


def test_a_batch_whose_every_call_fails_in_the_recorded_order_is_never_safe() -> None:
    report = explore(fh.Call("refuse"), fh.Call("refuse"))

    assert report.verdict is fh.Verdict.INCONCLUSIVE
    assert (
        "every call fails in the recorded order (raised LookupError: no account in [])" in report.reasons[0]
    )


def test_a_call_that_fails_in_the_recorded_order_is_named() -> None:
    report = explore(fh.Call("refuse", id="a"), fh.Call("read", id="b"))

    assert report.verdict is fh.Verdict.SAFE
    assert "a raised LookupError: no account in [] already in the recorded order" in report.notes


def test_an_argument_that_takes_the_place_of_a_resource_is_named() -> None:
    report = explore(fh.Call("note", {"context": {}}, id="a"), fh.Call("note", id="b"))

    assert "an argument of a is named context and takes the place of that resource" in report.notes


@pytest.mark.parametrize(
    ("given", "error", "hint"),
    [
        ((fh.Trace(()), TOOLS, fh.World()), fh.BatchError, "give one of trace.batches"),
        ((fh.Batch((fh.Call("read"),)), {"read": read}, fh.World()), fh.ToolError, "Write fh.Toolbox"),
        ((fh.Batch((fh.Call("read"),)), TOOLS, fh.World), fh.WorldError, "call a function that makes one"),
    ],
    ids=["a trace for a batch", "a dict for a toolbox", "a class for a world"],
)
def test_what_is_not_of_its_kind_is_refused_in_words(
    given: tuple[object, ...], error: type[Exception], hint: str
) -> None:
    with pytest.raises(error, match=hint):
        fh.explore(*given)  # type: ignore[arg-type]  # what the test is about


def test_a_result_that_is_not_the_recorded_one_is_in_the_report() -> None:
    report = explore(fh.Call("note", id="a", result="noted"), fh.Call("read", id="b", result="2"))

    assert report.fidelity.rate == 0.5
    (differing,) = report.fidelity.differing
    assert differing == fh.Comparison("b", "read", fh.Match.DIFFERS, (fh.Deviation((), "2", 1),))


def test_a_batch_without_recorded_results_has_no_rate() -> None:
    report = explore(fh.Call("note", id="a"), fh.Call("read", id="b"))

    assert report.fidelity.rate is None
    assert [call.match for call in report.fidelity.calls] == [fh.Match.UNRECORDED] * 2


def test_strict_replay_says_when_it_has_nothing_to_compare() -> None:
    batch = fh.Batch((fh.Call("note"), fh.Call("read")))
    report = fh.explore(batch, TOOLS, fh.World(context={}), fh.Settings(strict_replay=True))

    assert "no result of this batch is recorded, so strict_replay had nothing to compare" in report.notes


METADATA = sa.MetaData()
ORDERS = sa.Table(
    "orders", METADATA, sa.Column("id", sa.Integer, primary_key=True), sa.Column("what", sa.String)
)


def fill(connection: sa.Connection) -> None:
    METADATA.create_all(connection)
    connection.execute(ORDERS.insert(), [{"what": "bread"}])


def create_order(what: str, db: sa.Engine) -> str:
    with db.begin() as connection:
        made = connection.execute(ORDERS.insert().values(what=what))
        return f"order {made.inserted_primary_key[0]} for {what}"


def test_ids_that_the_database_makes_may_be_others_than_recorded() -> None:
    calls = [
        fh.Call("create_order", {"what": what}, id=what, result=f"order {id} for {what}")
        for what, id in (("tea", 901), ("milk", 902))
    ]
    world = fh.World(db=fh.Database("sqlite://", setup=fill))
    report = fh.explore(fh.Batch(tuple(calls)), fh.Toolbox({"create_order": create_order}), world)

    assert [call.match for call in report.fidelity.calls] == [fh.Match.RENAMED] * 2
    assert [str(name) for call in report.fidelity.calls for name in call.mapping] == [
        "db.orders: 901 is 2 here",
        "db.orders: 902 is 3 here",
    ]
