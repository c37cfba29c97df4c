"""fh.Environment: variables and the working directory, seen by name and put back."""

from __future__ import annotations

import glob
import io
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from os import environ, getcwd, getenv
from pathlib import Path
from typing import Any

import pytest

import fuzzharness as fh
from fuzzharness.errors import WorldError

GATED: list[tuple[str, Callable[[], Any], list[Any]]] = [
    ("get item", lambda: os.environ["REGION"], [("read", ("REGION",))]),
    ("get", lambda: os.environ.get("REGION"), [("read", ("REGION",))]),
    ("getenv", lambda: os.getenv("REGION"), [("read", ("REGION",))]),
    ("getenvb", lambda: os.getenvb(b"REGION"), [("read", ("REGION",))]),
    ("member", lambda: "REGION" in os.environ, [("check", ("REGION",))]),
    ("iterate", lambda: "REGION" in list(os.environ), [("read", ("*",)), ("read", ("*",))]),
    ("length", lambda: len(os.environ) > 0, [("read", ("*",))]),
    ("set", lambda: os.environ.__setitem__("REGION", "us"), [("write", ("REGION",))]),
    ("delete", lambda: os.environ.__delitem__("REGION"), [("check", ("REGION",)), ("write", ("REGION",))]),
    ("update", lambda: os.environ.update(REGION="us"), [("write", ("REGION",))]),
    ("putenv", lambda: os.putenv("REGION", "us"), [("write", ("REGION",))]),
    ("unsetenv", lambda: os.unsetenv("REGION"), [("write", ("REGION",))]),
    ("getcwd", lambda: bool(os.getcwd()), [("read", ("(working directory)",))]),
    ("cwd", lambda: bool(Path.cwd()), [("read", ("(working directory)",))]),
    ("held by name", lambda: environ["REGION"], [("read", ("REGION",))]),
    ("getenv held by name", lambda: getenv("REGION"), [("read", ("REGION",))]),
    ("getcwd held by name", lambda: bool(getcwd()), [("read", ("(working directory)",))]),
    ("abspath", lambda: bool(os.path.abspath("x")), [("read", ("(working directory)",))]),
]


def env(**variables: str) -> fh.World:
    return fh.World(env=fh.Environment(variables))


@pytest.mark.parametrize(("touch", "accesses"), [row[1:] for row in GATED], ids=[row[0] for row in GATED])
def test_every_way_to_a_variable_is_an_access_to_its_name(
    run_once: Any, touch: Callable[[], Any], accesses: list[Any]
) -> None:
    seen = run_once(env(REGION="eu"), touch, again=2)
    assert (seen.accesses, seen.escapes) == (accesses, ())


def test_who_lists_the_variables_sees_in_which_order_they_came() -> None:
    def put(name: str) -> str:
        os.environ[name] = "1"
        return list(os.environ)[-1]

    batch = fh.Batch(tuple(fh.Call("put", {"name": name}) for name in ("FUZZ_A", "FUZZ_B")))
    report = fh.explore(batch, fh.Toolbox({"put": put}), env())
    endings = {tuple(result.value for result in o.results.values()) for o in report.outcomes}
    assert endings == {("FUZZ_A", "FUZZ_B"), ("FUZZ_B", "FUZZ_B"), ("FUZZ_A", "FUZZ_A")}
    assert report.exhausted


@pytest.mark.parametrize("key", [7, None])
def test_what_cannot_name_a_variable_raises_as_ever(run_once: Any, key: Any) -> None:
    def tool(env: Any) -> list[str]:
        found = []
        for use in (env.__getitem__, env.__contains__, env.__delitem__, lambda k: env.__setitem__(k, "")):
            try:
                use(key)
            except TypeError as error:
                found.append(str(error))
        return found

    expected = tool(os.environ)
    assert run_once(env(), tool).result == expected
    assert len(expected) == 4


def set_it(value: str) -> None:
    os.environ["REGION"] = os.environ["REGION"] + value


def test_read_then_write_of_a_variable_loses_updates_as_on_a_plain_value() -> None:
    batch = fh.Batch(tuple(fh.Call("set_it", {"value": v}) for v in "ab"))
    report = fh.explore(batch, fh.Toolbox({"set_it": set_it}), env(REGION="eu"))
    assert {o.state["env"]["REGION"] for o in report.outcomes} == {"eua", "eub", "euab", "euba"}
    assert (report.executions, report.exhausted, report.escapes) == (4, True, ())
    assert "lost-update" in {finding.anomaly for finding in report.findings}


def test_variables_of_their_own_do_not_meet() -> None:
    def one() -> str:
        os.environ["FUZZ_ONE"] = "1"
        return os.environ["REGION"]

    def other() -> str:
        os.environ["HOME"] = "/nowhere"
        return os.environ["REGION"]

    batch = fh.Batch((fh.Call("one"), fh.Call("other")))
    report = fh.explore(batch, fh.Toolbox({"one": one, "other": other}), env(REGION="eu"))
    assert (report.verdict, report.verified, report.executions) == (fh.Verdict.SAFE, True, 1)
    assert report.baseline.state["env"] == {"REGION": "eu", "FUZZ_ONE": "1", "HOME": "/nowhere"}


