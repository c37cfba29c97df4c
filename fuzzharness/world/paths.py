"""Where a path really leads: links followed, dots taken out, folders that are open resolved.

Decides which names a path passes on its way: the links it follows, and the folders it leaves again by
``..``. Knows nothing of watches, and announces nothing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from typing import Any, NamedTuple

LSTAT, READLINK = os.lstat, os.readlink
"""The real ones: a directory of the world announces what is asked of the others."""

_MOST_LINKS = 40


class Route(NamedTuple):
    """Where a path ends, the links it follows and the folders it leaves by ``..`` on its way there."""

    end: str
    links: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def route(path: Any, folder: Any = None, follow: bool = True, known: Collection[str] = ()) -> Route | None:
    """The route of a path that begins in the open ``folder``; None for what is no path.

    ``follow`` says whether a link at the end is followed, ``known`` are folders that no link leads to.
    """
    try:
        text = os.fsdecode(path)
    except TypeError:
        return None
    if not text.startswith(os.sep):
        text = os.path.join(_begin(folder), text)
    if not follow and not text.endswith(os.sep):
        return _walked(text, False, known)
    return _walked(text, True, known)


def path_of(descriptor: int) -> str | None:
    """What an open file or folder is called now; None where the system does not say."""
    try:
        return READLINK(f"/proc/self/fd/{descriptor}")
    except OSError:
        return None


def _begin(folder: Any) -> str:
    found = path_of(folder) if isinstance(folder, int) and folder >= 0 else None
    if found is not None:
        return found
    try:
        return os.getcwd()
    except OSError:  # it has been removed
        return os.sep


def _walked(path: str, follow: bool, known: Collection[str]) -> Route:
    found = next((root for root in known if path.startswith(root + os.sep)), "")
    parts = _parts(path[len(found) :])
    links: list[str] = []
    left: list[str] = []
    while parts:
        part = parts.pop()
        if part == "..":
            left.append(found)
            found = found.rpartition(os.sep)[0]
            continue
        whole = f"{found}{os.sep}{part}"
        target = _target(whole) if parts or follow else None
        if target is None or len(links) > _MOST_LINKS:
            found = whole
            continue
        links.append(whole)
        found = "" if os.path.isabs(target) else found
        parts += _parts(target)
    return Route(found or os.sep, tuple(links), tuple(left))


def _parts(path: str) -> list[str]:
    return [part for part in reversed(path.split(os.sep)) if part not in ("", ".")]


def _target(path: str) -> str | None:
    try:
        return str(READLINK(path)) if stat.S_ISLNK(LSTAT(path).st_mode) else None
    except OSError:
        return None
