"""What a tool touches outside the world is told, with the tool and its line."""

import importlib
import inspect
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fuzzharness as fh
from fuzzharness.access import Place

HERE = os.path.relpath(__file__)
BATCH = fh.Batch((fh.Call("tool"), fh.Call("tool")))


def last_line(tool: Callable[..., Any]) -> Place:
    """Where the last statement of ``tool`` is."""
    lines, first = inspect.getsourcelines(tool)
    return Place(HERE, first + len(lines) - 1, tool.__name__)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder the world knows nothing of, with a file in it."""
    (tmp_path / "file.txt").write_text("before")
    return tmp_path


@pytest.fixture
def server() -> Any:
    """A listening socket on loopback, which nobody has to accept from."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()


def write(outside: Path) -> None:
    (outside / "file.txt").open("a").close()


def write_by_descriptor(outside: Path) -> None:
    os.close(os.open(outside / "new.txt", os.O_WRONLY | os.O_CREAT))


def write_by_bytes(outside: Path) -> None:
    open(os.fsencode(outside / "file.txt"), "r+b").close()


def remove(outside: Path) -> None:
    (outside / "file.txt").unlink(missing_ok=True)


def rename(outside: Path) -> None:
    os.replace(outside / "file.txt", outside / "file.txt")


def make(outside: Path) -> None:
    (outside / "folder").mkdir(exist_ok=True)


def database(outside: Path) -> None:
    sqlite3.connect(outside / "shop.db").close()


def process(outside: Path) -> None:  # noqa: ARG001  # as the others
    subprocess.run([sys.executable, "-c", ""], check=True)


def shell(outside: Path) -> None:  # noqa: ARG001  # as the others
    os.system("true")


TOUCHING = {
    write: "the file {outside}/file.txt was opened for writing",
    write_by_descriptor: "the file {outside}/new.txt was opened for writing",
    write_by_bytes: "the file {outside}/file.txt was opened for writing",
    remove: "{outside}/file.txt was removed",
    rename: "{outside}/file.txt was renamed",
    make: "{outside}/folder was made",
    database: "the SQLite file {outside}/shop.db was opened",
    process: f"another process was started: {sys.executable} -c ",
    shell: "another process was started: true",
}


@pytest.mark.parametrize(("touch", "what"), TOUCHING.items(), ids=[tool.__name__ for tool in TOUCHING])
def test_what_is_touched_outside_is_told_once_with_tool_and_line(
    escapes: Any, outside: Path, touch: Callable[[Path], None], what: str
) -> None:
    def tool() -> None:
        touch(outside)

    (escape,) = escapes(tool, again=3)
    assert (escape.what, escape.tool) == (what.format(outside=outside), "tool")
    assert escape.place == last_line(touch)


def variable(outside: Path) -> None:  # noqa: ARG001  # as the others
    os.environ["REGION"] = "eu"


def directory(outside: Path) -> None:
    os.chdir(outside)


REMEDIES = {
    write: "fh.Directory(",
    remove: "fh.Directory(",
    database: "fh.Database(url, setup=…)",
    variable: "fh.Environment()",
    directory: "fh.Environment()",
}


