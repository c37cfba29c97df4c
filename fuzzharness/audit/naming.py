"""Naming: what the names of tools and arguments let one guess.

Decides which tools are named like readers and which arguments like keys. Guesses by English words
only, and says so wherever it is used: a name proves nothing.
"""

from __future__ import annotations

import re
from typing import Any

_READERS = """
get list read find search fetch lookup show describe count check query view load is has can select peek
ls cat head stat exists retrieve inspect grep glob validate calculate compute
"""
_KEYS = """
id ids key uuid guid account user customer client order email mail path file filename url uri name number
code sku table resource ref reference product item project repo branch ticket issue session channel thread
document doc page slug cart booking room seat wallet host address phone
"""
_READING, _KEYED = frozenset(_READERS.split()), frozenset(_KEYS.split())
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_IDENTITY = re.compile(r"[^\s@]+@[^\s@]+\.\w+|#?[A-Za-z]+[-_:#]?\d[\w-]*|[\w.~-]*/[\w./~-]+|[0-9a-fA-F-]{8,}")


def words(name: str) -> tuple[str, ...]:
    """The words of a name in any style, in lower case; of a tool of a server only its own name."""
    return tuple(word.lower() for word in _WORD.findall(name.rpartition("__")[2]))


def reads_by_name(tool: str) -> bool:
    """Whether the name of a tool begins like that of one that only reads."""
    return words(tool)[:1] != () and words(tool)[0] in _READING


def is_key(name: str, value: Any) -> bool:
    """Whether an argument looks like the key of something: by its name, or by its value."""
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        return False
    return bool(_KEYED & set(words(name))) or (
        isinstance(value, str) and _IDENTITY.fullmatch(value) is not None
    )
