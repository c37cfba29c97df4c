"""A directory is restored byte for byte, modes included, at the cost of what was touched."""

from __future__ import annotations

import io
import os
import random
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fuzzharness as fh
from fuzzharness.runtime.stage import Stage
from fuzzharness.search.random_walk import RandomWalk
from fuzzharness.search.serial import in_order

START = {"a.txt": "one\n", "b.bin": b"\xff\x00", "sub/c.txt": "three", "sub/deep/d.txt": "four", "empty/": ""}


def image(folder: Path) -> dict[str, Any]:
    """Everything in a folder, with modes; the number of names of each file too."""
    found: dict[str, Any] = {".": folder.lstat().st_mode}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[path.relative_to(folder).as_posix()] = (
            status.st_mode,
            status.st_nlink * path.is_file(),
            content,
        )
    return found


@pytest.fixture(params=["scratch", "given"])
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> fh.Directory:
    """One that is made somewhere, and one at a path."""
    return fh.Directory(START, path=tmp_path / "given" if request.param == "given" else None)


def rewrites(d: Path) -> None:
    (d / "a.txt").write_text((d / "a.txt").read_text() + "x")


def makes_and_removes(d: Path) -> None:
    shutil.rmtree(d / "sub")
    (d / "sub").write_text("a file now")
    (d / "new/folder").mkdir(parents=True)
    (d / "new/folder/x").touch()
    (d / "b.bin").unlink()


def renames_folders(d: Path) -> None:
    (d / "sub").rename(d / "moved")
    (d / "moved/deep").rename(d / "sub")
    (d / "sub/d.txt").write_text("else")


def changes_modes(d: Path) -> None:
    (d / "a.txt").chmod(0o400)
    (d / "sub").chmod(0o500)
    d.chmod(0o755)
    os.umask(0o077)


def links(d: Path) -> None:
    os.link(d / "a.txt", d / "other")
    (d / "other").write_text("through the other name")
    (d / "other").unlink()
    os.symlink(d / "b.bin", d / "sub/link")
    (d / "sub/link").write_bytes(b"through the link")


def removes_all(d: Path) -> None:
    shutil.rmtree(d)


def replaces_all(d: Path) -> None:
    d.rename(f"{d}.moved")
    shutil.rmtree(f"{d}.moved")
    d.symlink_to("/")


def leaves_open(d: Path) -> list[Any]:
    file = open(d / "a.txt", "r+")  # noqa: SIM115  # what is tested: it is written when it dies
    file.write("late")
    return [file]


def fails(d: Path) -> None:
    (d / "a.txt").write_text("half")
    raise ValueError("after half of it")


def unseen(d: Path) -> None:
    io.FileIO(d / "a.txt", "w").close()


def by_process(d: Path) -> None:
    subprocess.run(["/bin/sh", "-c", "echo changed > a.txt; rm b.bin; mkdir made"], cwd=d, check=True)


CHANGES: list[Callable[[Path], Any]] = [
    rewrites, makes_and_removes, renames_folders, changes_modes, links, removes_all, replaces_all,
    leaves_open, fails, unseen, by_process,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning", "ignore:Exception ignored in")
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_every_run_begins_and_the_exploration_ends_with_the_directory_as_it_was(
    change: Callable[[Path], Any], directory: fh.Directory
) -> None:
    before, found, tools = image(directory.path), [], fh.Toolbox({"tool": change})
    with Stage(fh.Batch((fh.Call("tool"),)), tools, fh.World(d=directory), fh.Settings()) as stage:
        for _ in range(6):
            stage.start()
            found.append(image(directory.path))
            stage.run((0,), in_order((0,)))
    assert found == [before] * 6
    assert image(directory.path) == before


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError])
def test_the_directory_is_as_it_was_when_a_tool_or_the_user_breaks_off(
    end: type[BaseException], directory: fh.Directory
) -> None:
    def tool(d: Path) -> None:
        makes_and_removes(d)
        raise end

    def stop(event: Any) -> None:
        if isinstance(event, fh.events.BaselineReached):
            raise KeyboardInterrupt

    before, batch = image(directory.path), fh.Batch((fh.Call("tool"), fh.Call("tool")))
    with pytest.raises(KeyboardInterrupt):
        fh.explore(batch, fh.Toolbox({"tool": tool}), fh.World(d=directory), on_event=stop)
    assert image(directory.path) == before


