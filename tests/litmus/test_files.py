"""Files: what siblings can see of each other's writes, as exact sets of what they read and leave behind."""

import asyncio
import csv
import fileinput
import gzip
import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
import trio

import fuzzharness as fh

Tool = Callable[[Path], Any]
START = {"a.txt": "old", "sub/c.txt": "three", "empty/": ""}
HUGE = "x" * 3 * io.DEFAULT_BUFFER_SIZE


def ended(change: Tool, look: Tool, **start: str | bytes) -> fh.Report:
    """Every interleaving of a call that changes and one that looks; seen to its end, nothing escapes."""

    def changes(d: Path) -> None:
        change(d)

    def looks(d: Path) -> Any:
        return look(d)

    world = fh.World(d=fh.Directory({**START, **start}))
    tools = fh.Toolbox({"changes": changes, "looks": looks})
    report = fh.explore(fh.Batch((fh.Call("changes"), fh.Call("looks"))), tools, world)
    assert report.escapes == ()
    assert report.exhausted, report.reasons
    return report


def seen(change: Tool, look: Tool, **start: str | bytes) -> set[Any]:
    """What the call that looks can come back with; an error by the name of its class."""
    results = (outcome.results["call-2"] for outcome in ended(change, look, **start).outcomes)
    return {getattr(result, "value", None) or getattr(result, "type", "") for result in results}


def text(d: Path) -> str:
    return (d / "a.txt").read_text()


def raw(d: Path) -> bytes:
    return (d / "a.txt").read_bytes()


# -- torn reads --------------------------------------------------------------------------------------


def two_flushes(d: Path) -> None:
    with open(d / "a.txt", "w") as file:
        file.write("one")
        file.flush()
        file.write("two")


def one_buffer(d: Path) -> None:
    with open(d / "a.txt", "w") as file:
        file.write("one")
        file.write("two")


def line_by_line(d: Path) -> None:
    with open(d / "a.txt", "w", buffering=1) as file:
        file.writelines(["one\n", "two\n"])


def unbuffered(d: Path) -> None:
    with open(d / "a.txt", "wb", buffering=0) as file:
        file.write(b"one")
        file.write(b"two")


def dumped(d: Path) -> None:
    with open(d / "a.txt", "w") as file:
        json.dump({"a": 1}, file)


def dumped_huge(d: Path) -> None:
    with open(d / "a.txt", "w") as file:
        json.dump([HUGE], file)


def in_place(d: Path) -> None:
    with open(d / "a.txt", "r+") as file:
        file.write("new, and longer")
        file.flush()
        file.truncate(3)


def replaced(d: Path) -> None:
    with tempfile.NamedTemporaryFile("w", dir=d, delete=False) as file:
        file.write("new")
    os.replace(file.name, d / "a.txt")


def by_descriptor(d: Path) -> None:
    number = os.open(d / "a.txt", os.O_WRONLY)
    os.pwrite(number, b"N", 0)
    os.writev(number, [b"NE", b"W"])
    os.ftruncate(number, 2)
    os.close(number)


def through_copied_descriptor(d: Path) -> None:
    number = os.open(d / "a.txt", os.O_WRONLY | os.O_TRUNC)
    other = os.dup2(number, number + 50)
    os.close(number)
    os.write(other, b"one")
    os.write(other, b"two")
    os.close(other)


def through_fdopen(d: Path) -> None:
    with os.fdopen(os.open(d / "a.txt", os.O_WRONLY), "w") as file:
        file.write("NEW")


