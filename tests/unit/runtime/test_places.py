"""Which line of a tool is running: the innermost one that is the application's."""

import copy
import os
import sysconfig
from pathlib import Path
from typing import Any

import pytest

import fuzzharness
from fuzzharness.access import Place
from fuzzharness.runtime.places import is_library, place_of_tool

STDLIB, SITE = sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")
HERE = os.path.relpath(__file__)


class Asks:
    """Asks for the place from within the standard library."""

    def __deepcopy__(self, _memo: Any) -> Any:
        return place_of_tool()


def compiled(file: str) -> Place | None:
    """The place that code of ``file`` would be at, called from here."""
    space: dict[str, Any] = {"place_of_tool": place_of_tool}
    exec(compile("def tool():\n    return place_of_tool()\n", file, "exec"), space)
    place: Place | None = space["tool"]()
    return place


def test_a_place_is_the_line_that_asks() -> None:
    place = place_of_tool()
    assert place is not None
    assert (place.file, place.function) == (HERE, "test_a_place_is_the_line_that_asks")
    assert place.line == test_a_place_is_the_line_that_asks.__code__.co_firstlineno + 1


@pytest.mark.parametrize(
    "file",
    [
        "<string>",
        os.path.join(STDLIB, "json", "decoder.py"),
        os.path.join(SITE, "sqlalchemy", "engine", "base.py"),
        os.path.join(os.path.dirname(fuzzharness.__file__), "world", "files.py"),
    ],
    ids=["no file", "standard library", "database library", "the harness"],
)
def test_frames_that_are_no_tool_are_passed_over(file: str) -> None:
    place = compiled(file)
    assert place is not None
    assert (place.file, place.function) == (HERE, "compiled")


def test_published_tools_are_named_from_their_package_on() -> None:
    place = compiled(os.path.join(SITE, "some_tools", "memory.py"))
    assert place == Place(os.path.join("some_tools", "memory.py"), 2, "tool")


def test_a_file_outside_the_working_directory_keeps_its_whole_name(tmp_path: Path) -> None:
    assert compiled(str(tmp_path / "shop.py")) == Place(str(tmp_path / "shop.py"), 2, "tool")


def test_a_file_inside_the_working_directory_is_named_relative_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert compiled(str(tmp_path / "shop" / "tools.py")) == Place(os.path.join("shop", "tools.py"), 2, "tool")


def test_an_application_in_a_folder_called_like_a_library_is_an_application(tmp_path: Path) -> None:
    file = str(tmp_path / "sqlalchemy" / "shop.py")
    assert compiled(file) == Place(file, 2, "tool")
    assert not is_library(file)


def test_the_standard_library_that_calls_back_a_tool_is_no_obstacle() -> None:
    assert copy.deepcopy(Asks()).function == "__deepcopy__"


@pytest.mark.parametrize(
    ("file", "library"),
    [
        (os.path.join(SITE, "some_tools", "memory.py"), True),
        (os.path.join(STDLIB, "json", "decoder.py"), True),
        (fuzzharness.__file__, True),
        (__file__, False),
    ],
    ids=["installed package", "standard library", "the harness", "a file of one's own"],
)
def test_what_is_installed_is_a_library(file: str, library: bool) -> None:
    assert is_library(file) is library