def test_calls_that_ask_where_they_are_see_a_sibling_go_elsewhere(tmp_path: Path) -> None:
    def go() -> None:
        os.chdir(tmp_path)

    def where() -> bool:
        return os.getcwd() == str(tmp_path)

    here = os.getcwd()
    batch = fh.Batch((fh.Call("where"), fh.Call("go")))
    report = fh.explore(batch, fh.Toolbox({"go": go, "where": where}), env())
    assert {next(iter(o.results.values())).value for o in report.outcomes} == {True, False}
    assert (report.verdict, report.executions, report.escapes) == (fh.Verdict.UNSAFE, 2, ())
    assert os.getcwd() == here


BY_RELATIVE_PATH: dict[str, Callable[[], Any]] = {
    "open": lambda: open("here.txt").close(),
    "open to write": lambda: open("new.txt", "w").close(),
    "os.open": lambda: os.close(os.open("here.txt", os.O_RDONLY)),
    "bytes": lambda: os.stat(b"here.txt"),
    "os.stat": lambda: os.stat("here.txt"),
    "os.access": lambda: os.access("here.txt", os.R_OK),
    "exists": lambda: os.path.exists("here.txt"),
    "path.exists": lambda: Path("here.txt").exists(),
    "path.is_dir": lambda: Path("folder").is_dir(),
    "read_text": lambda: Path("here.txt").read_text(),
    "resolve": lambda: Path("here.txt").resolve(),
    "listdir": lambda: os.listdir(),
    "listdir of none": lambda: os.listdir(None),
    "listdir of a folder": lambda: os.listdir("folder"),
    "scandir": lambda: [entry.stat() for entry in os.scandir()],
    "iterdir": lambda: list(Path().iterdir()),
    "glob": lambda: glob.glob("*.txt"),
    "walk": lambda: list(os.walk(".")),
    "mkdir": lambda: os.mkdir("made"),
    "makedirs": lambda: os.makedirs("made/more"),
    "rename": lambda: os.rename("here.txt", "there.txt"),
    "remove": lambda: os.remove("here.txt"),
    "symlink": lambda: os.symlink("/", "link"),
    "link": lambda: os.link("here.txt", "twin.txt"),
    "copy": lambda: shutil.copy("here.txt", "there.txt"),
    "move": lambda: shutil.move("here.txt", "folder"),
    "utime": lambda: os.utime("here.txt"),
    "temporary file": lambda: tempfile.NamedTemporaryFile(dir=".").close(),
    "zip": lambda: zipfile.ZipFile("new.zip", "w").close(),
}
BY_WHOLE_PATH: dict[str, Callable[[], Any]] = {
    "open": lambda: open("/dev/null").close(),
    "stat": lambda: os.stat("/"),
    "listdir": lambda: os.listdir("/"),
    "in an open folder": lambda: _in_root(lambda folder: os.stat("dev", dir_fd=folder)),
    "of an open folder": lambda: _in_root(os.listdir),
    "open in an open folder": lambda: _in_root(
        lambda folder: os.close(os.open("dev", os.O_RDONLY, dir_fd=folder))
    ),
}


def _in_root(use: Callable[[int], Any]) -> None:
    folder = os.open("/", os.O_RDONLY)
    use(folder)
    os.close(folder)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> fh.World:
    """A directory that calls begin in, and their environment."""
    files = fh.Directory({"here.txt": "text", "folder/": ""})
    monkeypatch.chdir(files.path)
    return fh.World(env=fh.Environment(), files=files)


@pytest.mark.parametrize("touch", BY_RELATIVE_PATH.values(), ids=BY_RELATIVE_PATH)
def test_every_use_of_a_relative_path_reads_the_working_directory(
    run_once: Any, here: fh.World, touch: Callable[[], Any]
) -> None:
    seen = run_once(here, lambda: (touch(), None)[1], again=2)
    assert {access for access in seen.accesses if access[1] == ("(working directory)",)} == {
        ("read", ("(working directory)",))
    }
    assert seen.escapes == ()


@pytest.mark.parametrize("touch", BY_RELATIVE_PATH.values(), ids=BY_RELATIVE_PATH)
def test_so_it_does_where_no_directory_is_watched(
    run_once: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, touch: Callable[[], Any]
) -> None:
    (tmp_path / "here.txt").write_text("text")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    seen = run_once(env(), lambda: (touch(), None)[1])
    assert set(seen.accesses) == {("read", ("(working directory)",))}


@pytest.mark.parametrize("touch", BY_WHOLE_PATH.values(), ids=BY_WHOLE_PATH)
def test_a_path_that_begins_elsewhere_does_not(run_once: Any, touch: Callable[[], Any]) -> None:
    seen = run_once(env(), lambda: (touch(), None)[1])
    assert (seen.accesses, seen.escapes) == ([], ())