TORN: list[tuple[Tool, set[Any]]] = [
    (two_flushes, {"old", "", "one", "onetwo"}),
    (one_buffer, {"old", "", "onetwo"}),
    (line_by_line, {"old", "", "one\n", "one\ntwo\n"}),
    (unbuffered, {"old", "", "one", "onetwo"}),
    (dumped, {"old", "", '{"a": 1}'}),
    (in_place, {"old", "new, and longer", "new"}),
    (replaced, {"old", "new"}),
    (by_descriptor, {"old", "Nld", "NEW", "NE"}),
    (through_copied_descriptor, {"old", "", "one", "onetwo"}),
    (through_fdopen, {"old", "NEW"}),
    (lambda d: os.truncate(d / "a.txt", 1), {"old", "o"}),
    (lambda d: shutil.copyfile(d / "sub/c.txt", d / "a.txt"), {"old", "", "three"}),
    (lambda d: shutil.copy(d / "sub/c.txt", d / "a.txt"), {"old", "", "three"}),
    (lambda d: shutil.copy2(d / "sub/c.txt", d / "a.txt"), {"old", "", "three"}),
    (lambda d: shutil.move(d / "sub/c.txt", d / "a.txt"), {"old", "three"}),
    (lambda d: (d / "sub/c.txt").rename(d / "a.txt"), {"old", "three"}),
    (lambda d: shutil.copytree(d / "sub", d, dirs_exist_ok=True), {"old"}),
    (lambda d: (d / "a.txt").unlink(), {"old", "FileNotFoundError"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "expected"), TORN, ids=[t[0].__name__ + str(i) for i, t in enumerate(TORN)]
)
def test_a_reader_sees_exactly_what_has_reached_the_file(change: Tool, expected: set[Any]) -> None:
    assert seen(change, text) == expected


def test_what_a_buffer_holds_back_is_unseen_until_it_is_full() -> None:
    lengths = {len(found) for found in seen(dumped_huge, raw)}
    assert {0, 3, len(HUGE) + 4} < lengths
    assert len(lengths) > 3


def two_reads(d: Path) -> str:
    with open(d / "a.txt", "rb", buffering=0) as file:
        return file.read(1).decode() + "|" + file.read(9).decode()


def test_a_reader_in_pieces_sees_two_writes_of_one_file() -> None:
    assert seen(lambda d: (d / "a.txt").write_text("new"), two_reads) == {
        "o|ld",
        "|",
        "|new",
        "n|ew",
        "o|",
        "o|ew",
    }


def appended(d: Path) -> None:
    with open(d / "a.txt", "a") as file:
        file.write("+")


def test_appends_of_two_calls_both_survive_in_every_order() -> None:
    report = ended(appended, appended)
    assert report.verdict is fh.Verdict.SAFE
    assert [outcome.state["d"]["a.txt"] for outcome in report.outcomes] == ["old++"]


def written_back(d: Path) -> None:
    (d / "a.txt").write_text((d / "a.txt").read_text() + "+")


def test_read_and_write_back_loses_what_a_sibling_wrote() -> None:
    report = ended(written_back, written_back)
    assert {outcome.state["d"]["a.txt"] for outcome in report.outcomes} == {"old++", "old+", "+", "+ld+"}


# -- names: listings, links, temporary files ------------------------------------------------------------


def two_made(d: Path) -> None:
    (d / "empty/x").touch()
    (d / "empty/y").mkdir()


LISTINGS: dict[str, Callable[[Path], Any]] = {
    "os.listdir": lambda d: os.listdir(d),
    "Path.iterdir": lambda d: (p.name for p in d.iterdir()),
    "Path.glob": lambda d: (p.name for p in d.glob("*")),
    "os.scandir": lambda d: (e.name for e in os.scandir(d)),
    "os.walk": lambda d: [name for _, folders, files in os.walk(d) for name in folders + files],
}


@pytest.mark.parametrize("listing", LISTINGS.values(), ids=LISTINGS)
def test_a_listing_races_with_what_is_made(listing: Tool) -> None:
    look = lambda d: ",".join(sorted(listing(d / "empty"))) or "none"  # noqa: E731  # short
    assert seen(two_made, look) == {"none", "x", "x,y"}


def emptied(d: Path) -> None:
    shutil.rmtree(d / "sub")
    (d / "sub").mkdir()


def test_a_tree_that_is_removed_and_made_anew_is_seen_in_each_state() -> None:
    def look(d: Path) -> str:
        return str([(d / "sub").exists(), (d / "sub/c.txt").exists()])

    assert seen(emptied, look) == {"[True, True]", "[True, False]", "[False, False]"}


def points(d: Path, to: str) -> None:
    os.symlink(to, d / "new")
    os.replace(d / "new", d / "link")


def reads_through(d: Path) -> str:
    return (d / "link").read_text()


def writes_through(d: Path) -> None:
    (d / "link").write_text("new")


TOOLS = fh.Toolbox({"points": points, "reads": reads_through, "writes": writes_through})
TO_A, TO_C, TO_FOLDER = (fh.Call("points", {"to": to}) for to in ("a.txt", "sub/c.txt", "sub"))


@pytest.mark.parametrize("strategy", ["dpor", "bounded"])
def test_a_link_that_is_pointed_elsewhere_changes_what_is_read_and_written_through_it(strategy: str) -> None:
    def outcomes(tool: str) -> tuple[fh.Outcome, ...]:
        batch, before = fh.Batch((TO_C, fh.Call(tool))), [fh.Batch((TO_A,))]
        world, settings = fh.World(d=fh.Directory(START)), fh.Settings(strategy=strategy)
        report = fh.explore(batch, TOOLS, world, settings, before)
        assert report.exhausted, report.reasons
        return report.outcomes

    assert {o.results["call-2"].value for o in outcomes("reads")} == {"old", "three"}  # type: ignore[union-attr]
    states = {(o.state["d"]["a.txt"], o.state["d"]["sub/c.txt"]) for o in outcomes("writes")}
    assert states == {("new", "three"), ("old", "new")}


def made_and_written(d: Path) -> None:
    os.link(d / "a.txt", d / "other")
    (d / "other").write_text("new")


def test_two_names_of_one_file_are_one_file() -> None:
    assert seen(made_and_written, text) == {"old", "", "new"}


def log(d: Path) -> str:
    with open(d / "a.txt", "a") as file:
        file.write("1")
        file.flush()
        file.write("2")
    return "logged"


def test_an_open_file_keeps_its_content_when_its_name_changes() -> None:
    def rotated(d: Path) -> None:
        (d / "a.txt").rename(d / "a.1")
        (d / "copy").write_text((d / "a.1").read_text())

    states = [dict(outcome.state["d"]) for outcome in ended(rotated, log).outcomes]
    assert {state["a.1"] for state in states} == {"old", "old12"}
    assert {(state["copy"], state.get("a.txt")) for state in states} >= {
        ("old12", None), ("old1", None), ("old", None), ("old", "12"),
    }  # fmt: skip


def test_names_of_temporary_files_are_the_same_in_every_run_and_differ_by_call() -> None:
    def makes(d: Path) -> str:
        with tempfile.NamedTemporaryFile(dir=d) as file, tempfile.TemporaryDirectory(dir=d) as folder:
            number, name = tempfile.mkstemp(dir=folder)
            os.close(number)
            return ",".join(os.path.relpath(n, d) for n in (file.name, folder, name))

    report = ended(makes, makes)
    assert (report.verdict, len(report.outcomes)) == (fh.Verdict.SAFE, 1)
    results = {o.results["call-2"].value for o in report.outcomes}  # type: ignore[union-attr]  # all come back
    assert len(results) == 1


# -- libraries -----------------------------------------------------------------------------------------


def rows(d: Path) -> None:
    with open(d / "a.txt", "w", newline="") as file:
        csv.writer(file).writerows([["a", "b"], [1, 2]])


def zipped(d: Path) -> None:
    with gzip.open(d / "a.txt", "wt", compresslevel=0) as file:
        file.write("new")


def unzipped(d: Path) -> str:
    with gzip.open(d / "a.txt", "rt") as file:
        return str(file.read())


def archived(d: Path) -> None:
    with zipfile.ZipFile(d / "z.zip", "w") as archive:
        archive.write(d / "a.txt", "a.txt")


def extracted(d: Path) -> str:
    with zipfile.ZipFile(d / "z.zip") as archive:
        return archive.read("a.txt").decode()


def edited(d: Path) -> None:
    with fileinput.input(d / "a.txt", inplace=True) as lines:
        for line in lines:
            print(line.upper(), end="")


LIBRARIES: list[tuple[Tool, Tool, set[Any]]] = [
    (rows, text, {"old", "", "a,b\n1,2\n"}),
    (zipped, unzipped, {"BadGzipFile", "EOFError", "new"}),
    (archived, extracted, {"FileNotFoundError", "BadZipFile", "old"}),
    (edited, text, {"old", "FileNotFoundError", "OLD"}),
]


@pytest.mark.parametrize(("change", "look", "expected"), LIBRARIES, ids=[c[0].__name__ for c in LIBRARIES])
def test_what_the_standard_library_writes_is_torn_as_it_really_is(
    change: Tool, look: Tool, expected: set[Any]
) -> None:
    assert seen(change, look) - {""} == expected - {""}


async def on_a_thread(d: Path) -> None:
    await asyncio.to_thread((d / "a.txt").write_text, "new")


async def on_a_thread_of_trio(d: Path) -> None:
    await trio.Path(d / "a.txt").write_text("new")


async def on_a_thread_of_anyio(d: Path) -> None:
    await anyio.Path(d / "a.txt").write_text("new")


@pytest.mark.parametrize("change", [on_a_thread, on_a_thread_of_trio, on_a_thread_of_anyio])
def test_files_of_worker_threads_are_torn_as_any(change: Any) -> None:
    tools = fh.Toolbox({"changes": change, "looks": lambda d: text(d)})
    batch = fh.Batch((fh.Call("changes"), fh.Call("looks")))
    report = fh.explore(batch, tools, fh.World(d=fh.Directory(START)))
    assert report.exhausted, report.reasons
    assert {o.results["call-2"].value for o in report.outcomes} == {"old", "", "new"}  # type: ignore[union-attr]


LOOKS: dict[str, Tool] = {
    "Path.exists": lambda d: (d / "new").exists(),
    "Path.is_file": lambda d: (d / "new").is_file(),
    "Path.glob": lambda d: bool(list(d.glob("n*w"))),
    "Path.glob of a name": lambda d: bool(list(d.glob("new"))),
    "os.path.exists": lambda d: os.path.exists(d / "new"),
    "os.path.lexists": lambda d: os.path.lexists(d / "new"),
    "os.path.isfile": lambda d: os.path.isfile(d / "new"),
    "os.access": lambda d: os.access(d / "new", os.R_OK),
    "os.listdir": lambda d: "new" in os.listdir(d),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_to_ask_for_a_file_races_with_its_making(look: Tool) -> None:
    assert seen(lambda d: (d / "new").touch(), lambda d: str(look(d))) == {"True", "False"}


SIZES: dict[str, Tool] = {
    "os.path.getsize": lambda d: os.path.getsize(d / "a.txt"),
    "os.stat": lambda d: os.stat(d / "a.txt").st_size,
    "os.scandir": lambda d: next(e.stat().st_size for e in os.scandir(d) if e.name == "a.txt"),
}


@pytest.mark.parametrize("look", SIZES.values(), ids=SIZES)
def test_the_size_of_a_file_races_with_its_writing(look: Tool) -> None:
    assert seen(lambda d: (d / "a.txt").write_text("longer"), lambda d: str(look(d))) == {"3", "0", "6"}


def test_the_end_of_an_open_file_races_with_its_writing() -> None:
    def look(d: Path) -> str:
        with open(d / "a.txt", "rb") as file:
            return str(file.seek(0, os.SEEK_END))

    assert seen(lambda d: (d / "a.txt").write_text("longer"), look) == {"3", "0", "6"}


def test_a_path_through_a_folder_and_back_needs_the_folder() -> None:
    look = lambda d: Path(f"{d}/empty/../a.txt").read_text()  # noqa: E731  # as short as what it is about
    assert seen(lambda d: (d / "empty").rmdir(), look) == {"old", "FileNotFoundError"}