@pytest.mark.parametrize(("touch", "remedy"), REMEDIES.items(), ids=[tool.__name__ for tool in REMEDIES])
def test_the_reason_names_the_resource_that_would_cover_it(
    outside: Path, touch: Callable[[Path], None], remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGION", "us")
    monkeypatch.chdir(Path.cwd())
    report = fh.explore(BATCH, fh.Toolbox({"tool": lambda: touch(outside)}), fh.World())
    assert [remedy in reason for reason in report.reasons if "outside the world" in reason] == [True]


def test_the_reason_of_a_connection_names_http(server: tuple[str, int]) -> None:
    tools = fh.Toolbox({"tool": lambda: socket.create_connection(server).close()})
    report = fh.explore(BATCH, tools, fh.World())
    assert any("fh.Http(url, reset=…, state=…)" in reason for reason in report.reasons)


def test_a_place_is_one_and_the_same_after_a_tool_has_gone_elsewhere(
    outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path.cwd())
    report = fh.explore(BATCH, fh.Toolbox({"tool": lambda: directory(outside)}), fh.World())
    assert [escape.place for escape in report.escapes] == [last_line(directory)]


def test_a_connection_is_told_once_with_where_it_went(escapes: Any, server: tuple[str, int]) -> None:
    def tool() -> None:
        socket.create_connection(server).close()

    (escape,) = escapes(tool, again=3)
    assert escape.what == f"a connection to 127.0.0.1:{server[1]} was opened"
    assert escape.place == last_line(tool)


def read(outside: Path) -> str:
    return (outside / "file.txt").read_text()


def sink(outside: Path) -> None:  # noqa: ARG001  # as the others
    open(os.devnull, "w").close()


def in_memory(outside: Path) -> None:  # noqa: ARG001  # as the others
    sqlite3.connect(":memory:").close()


@pytest.mark.parametrize("touch", [read, sink, in_memory], ids=lambda tool: tool.__name__)
def test_what_changes_nothing_outside_is_not_told(
    escapes: Any, outside: Path, touch: Callable[[Path], Any]
) -> None:
    assert escapes(lambda: touch(outside)) == ()


def test_importing_a_module_for_the_first_time_is_not_told(
    escapes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "imported_by_a_tool.py").write_text("X = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    assert escapes(lambda: importlib.import_module("imported_by_a_tool").X) == ()
    assert (tmp_path / "__pycache__").exists()


def test_what_the_world_covers_is_not_told(escapes: Any) -> None:
    def tool(files: Path) -> None:
        (files / "notes.txt").write_text("after")
        (files / "new").mkdir()
        os.replace(files / "notes.txt", files / "new" / "notes.txt")
        (files / "new" / "notes.txt").unlink()

    assert escapes(tool, again=2, files=fh.Directory({"notes.txt": "before"})) == ()


def test_the_harness_itself_may_write(escapes: Any, outside: Path) -> None:
    def fill(connection: Any) -> None:  # noqa: ARG001  # of Database
        write(outside)

    def tool(db: Any) -> None:
        db.connect().close()

    assert escapes(tool, db=fh.Database("sqlite://", setup=fill)) == ()


def test_a_batch_that_escapes_is_never_verified(outside: Path) -> None:
    def tool(ctx: Any) -> None:
        write(outside)
        ctx["x"] = 1

    batch = fh.Batch((fh.Call("tool"), fh.Call("tool")))
    report = fh.explore(batch, fh.Toolbox({"tool": tool}), fh.World(ctx={"x": 0}))
    assert (report.verdict, report.exhausted, report.verified) == (fh.Verdict.INCONCLUSIVE, False, False)
    assert len(report.escapes) == 1
    assert any(reason.startswith(f"outside the world: the file {outside}") for reason in report.reasons)


def test_an_escape_does_not_hide_a_finding(outside: Path) -> None:
    def tool(ctx: Any) -> None:
        write(outside)
        ctx["x"] = ctx["x"] + 1

    batch = fh.Batch((fh.Call("tool"), fh.Call("tool")))
    report = fh.explore(batch, fh.Toolbox({"tool": tool}), fh.World(ctx={"x": 0}))
    assert (report.verdict, report.exhausted) == (fh.Verdict.UNSAFE, False)


def test_the_environment_is_told_where_no_resource_is_for_it(escapes: Any, outside: Path) -> None:
    def tool() -> None:
        before = os.getcwd()
        os.environ["FUZZ_NEW"] = "1"
        del os.environ["FUZZ_NEW"]
        os.chdir(outside)
        os.chdir(before)

    assert {escape.what for escape in escapes(tool, again=2)} == {
        "the environment variable FUZZ_NEW was set",
        "the environment variable FUZZ_NEW was removed",
        "os.chdir changed the working directory of all calls",
    }
