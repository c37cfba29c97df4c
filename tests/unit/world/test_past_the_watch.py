"""What reaches a file of a directory past its watch is told, so that nothing is called verified."""

from __future__ import annotations

import functools
import io
import mmap
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fuzzharness as fh

Run = Callable[..., Any]
START: dict[str, str | bytes] = {"a.txt": "old", "db.sqlite": b"", "page": b"x" * (mmap.PAGESIZE + 1)}
KEPT = {"open": open, "scandir": os.scandir, "remove": os.remove, "listdir": os.listdir, "mkdir": os.mkdir}


def database(d: Path) -> None:
    with sqlite3.connect(d / "db.sqlite") as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()


PAST: dict[str, Callable[[Path], Any]] = {
    "io.FileIO, reading": lambda d: io.FileIO(d / "a.txt").close(),
    "io.FileIO, writing": lambda d: io.FileIO(d / "a.txt", "w").close(),
    "io.open_code": lambda d: io.open_code(str(d / "a.txt")).close(),
    "open in a container": lambda d: KEPT["open"](d / "a.txt").close(),
    "scandir in a container": lambda d: KEPT["scandir"](d).close(),
    "listdir in a container": lambda d: KEPT["listdir"](d),
    "remove in a container": lambda d: KEPT["remove"](d / "a.txt"),
    "mkdir in a container": lambda d: KEPT["mkdir"](d / "new"),
    "SQLite": database,
    "SQLite, read only": lambda d: sqlite3.connect(f"file:{d}/db.sqlite?mode=ro", uri=True).close(),
    "a process": lambda d: subprocess.call(["/usr/bin/test", "-e", d / "a.txt"]),
    "umask": lambda d: os.umask(0o077 if d else 0),
    "chdir": lambda d: os.chdir(d),
}  # fmt: skip


@pytest.mark.parametrize("tool", PAST.values(), ids=PAST)
def test_what_is_not_watched_is_told(tool: Callable[[Path], Any], run_once: Run) -> None:
    seen = run_once(fh.World(d=fh.Directory(START)), tool)
    assert len(seen.escapes) >= 1


class Holder:
    """Functions of files, kept where no module's name shows them."""

    stat = os.stat
    opens = staticmethod(open)
    exists = functools.partial(os.access, mode=os.F_OK)

    @staticmethod
    def size(path: Path, stat: Any = os.stat, *, look: Any = os.lstat) -> Any:
        """By a default."""
        return look(path).st_size + stat(path).st_size


class Alike(type):
    """A metaclass to which all of its classes are one, and none of them has a hash."""

    __hash__ = None  # type: ignore[assignment]  # as for every class that defines __eq__ alone

    def __eq__(cls, other: object) -> bool:
        return isinstance(other, Alike)


class First(metaclass=Alike):
    """Its like comes behind it."""


class Second(metaclass=Alike):
    """Holds what its like does not."""

    stat = staticmethod(os.stat)


class Partial(functools.partial):  # type: ignore[type-arg]
    """Between two others."""


class PartialOfPartial(Partial):
    """Two steps from the library's own."""


class Static(staticmethod):  # type: ignore[type-arg]
    """A static method of another kind."""


class HoldsStatic:
    """By a static method of another kind."""

    access = Static(os.access)


ALIVE = First()
FAR = PartialOfPartial(os.stat)

HELD: dict[str, Callable[[Path], Any]] = {
    "in a class": lambda d: Holder.stat(d / "a.txt") and None,
    "as a static method": lambda d: Holder.opens(d / "a.txt").close(),
    "in a partial": lambda d: Holder.exists(d / "a.txt"),
    "as a default": lambda d: Holder.size(d / "a.txt"),
    "in a class that equals another": lambda d: Second.stat(d / "a.txt") and None,
    "in a partial of a class of its own": lambda d: FAR(d / "a.txt") and None,
    "as a static method of another kind": lambda d: HoldsStatic.access(d / "a.txt", os.F_OK),
}


