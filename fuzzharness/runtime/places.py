"""Which line of a tool is running.

Decides which frames belong to a tool: those in files that are neither the harness, nor the standard
library, nor a library of those that tools reach resources and loops with.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from types import FrameType
from typing import Any

from fuzzharness.access import Place
from fuzzharness.world.working_directory import first

_HARNESS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_STDLIB = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")} | {os.path.dirname(os.__file__)}
)
_LIBRARIES = tuple(
    f"-packages{os.sep}{name}{os.sep}"
    for name in (
        "sqlalchemy",
        "sqlglot",
        "psycopg",
        "psycopg_pool",
        "asyncpg",
        "aiosqlite",
        "_pytest",
        "pluggy",
        "trio",
        "anyio",
        "outcome",
        "sniffio",
        "httpx",
        "httpcore",
        "requests",
        "urllib3",
    )
)
_FOREIGN: dict[str, bool] = {}


def place_of_tool(frame: FrameType | None = None) -> Place | None:
    """The innermost line of tool code below ``frame`` (default: the caller), or None."""
    frame = frame or sys._getframe(1)
    while frame is not None and is_foreign(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is None:
        return None
    code = frame.f_code
    return Place(_short(code.co_filename), frame.f_lineno, code.co_name)


def is_library(file: str) -> bool:
    """Whether a file belongs to an installed package, the standard library or the harness."""
    return "site-packages" in file or is_foreign(file)


def is_foreign(file: str) -> bool:
    """Whether a file is the harness, the standard library or a library that counts as no tool."""
    known = _FOREIGN.get(file)
    if known is None:
        known = _FOREIGN[file] = _looks_foreign(file)
    return known


def _looks_foreign(file: str) -> bool:
    if file.startswith(("<", _HARNESS + os.sep)):
        return True
    if any(name in file for name in _LIBRARIES):
        return True
    return file.startswith(tuple(p + os.sep for p in _STDLIB)) and "site-packages" not in file


def _short(file: str) -> str:
    """The file as people name it: relative to the working directory, or from the package on."""
    if "site-packages" + os.sep in file:
        return file.rpartition("site-packages" + os.sep)[2]
    if not os.path.isabs(file):
        return os.path.normpath(file)
    relative = os.path.relpath(file, first())
    return file if relative.startswith("..") else relative


def place_of_coroutine(task: Any) -> Place | None:
    """The innermost line of tool code at which a task that is not running waits, or None."""
    coroutine = getattr(task, "coro", None) or (task.get_coro() if hasattr(task, "get_coro") else None)
    found = None
    while coroutine is not None:
        frame = _attribute(coroutine, "frame")
        if frame is not None and not is_foreign(frame.f_code.co_filename):
            found = frame
        coroutine = _attribute(coroutine, "await")
    return None if found is None else place_of_tool(found)


def _attribute(coroutine: Any, name: str) -> Any:
    """What a coroutine, generator or asynchronous generator has under ``name``."""
    names = {"await": ("cr_await", "gi_yieldfrom", "ag_await"), "frame": ("cr_frame", "gi_frame", "ag_frame")}
    return next((v for n in names[name] if (v := getattr(coroutine, n, None)) is not None), None)