def test_what_batches_before_have_made_is_where_runs_begin(directory: fh.Directory) -> None:
    def prepares(d: Path) -> None:
        os.link(d / "a.txt", d / "twin")
        (d / "sub").rename(d / "moved")
        (d / "moved").chmod(0o755)

    def changes(d: Path) -> None:
        (d / "twin").write_text("both")
        shutil.rmtree(d / "moved")

    before, tools = image(directory.path), fh.Toolbox({"prepares": prepares, "changes": changes})
    batches = fh.Batch((fh.Call("changes"),)), [fh.Batch((fh.Call("prepares"),))]
    with Stage(batches[0], tools, fh.World(d=directory), fh.Settings(), batches[1]) as stage:
        start, begun = stage.start()["d"], image(directory.path)
        for _ in range(4):
            ended = stage.run((0,), in_order((0,))).outcome.state["d"]
            stage.start()
            assert image(directory.path) == begun
        assert (start["twin"], start["a.txt"], start["moved/c.txt"]) == ("one\n", "one\n", "three")
        assert (ended["twin"], ended["a.txt"], "moved/" in ended) == ("both", "both", False)
        assert stage.escapes == ()
    assert image(directory.path) == before


ACTIONS: list[Callable[[Path, Path], Any]] = [
    lambda one, _: one.write_text("new"),
    lambda one, _: one.unlink(),
    lambda one, _: one.mkdir(),
    lambda one, _: one.chmod(0o700),
    lambda one, _: shutil.rmtree(one),
    lambda one, _: os.truncate(one, 1),
    lambda one, other: os.rename(one, other),
    lambda one, other: os.link(one, other),
    lambda one, other: other.symlink_to(one),
    lambda one, _: shutil.copytree(one, one.parent / "copied", symlinks=True) and None,
]


def everything(d: Path, seed: int) -> None:
    """A few changes, other ones by ``seed``, some of which fail."""
    draw = random.Random(seed)
    names = [
        "a.txt",
        "sub",
        "sub/c.txt",
        "sub/deep",
        "sub/deep/d.txt",
        "empty",
        "new",
        "sub/new",
        "empty/new",
    ]
    for _ in range(6):
        try:
            draw.choice(ACTIONS)(*(d / name for name in draw.sample(names, 2)))
        except OSError:
            continue


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 48, 12))
def test_whatever_calls_do_what_they_announced_is_all_that_has_changed(first: int) -> None:
    """Against reading the disk: the state that is told, the state that runs begin with, and no escape."""
    for seed in range(first, first + 12):
        directory = fh.Directory(START)
        before = image(directory.path)
        batch = fh.Batch(tuple(fh.Call("everything", {"seed": seed * 2 + n}) for n in (0, 1)))
        tools, scheduler = fh.Toolbox({"everything": everything}), RandomWalk(seed)
        with Stage(batch, tools, fh.World(d=directory), fh.Settings()) as stage:
            for _ in range(3):
                state = stage.run((0, 1), scheduler.choose).outcome.state["d"]
                there = {
                    n for n, (mode, *_) in list(image(directory.path).items())[1:] if not stat.S_ISDIR(mode)
                }
                assert {name for name in state if not name.endswith("/")} == there
                assert stage.escapes == ()
                stage.start()
                assert image(directory.path) == before, seed


# -- what it costs ----------------------------------------------------------------------------------


def test_a_run_reads_and_writes_what_was_touched_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"f{n % 9}/{n}.txt": str(n) for n in range(300)}
    read: list[str] = []
    bytes_of = fh.world.tree._bytes  # type: ignore[attr-defined]  # what reads each file
    monkeypatch.setattr("fuzzharness.world.tree._bytes", lambda path: read.append(path) or bytes_of(path))
    tools = fh.Toolbox({"tool": lambda d: (d / "f3/3.txt").write_text("new")})
    with Stage(fh.Batch((fh.Call("tool"),)), tools, fh.World(d=fh.Directory(files)), fh.Settings()) as stage:
        stage.run((0,), in_order((0,)))
        read.clear()
        ran = [stage.run((0,), in_order((0,))) for _ in range(2)]
        assert [os.path.basename(path) for path in read] == ["3.txt", "3.txt"]
    assert ran[0].outcome == ran[1].outcome
    assert dict(ran[0].outcome.state["d"]) == files | {"f3/3.txt": "new"} | {f"f{n}/": None for n in range(9)}