@pytest.mark.parametrize("tool", HELD.values(), ids=HELD)
def test_functions_kept_in_classes_defaults_and_partials_are_seen(
    tool: Callable[[Path], Any], run_once: Run
) -> None:
    before = dict(vars(Holder)), Holder.exists.func, Holder.size.__defaults__
    seen = run_once(fh.World(d=fh.Directory(START)), tool)
    assert ("check", ("a.txt",)) in seen.accesses
    assert seen.escapes == ()
    assert (dict(vars(Holder)), Holder.exists.func, Holder.size.__defaults__) == before


def test_a_file_that_is_open_before_the_calls_begin_is_told(run_once: Run) -> None:
    directory = fh.Directory(START)
    with open(directory.path / "a.txt", "a") as file:
        seen = run_once(fh.World(d=directory), lambda: file.write("x") and None)
    assert any("a.txt was open before the calls began" in what for what in seen.escapes)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning", "ignore:Exception ignored in")
def test_a_file_that_is_written_when_it_dies_after_its_call_is_told(run_once: Run) -> None:
    def tool(d: Path) -> None:
        file = open(d / "a.txt", "w")  # noqa: SIM115  # what is tested: it dies with the traceback
        file.write("late")
        raise ValueError("with the file in its traceback")

    seen = run_once(fh.World(d=fh.Directory(START)), tool)
    assert any("a.txt was changed outside of all calls" in what for what in seen.escapes)


# -- files mapped into memory ----------------------------------------------------------------------


def mapped(d: Path, do: Callable[[mmap.mmap], Any], name: str = "page") -> Any:
    with open(d / name, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        return do(memory)


def pokes(d: Path) -> None:
    def poke(memory: mmap.mmap) -> None:
        memory[0:1] = b"1"
        memory[mmap.PAGESIZE] = ord("2")
        memory.flush()

    mapped(d, poke)


def peeks(d: Path) -> str:
    return mapped(d, lambda memory: memory.read(1) + memory[mmap.PAGESIZE :]).decode()  # type: ignore[no-any-return]


def test_accesses_through_a_mapping_are_steps_of_their_own() -> None:
    tools = fh.Toolbox({"pokes": pokes, "peeks": peeks})
    batch, world = fh.Batch((fh.Call("pokes"), fh.Call("peeks"))), fh.World(d=fh.Directory(START))
    report = fh.explore(batch, tools, world)
    assert {o.results["call-2"].value for o in report.outcomes} == {"xx", "1x", "x2", "12"}  # type: ignore[union-attr]
    assert (report.exhausted, bool(report.escapes)) == ((True, False), (False, True))[
        sys.version_info < (3, 12)
    ]


TAKEN: dict[str, Callable[[mmap.mmap], Any]] = {
    "memoryview": lambda memory: memoryview(memory).release(),
    "re": lambda memory: re.search(b"y", memory),
    "bytes.join": lambda memory: len(b"".join([memory])),
}


@pytest.mark.parametrize("take", TAKEN.values(), ids=TAKEN)
def test_who_takes_the_memory_of_a_mapping_is_told(take: Callable[[mmap.mmap], Any], run_once: Run) -> None:
    seen = run_once(fh.World(d=fh.Directory(START)), lambda d: mapped(d, take))
    assert len(seen.escapes) == 1
    assert "mapped" in seen.escapes[0]


def test_a_mapping_whose_file_is_cut_short_ends_the_call_not_the_process(run_once: Run) -> None:
    def tool(d: Path) -> None:
        mapped(d, lambda memory: (os.truncate(d / "page", 1), memory[mmap.PAGESIZE]))

    seen = run_once(fh.World(d=fh.Directory(START)), tool)
    assert "SIGBUS" in str(seen.result)
    assert any("SIGBUS" in what for what in seen.escapes)


def test_a_mapping_outside_of_the_directory_is_what_it_always_is(run_once: Run, tmp_path: Path) -> None:
    (tmp_path / "page").write_bytes(b"outside")
    seen = run_once(
        fh.World(d=fh.Directory(START)),
        lambda d: (mapped(tmp_path, bytes), isinstance(mmap.mmap(-1, 5), mmap.mmap), d and None)[:2],
    )
    assert seen.result == (b"outside", True)
    assert [w for w in seen.escapes if "opened for writing" not in w] == []
