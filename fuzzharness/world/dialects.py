"""What sets the SQL of one server apart from that of another, before it is parsed.

Decides how parameters are marked, which statements control transactions or the connection, and what those
touch. Which rows the others touch is decided in ``footprint``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from fuzzharness.access import Kind
from fuzzharness.world.statement import EVERYTHING, RESHAPING, Footprint, Part

_TEXTS = r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]"""
_COMMENTS = r"--[^\n]*|/\*.*?\*/"
_MARK = re.compile(rf"{_TEXTS}|{_COMMENTS}|\?(\d*)", re.DOTALL)
COMMENT = re.compile(_COMMENTS, re.DOTALL)


@dataclass(frozen=True, slots=True)
class Dialect:
    """The SQL of one kind of server.

    ``name`` is sqlglot's; ``homes`` are the names of the schema whose tables are watched; ``numbered`` marks
    parameters by name, those without one as ``fz_0``, ``fz_1``; ``control`` is the footprint of a statement
    that is told by its first words, else None.
    """

    name: str
    homes: frozenset[str]
    numbered: Callable[[str], str]
    control: Callable[[Sequence[str], str], Footprint | None]


# ---- SQLite --------------------------------------------------------------------------------------

SCHEMA = "sqlite_master"
_READING_PRAGMAS = frozenset(
    {"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list"}
)
_CONNECTION_PRAGMAS = frozenset(
    """
    auto_vacuum busy_timeout cache_size case_sensitive_like compile_options database_list
    defer_foreign_keys encoding foreign_keys function_list journal_mode journal_size_limit locking_mode
    mmap_size optimize page_size query_only read_uncommitted recursive_triggers secure_delete
    synchronous temp_store threads trusted_schema wal_autocheckpoint
    """.split()  # noqa: SIM905  # a list of so many quoted names is no easier to read
)
_REPLACE = re.compile(r"\s*REPLACE\s+INTO\b", re.IGNORECASE)
_ONE_STATEMENT = frozenset(
    {"BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "PRAGMA", "EXPLAIN"}
)


def _sqlite_numbered(sql: str) -> str:
    count = 0

    def name(match: re.Match[str]) -> str:
        nonlocal count
        if match.group(1) is None:
            return match.group(0)
        count = int(match.group(1)) if match.group(1) else count + 1
        return f":fz_{count - 1}"

    return _MARK.sub(name, _REPLACE.sub("INSERT OR REPLACE INTO", sql))


def _sqlite_control(words: Sequence[str], text: str) -> Footprint | None:
    if words[0] in _ONE_STATEMENT and ";" not in text:
        return _sqlite_transaction(words, text)
    if words[0] in {"ATTACH", "DETACH"}:
        return replace(EVERYTHING, alters=True, leaves=words[0] == "ATTACH")
    if list(words[:2]) in (["CREATE", "TEMP"], ["CREATE", "TEMPORARY"]):
        return replace(RESHAPING, alters=True)
    return None


def _sqlite_transaction(words: Sequence[str], text: str) -> Footprint:
    if words[0] == "PRAGMA":
        return _pragma(text)
    if words[0] == "BEGIN":
        return Footprint(locks=bool({"IMMEDIATE", "EXCLUSIVE"} & set(words)))
    if words[0] == "ROLLBACK":
        return Footprint(undoes="TO" not in words)
    return Footprint(commits=words[0] in {"COMMIT", "END", "RELEASE"})


def _pragma(text: str) -> Footprint:
    found = re.match(r"PRAGMA\s+(?:\w+\s*\.\s*)?(\w+)", text, re.IGNORECASE)
    name = found.group(1).lower() if found else ""
    if name in _READING_PRAGMAS:
        return Footprint((Part(SCHEMA, Kind.READ),))
    if name in _CONNECTION_PRAGMAS:
        return Footprint(alters=True)
    return replace(EVERYTHING, alters=True)


SQLITE = Dialect("sqlite", frozenset({"", "main"}), _sqlite_numbered, _sqlite_control)

# ---- PostgreSQL ----------------------------------------------------------------------------------

_DOLLARS = r"\$(\w*)\$.*?\$\1\$"
_PG_MARK = re.compile(
    rf"""'(?:[^']|'')*'|"(?:[^"]|"")*"|{_COMMENTS}|{_DOLLARS}|%\((?P<named>\w+)\)[sbt]|(?P<next>%[sbt])|(?P<percent>%%)|\$(?P<number>\d+)""",
    re.DOTALL,
)


def _postgres_numbered(sql: str) -> str:
    count = 0

    def name(match: re.Match[str]) -> str:
        nonlocal count
        if match["named"] is not None:
            return f":{match['named']}"
        if match["number"] is not None:
            return f":fz_{int(match['number']) - 1}"
        if match["percent"] is not None:
            return "%"
        if match["next"] is None:
            return match.group(0)
        count += 1
        return f":fz_{count - 1}"

    return _PG_MARK.sub(name, sql)


def _postgres_control(words: Sequence[str], text: str) -> Footprint | None:
    first, rest = words[0], set(words[1:])
    if ";" in text:
        return None
    if first in {"BEGIN", "START", "SAVEPOINT", "RELEASE"}:
        return Footprint(plain="ISOLATION" not in rest)
    if first in {"COMMIT", "END"}:
        return Footprint(commits=True)
    if first in {"ROLLBACK", "ABORT"}:
        return Footprint(undoes="TO" not in rest, plain="TO" not in rest)
    if first == "SHOW":
        return Footprint()
    if first in {"SET", "RESET", "DISCARD"}:
        return Footprint(alters=True, plain=not rest & _TELLING and "(" not in text)
    return None


_TELLING = frozenset(
    """
    ALL DEFAULT_TRANSACTION_ISOLATION ISOLATION LOCK_TIMEOUT SESSION_REPLICATION_ROLE STATEMENT_TIMEOUT
    TRANSACTION
    """.split()  # noqa: SIM905  # as above
)
"""Words of a SET after which a call can tell whether another has committed yet, or what is restored."""

POSTGRES = Dialect("postgres", frozenset({"", "public"}), _postgres_numbered, _postgres_control)