def test_a_change_that_nobody_saw_is_told_at_the_latest_when_all_is_over() -> None:
    directory = fh.Directory(START)
    with Stage(
        fh.Batch((fh.Call("tool"),)), fh.Toolbox({"tool": lambda: None}), fh.World(d=directory), fh.Settings()
    ) as stage:
        stage.run((0,), in_order((0,)))
        stage.run((0,), in_order((0,)))
        assert stage.escapes == ()
        with io.FileIO(directory.path / "a.txt", "w") as file:
            file.write(b"by nobody")
        assert ["a.txt was changed in a way that is not watched" in e.what for e in stage.escapes] == [True]
        assert stage.start()["d"]["a.txt"] == "one\n"


# -- a world that cannot be had --------------------------------------------------------------------


def explored(directory: fh.Directory, tool: Callable[..., Any]) -> fh.Report:
    batch = fh.Batch((fh.Call("tool"), fh.Call("tool")))
    return fh.explore(batch, fh.Toolbox({"tool": tool}), fh.World(d=directory))


def test_a_path_where_no_directory_can_be_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "nowhere").symlink_to("gone")
    for path in ("file", "file/below", "nowhere"):
        with pytest.raises(
            fh.WorldError, match=rf"{path} could not be made: .*Expected a folder.*Give another"
        ):
            explored(fh.Directory(START, path=tmp_path / path), rewrites)
    assert (tmp_path / "file").read_text() == "mine"
    assert not (tmp_path / "gone").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_is_read_only_is_an_error_that_names_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(fh.WorldError, match=r"could not be made: .*Permission denied"):
        explored(fh.Directory(START, path=tmp_path), rewrites)
    tmp_path.chmod(0o700)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB, if this process may have one."""
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], capture_output=True)
    if made.returncode:
        pytest.skip("only root may mount")
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)


def fills(d: Path) -> str:
    try:
        (d / "big").write_bytes(bytes(1_000_000))
    except OSError as error:
        return os.strerror(error.errno)
    return "it fits"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts")
def test_a_full_disk_is_an_outcome_and_restored(small_disk: Path) -> None:
    directory = fh.Directory(START, path=small_disk / "d")
    before = image(directory.path)
    report = explored(directory, fills)
    assert {r.value for o in report.outcomes for r in o.results.values()} == {"No space left on device"}
    assert image(directory.path) == before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts")
def test_a_disk_without_room_or_right_for_the_start_is_an_error_that_names_it(small_disk: Path) -> None:
    with pytest.raises(fh.WorldError, match=r"big could not be made: .*No space left"):
        explored(fh.Directory({"x": bytes(1_000_000)}, path=small_disk / "big"), rewrites)
    shutil.rmtree(small_disk / "big", ignore_errors=True)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(fh.WorldError, match=r"ro could not be made: .*Read-only file system"):
        explored(fh.Directory(START, path=small_disk / "ro"), rewrites)


# -- links that lead out -----------------------------------------------------------------------------


def test_a_link_that_leads_out_is_never_restored_through_and_writing_through_it_is_told(
    tmp_path: Path,
) -> None:
    (tmp_path / "c.txt").write_text("mine")
    tmp_path.chmod(0o750)

    def leads_out(d: Path) -> None:
        shutil.rmtree(d / "sub")
        (d / "sub").symlink_to(tmp_path)

    def writes(d: Path) -> None:
        leads_out(d)
        (d / "sub/new").write_text("outside")

    def run(tool: Callable[[Path], None]) -> list[str]:
        batch = fh.Batch((fh.Call("tool"),))
        with Stage(
            batch, fh.Toolbox({"tool": tool}), fh.World(d=fh.Directory(START)), fh.Settings()
        ) as stage:
            for _ in range(3):
                stage.run((0,), in_order((0,)))
            return [escape.what for escape in stage.escapes]

    before = image(tmp_path)
    assert run(leads_out) == []
    assert image(tmp_path) == before
    assert run(writes) == [f"the file {tmp_path}/new was opened for writing"]
    assert (tmp_path / "c.txt").read_text() == "mine"
