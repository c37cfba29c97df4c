"""Statements on PostgreSQL about more than the database they are made in.

Decides, by their text, which change the whole server, so that no run can put it back, and which ask what
other connections do, which is no row and nobody announces.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from fuzzharness.world.dialects import COMMENT

_SERVER = re.compile(
    r"""(?:\s|\*/)*(?:ALTER\s+SYSTEM\b
    |(?:CREATE|ALTER|DROP)\s+(?:ROLE|USER(?!\s+MAPPING)|GROUP|TABLESPACE)\b
    |(?:CREATE|ALTER|DROP)\s+
        DATABASE\s+(?:IF\s+EXISTS\s+)?(?:"(?P<quoted>(?:[^"]|"")+)"|(?P<bare>\w+)))""",
    re.IGNORECASE | re.VERBOSE,
)
"""None of these but those on roles may stand beside others, or within a function."""

_OTHERS = re.compile(
    r"\bpg_(?:locks|stat_\w+|stat|blocking_pids|safe_snapshot_blocking_pids|prepared_xacts|current_xact_id\w*|"
    r"current_snapshot|snapshot_\w+|current_wal_\w+|isolation_test_\w+)\b|\btxid_\w+\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Beyond:
    """What is beyond the database, in words, and the ``database`` it is about, if it names one."""

    what: str
    database: str | None = None


@lru_cache(maxsize=4096)
def beyond_database(sql: str) -> Beyond | None:
    """What ``sql`` changes or asks beyond its database; None if nothing."""
    text = COMMENT.sub(" ", sql)
    server = _SERVER.match(text)
    if server is None:
        return Beyond("a query asked what other connections do") if _OTHERS.search(text) else None
    name = server["quoted"].replace('""', '"') if server["quoted"] else (server["bare"] or "").lower()
    return Beyond("a statement was about the whole server, which no run puts back", name or None)
