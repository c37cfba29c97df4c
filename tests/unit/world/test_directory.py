"""A directory as a resource: what of the file functions is seen, and that they work as ever."""

from __future__ import annotations

import builtins
import io
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fuzzharness as fh
from fuzzharness.runtime.stage import Stage

R, C, W = "read", "check", "write"
Run = Callable[..., Any]
START: dict[str, str | bytes] = {
    "a.txt": "one\ntwo\n",
    "b.bin": b"\xff\x00",
    "sub/c.txt": "three",
    "empty/": "",
}


def read_fd(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 100)
    finally:
        os.close(descriptor)


def write_fd(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.write(descriptor, b"x")
    os.close(descriptor)


def through(path: Path, mode: str, data: Any = None, **options: Any) -> Any:
    with open(path, mode, **options) as file:
        return file.read() if data is None else file.write(data)


def replaced(folder: Path) -> None:
    descriptor, name = tempfile.mkstemp(dir=folder, prefix="new")
    with os.fdopen(descriptor, "w") as file:
        file.write("replaced")
    os.replace(name, folder / "a.txt")


def updated(path: Path) -> None:
    with open(path, "r+") as file:
        text = file.read()
        file.seek(0)
        file.write(text.upper())
        file.truncate()


def walked(folder: Path) -> list[Any]:
    return sorted((os.path.relpath(top, folder), sorted(d), sorted(f)) for top, d, f in os.walk(folder))


def lines(path: Path) -> list[str]:
    with open(path) as file:
        return [line.upper() for line in file]


def dumped(path: Path) -> None:
    with open(path, "w") as file:
        json.dump({"a": 1}, file)


def entries(folder: Path) -> list[Any]:
    with os.scandir(folder) as found:
        return sorted((e.name, e.is_dir(), e.stat().st_size if e.is_file() else None) for e in found)


def linked(folder: Path) -> str:
    (folder / "link").symlink_to("a.txt")
    (folder / "link").write_text("through the link")
    return (folder / "a.txt").read_text() + os.readlink(folder / "link")


def relative(folder: Path) -> str:
    return Path(os.path.relpath(folder / "a.txt")).read_text()


def tree_copied(folder: Path) -> None:
    shutil.copytree(folder / "sub", folder / "copy")
    shutil.rmtree(folder / "sub")


CASES: list[tuple[str, Callable[[Path], Any], list[Any] | None]] = [
    ("open, read", lambda d: through(d / "a.txt", "r"), [(C, ("a.txt",)), (R, ("a.txt",))]),
    ("open, read bytes", lambda d: through(d / "b.bin", "rb"), [(C, ("b.bin",)), (R, ("b.bin",))]),
    ("open, unbuffered", lambda d: through(d / "b.bin", "rb", buffering=0),
     [(C, ("b.bin",)), (R, ("b.bin",))]),
    ("open, write", lambda d: through(d / "a.txt", "w", "x"), [(W, ("a.txt",)), (W, ("a.txt",))]),
    ("open, append", lambda d: through(d / "a.txt", "a", "x"), [(W, ("a.txt",)), (W, ("a.txt",))]),
    ("open, create", lambda d: through(d / "new", "x", "x"), [(W, ("new",)), (W, ("new",))]),
    ("open, create what is there", lambda d: through(d / "a.txt", "x", "x"), [(W, ("a.txt",))]),
    ("open what is not there", lambda d: through(d / "none", "r"), [(C, ("none",))]),
    ("open, update", lambda d: updated(d / "a.txt"), None),
    ("lines", lambda d: lines(d / "a.txt"), [(C, ("a.txt",)), (R, ("a.txt",)), (R, ("a.txt",))]),
    ("json.dump", lambda d: dumped(d / "a.txt"), [(W, ("a.txt",)), (W, ("a.txt",))]),
    ("Path.read_text", lambda d: (d / "a.txt").read_text(), [(C, ("a.txt",)), (R, ("a.txt",))]),
    ("Path.read_bytes", lambda d: (d / "b.bin").read_bytes(), [(C, ("b.bin",)), (R, ("b.bin",))]),
    ("Path.write_text", lambda d: (d / "a.txt").write_text("x"), [(W, ("a.txt",)), (W, ("a.txt",))]),
    ("Path.exists", lambda d: (d / "a.txt").exists(), [(C, ("a.txt",))]),
    ("Path.is_file", lambda d: (d / "none").is_file(), [(C, ("none",))]),
    ("os.path.getsize", lambda d: os.path.getsize(d / "a.txt"), [(C, ("a.txt",))]),
    ("in a folder", lambda d: (d / "sub/c.txt").read_text(),
     [(C, ("sub",)), (C, ("sub", "c.txt")), (R, ("sub", "c.txt"))]),
    ("os.listdir", lambda d: sorted(os.listdir(d)), [(R, ("*",))]),
    ("os.listdir of a folder", lambda d: os.listdir(d / "sub"), [(C, ("sub",)), (R, ("sub", "*"))]),
    ("os.listdir of none", lambda d: os.listdir(d / "none"), [(C, ("none",)), (R, ("none", "*"))]),
    ("Path.iterdir", lambda d: sorted(p.name for p in d.iterdir()), [(R, ("*",))]),
    ("Path.glob", lambda d: sorted(p.name for p in d.glob("*.txt")), None),
    ("Path.rglob", lambda d: sorted(p.name for p in d.rglob("*.txt")), None),
    ("os.scandir", entries, None),
    ("os.walk", walked, None),
    ("Path.mkdir", lambda d: (d / "new").mkdir(), [(W, ("new",))]),
    ("Path.mkdir of what is there", lambda d: (d / "sub").mkdir(), [(W, ("sub",))]),
    ("os.makedirs", lambda d: os.makedirs(d / "x/y"), None),
    ("Path.rmdir", lambda d: (d / "empty").rmdir(), [(W, ("empty",))]),
    ("Path.unlink", lambda d: (d / "a.txt").unlink(), [(W, ("a.txt",))]),
    ("Path.rename", lambda d: (d / "a.txt").rename(d / "z").name, [(W, ("a.txt",)), (W, ("z",))]),
    ("os.replace", lambda d: os.replace(d / "a.txt", d / "z"), [(W, ("a.txt",)), (W, ("z",))]),
    ("os.link", lambda d: os.link(d / "a.txt", d / "z"), [(R, ("a.txt",)), (W, ("z",))]),
    ("another name", lambda d: (os.link(d / "a.txt", d / "z"), os.truncate(d / "z", 1))[1],
     [(R, ("a.txt",)), (W, ("z",)), (W, ("z",)), (W, ("a.txt",))]),
    ("os.open, os.read", lambda d: read_fd(d / "a.txt"), [(C, ("a.txt",)), (R, ("a.txt",))]),
    ("os.open, os.write", lambda d: write_fd(d / "a.txt"), [(W, ("a.txt",)), (W, ("a.txt",))]),
    ("os.truncate", lambda d: os.truncate(d / "a.txt", 2), [(W, ("a.txt",))]),
    ("shutil.copy", lambda d: shutil.copy(d / "a.txt", d / "z") and None, None),
    ("shutil.copytree, rmtree", tree_copied, None),
    ("tempfile, os.replace", replaced, None),
    ("symbolic link", linked, None),
    ("relative path", relative, [(C, ("a.txt",)), (R, ("a.txt",))]),
    ("dotted path", lambda d: (d / "sub/../a.txt").read_text(),
     [(C, ("sub",)), (C, ("a.txt",)), (R, ("a.txt",))]),
    ("text in binary mode", lambda d: through(d / "a.txt", "wb", "x"), None),
    ("bad mode", lambda d: through(d / "a.txt", "rw"), []),
    ("unbuffered text", lambda d: through(d / "a.txt", "r", buffering=0), None),
]  # fmt: skip


def outcome(do: Callable[[Path], Any], folder: Path) -> str:
    try:
        return repr(do(folder))
    except (OSError, ValueError, TypeError) as error:
        return f"{type(error).__name__}: {error}".replace(str(folder), "")


def files_in(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        elif path.is_dir():
            found[f"{name}/"] = None
        else:
            content = path.read_bytes()
            found[name] = content if b"\xff" in content else content.decode()
    return found


def laid_out(folder: Path) -> Path:
    for name, content in START.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir()
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


@pytest.mark.parametrize(("do", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_file_function_is_seen_and_does_what_it_always_does(
    do: Callable[[Path], Any], expected: list[Any] | None, run_once: Run, tmp_path: Path
) -> None:
    mine = laid_out(tmp_path / "mine")
    seen = run_once(fh.World(d=fh.Directory(START)), lambda d: outcome(do, d), again=2)
    assert seen.result == outcome(do, mine)
    assert seen.state["d"] == files_in(mine)
    assert seen.escapes == ()
    if expected is not None:
        assert seen.accesses == expected


WRITERS = [
    ("rmtree", lambda d: shutil.rmtree(d / "sub"), lambda d: (d / "sub/c.txt").exists()),
    ("mkdir", lambda d: (d / "new").mkdir(), lambda d: outcome(lambda d: (d / "new/x").write_text("x"), d)),
    ("mkdir, listdir", lambda d: (d / "new").mkdir(), lambda d: outcome(lambda d: os.listdir(d / "new"), d)),
    ("rename of a folder", lambda d: (d / "sub").rename(d / "z"), lambda d: (d / "sub/c.txt").exists()),
    ("copy", lambda d: shutil.copyfile(d / "b.bin", d / "a.txt") and None,
     lambda d: (d / "a.txt").read_bytes()),
    ("link", lambda d: (d / "a.txt").write_text("x"),
     lambda d: ((d / "link").symlink_to("a.txt"), (d / "link").read_text())[1]),
    ("unlink through scandir", lambda d: [os.unlink(e) for e in os.scandir(d) if e.name == "a.txt"] and None,
     lambda d: (d / "a.txt").exists()),
    ("open by descriptor of the folder", lambda d: with_folder(d), lambda d: (d / "sub/c.txt").read_text()),
]  # fmt: skip


def with_folder(folder: Path) -> None:
    top = os.open(folder / "sub", os.O_RDONLY)
    descriptor = os.open("c.txt", os.O_WRONLY | os.O_TRUNC, dir_fd=top)
    os.close(descriptor)
    os.close(top)


@pytest.mark.parametrize(("change", "look"), [w[1:] for w in WRITERS], ids=[w[0] for w in WRITERS])
def test_both_orders_of_a_change_and_a_look_are_reached_and_conflict(
    change: Callable[[Path], Any], look: Callable[[Path], Any], explore: Run
) -> None:
    def changes(d: Path) -> None:
        change(d)

    def looks(d: Path) -> Any:
        return look(d)

    report = explore(fh.World(d=fh.Directory(START)), changes, looks)
    assert len({repr(o.results["looks-1"]) for o in report.outcomes}) >= 2
    accesses = [
        {a.key for s in e.steps if s.call == label for a in s.accesses}
        for e in [report.findings[0].baseline]
        for label in ("changes-0", "looks-1")
    ]
    keys = [{tuple(map(repr, key)) for key in side} for side in accesses]
    assert any(len(a) == len(b) and all("*" in (x, y) or x == y for x, y in zip(a, b, strict=True))
               for a in keys[0] for b in keys[1])  # fmt: skip


def test_a_half_written_file_can_be_read_and_a_renamed_one_cannot(explore: Run) -> None:
    def writes(d: Path) -> None:
        (d / "a.txt").write_text("new")

    def renames(d: Path) -> None:
        (d / "t").write_text("new")
        os.replace(d / "t", d / "a.txt")

    def reads(d: Path) -> str:
        return (d / "a.txt").read_text()

    def contents(tool: Callable[[Path], None]) -> set[str]:
        report = explore(fh.World(d=fh.Directory({"a.txt": "old"})), tool, reads)
        return {o.results["reads-1"].value for o in report.outcomes}

    assert contents(writes) == {"old", "", "new"}
    assert contents(renames) == {"old", "new"}


def test_a_rename_between_two_directories_is_one_step_of_both(run_once: Run) -> None:
    seen = run_once(
        fh.World(a=fh.Directory({"x": "1"}), b=fh.Directory()), lambda a, b: os.rename(a / "x", b / "y")
    )
    assert seen.steps == ((("a", W, ("x",)), ("b", W, ("y",))),)
    assert seen.state == {"a": {}, "b": {"y": "1"}}


def test_the_functions_of_the_process_are_put_back(explore: Run) -> None:
    before = {name: getattr(os, name) for name in ("open", "stat", "rename", "scandir", "close", "read")}
    opened = (builtins.open, io.open)
    explore(fh.World(d=fh.Directory()), lambda d: (d / "x").write_text("1"))
    with pytest.raises(fh.WorldError):
        explore(fh.World(d=fh.Directory(), v=(x for x in ())), lambda: None)
    assert {name: getattr(os, name) for name in before} == before
    assert (builtins.open, io.open) == opened


def test_functions_imported_by_name_are_seen(run_once: Run) -> None:
    import sys

    module = type(sys)("a_tool_module")
    module.rename = os.rename  # type: ignore[attr-defined]  # as after "from os import rename"
    sys.modules["a_tool_module"] = module
    try:
        seen = run_once(fh.World(d=fh.Directory({"x": "1"})), lambda d: module.rename(d / "x", d / "y"))
    finally:
        del sys.modules["a_tool_module"]
    assert seen.accesses == [(W, ("x",)), (W, ("y",))]
    assert module.rename is os.rename


def test_everything_is_restored_before_each_run(run_once: Run, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")

    def spoil(d: Path) -> dict[str, Any]:
        found = files_in(d)
        (d / "a.txt").unlink()
        (d / "a.txt").symlink_to(outside)
        shutil.rmtree(d / "sub")
        (d / "sub").write_text("a file now")
        (d / "b.bin").chmod(0o400)
        (d / "empty/x").write_text("x")
        (d / "dangling").symlink_to("nowhere")
        os.mkfifo(d / "pipe")
        return found

    seen = run_once(fh.World(d=fh.Directory(START)), spoil, again=3)
    assert seen.result == files_in(laid_out(tmp_path / "mine"))
    assert outside.read_text() == "mine"
    assert seen.state["d"]["dangling"] == "-> nowhere"


def test_permissions_are_restored(run_once: Run) -> None:
    def tool(d: Path) -> int:
        mode = stat.S_IMODE((d / "a.txt").stat().st_mode)
        (d / "a.txt").chmod(0o400)
        return mode

    assert run_once(fh.World(d=fh.Directory(START)), tool, again=3).result != 0o400


def test_the_working_directory_is_restored_and_its_change_reported(run_once: Run) -> None:
    here = os.getcwd()

    def tool(d: Path) -> str:
        found = os.getcwd()
        os.chdir(d)
        Path("a.txt").write_text("x")
        return found

    seen = run_once(fh.World(d=fh.Directory(START)), tool, again=2)
    os.chdir(here)
    assert seen.result == here
    assert (W, ("a.txt",)) in seen.accesses
    assert any("chdir" in what for what in seen.escapes)


def test_a_given_directory_must_be_empty_or_not_there(explore: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(fh.WorldError, match=r"is not empty\. Expected an empty one.*Give another"):
        explore(fh.World(d=fh.Directory(path=tmp_path)), lambda: None)
    assert (tmp_path / "mine.txt").read_text() == "mine"
    report = explore(fh.World(d=fh.Directory({"x": "1"}, path=tmp_path / "new")), lambda: None)
    assert report.baseline.state["d"] == {"x": "1"}
    assert (tmp_path / "new/x").read_text() == "1"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"/etc/passwd": ""}, "'/etc/passwd'.*Expected paths inside.*Leave out"),
        ({"../x": ""}, r"'\.\./x'.*Expected paths inside"),
        ({"": ""}, "Expected paths inside"),
        ({"x": 3}, "int as the content of 'x'. Expected text or bytes"),
    ],
)
def test_files_that_cannot_be_are_refused_in_words(files: Any, message: str) -> None:
    with pytest.raises(fh.WorldError, match=message):
        fh.Directory(files)


def test_closing_twice_is_closing_once_and_the_directory_is_as_it_was() -> None:
    directory = fh.Directory(START)
    world = fh.World(d=directory)
    toolbox = fh.Toolbox({"tool": lambda d: (d / "a.txt").unlink()})
    with Stage(fh.Batch((fh.Call("tool", {}),)), toolbox, world, fh.Settings()) as stage:
        stage.run((0,), lambda ready, *_: ready[0])
    directory.close()
    world.close()
    assert (directory.path / "a.txt").read_text() == START["a.txt"]