def test_what_scandir_found_is_looked_for_where_calls_are_by_then(run_once: Any, here: fh.World) -> None:
    def tool(files: Path) -> str:
        (files / "folder" / "here.txt").write_text("longer text")
        entry = next(entry for entry in os.scandir() if entry.name == "here.txt")
        os.chdir("folder")
        return f"{entry.stat().st_size}"

    seen = run_once(here, tool)
    assert (seen.result, seen.escapes) == ("11", ())
    assert [key for _, key in seen.accesses[-2:]] == [
        ("folder", "here.txt"),
        ("(working directory)",),
    ]


OPENERS = [open]
UNSEEN: dict[str, Callable[[], Any]] = {
    "FileIO": lambda: io.FileIO("here.txt").close(),
    "an open kept in a list": lambda: OPENERS[0]("here.txt").close(),
    "open_code": lambda: io.open_code("here.txt").close(),
}


@pytest.mark.parametrize("touch", UNSEEN.values(), ids=UNSEEN)
def test_what_is_not_watched_is_told_once_a_call_goes_elsewhere(
    run_once: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, touch: Callable[[], Any]
) -> None:
    (tmp_path / "here.txt").write_text("text")
    monkeypatch.chdir(tmp_path)
    told = "the relative path here.txt was used, past the watch on the working directory"
    assert told not in run_once(env(), touch).escapes
    assert told in run_once(env(), touch, lambda: os.chdir("/")).escapes
    assert told in run_once(env(), lambda: os.chdir(tmp_path), touch).escapes


def test_a_process_that_begins_where_the_calls_are_is_told(run_once: Any) -> None:
    seen = run_once(env(), lambda: os.chdir("/"), lambda: subprocess.run(["true"], check=True) and None)
    assert any("another process was started" in what for what in seen.escapes)


def test_the_ending_tells_what_a_run_has_changed(run_once: Any, tmp_path: Path) -> None:
    def tool(env: Any) -> None:
        del env["REGION"]
        env["HOME"] = "/nowhere"
        os.putenv("FUZZ_ALONE", "1")
        os.chdir(tmp_path)

    assert run_once(env(REGION="eu", ZONE="a"), tool).state["env"] == {
        "REGION": None,
        "ZONE": "a",
        "HOME": "/nowhere",
        "FUZZ_ALONE (of the process alone)": "1",
        "(working directory)": str(tmp_path),
    }


def test_everything_is_as_it_was_in_the_end(run_once: Any, tmp_path: Path) -> None:
    def tool(env: Any) -> list[str]:
        before = [env["REGION"], str("FUZZ_NEW" in env)]
        env["FUZZ_NEW"] = "1"
        env.pop("PATH")
        env["REGION"] = "us"
        os.putenv("FUZZ_ALONE", "1")
        os.chdir(tmp_path)
        return before

    members = dict(vars(type(os.environ)))
    functions = os.getcwd, os.getcwdb, os.chdir, os.fchdir, os.putenv, os.unsetenv
    found, here = list(os.environ.items()), os.getcwd()
    assert run_once(env(REGION="eu"), tool, again=3).result == ["eu", "False"]
    assert (list(os.environ.items()), os.getcwd()) == (found, here)
    assert dict(vars(type(os.environ))) == members
    assert (os.getcwd, os.getcwdb, os.chdir, os.fchdir, os.putenv, os.unsetenv) == functions
    shown = subprocess.run(
        "echo $FUZZ_ALONE$FUZZ_NEW$REGION", shell=True, capture_output=True, text=True, check=True
    )
    assert shown.stdout == "\n"


def test_another_environment_put_in_its_place_is_told(run_once: Any) -> None:
    def tool() -> None:
        os.environ = {}  # noqa: B003  # as an unruly tool would

    seen = run_once(env(), tool)
    assert any("os.environ" in what for what in seen.escapes)


@pytest.mark.parametrize("variables", [{"": "x"}, {"A=B": "x"}, {"A": 1}, {1: "x"}, {"A": "x\0"}], ids=str)
def test_what_no_environment_can_hold_is_refused(variables: Any) -> None:
    with pytest.raises(WorldError, match=r"Environment was given .*Expected a name.*Write"):
        fh.Environment(variables)


def test_there_is_but_one_environment(run_once: Any) -> None:
    found = dict(os.environ)
    with pytest.raises(WorldError, match=r"taken by 'a' already.*Expected one.*Put all"):
        run_once(fh.World(a=fh.Environment({"REGION": "eu"}), b=fh.Environment()), lambda: None)
    assert dict(os.environ) == found


def test_beside_a_directory_the_working_directory_is_still_its_own(run_once: Any) -> None:
    for order in (("env", "files"), ("files", "env")):
        made = {"env": fh.Environment(), "files": fh.Directory({"notes.txt": ""})}
        seen = run_once(fh.World(**{name: made[name] for name in order}), lambda files: os.chdir(files))
        assert ("write", ("(working directory)",)) in seen.accesses
