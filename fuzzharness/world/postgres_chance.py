"""What PostgreSQL's clock and dice say, made the same in every run.

Decides what ``now()``, ``CURRENT_TIMESTAMP``, ``random()`` and ``gen_random_uuid()`` give in a scratch
database: the time that calls see in Python when they begin, and draws that are a function of the call and of
how many it has made. Functions of ours of the same names come before the server's on the search path; the
defaults of columns are made anew with them. A tool that sets its own search path has the server's again.
"""

from __future__ import annotations

import re
from typing import Any

from fuzzharness.world.postgres_catalog import OURS
from fuzzharness.world.schema import quoted

_TIME = "timestamptz '2024-01-01 00:00:00+00'"
_HASH = f"md5({OURS}.draw())"

FUNCTIONS = f"""
    CREATE OR REPLACE FUNCTION {OURS}.draw() RETURNS text LANGUAGE sql VOLATILE AS $$
        SELECT coalesce(current_setting('{OURS}.call', true), '') || '/' || set_config('{OURS}.draws',
            (coalesce(nullif(current_setting('{OURS}.draws', true), ''), '0')::int + 1)::text, false) $$;
    CREATE OR REPLACE FUNCTION {OURS}.gen_random_uuid() RETURNS uuid LANGUAGE sql VOLATILE AS $$
        SELECT overlay(overlay({_HASH} placing '4' from 13) placing '8' from 17)::uuid $$;
    CREATE OR REPLACE FUNCTION {OURS}.random() RETURNS double precision LANGUAGE sql VOLATILE AS $$
        SELECT ('x' || left({_HASH}, 8))::bit(32)::bigint / 4294967296.0::double precision $$;
""" + "".join(
    f"CREATE OR REPLACE FUNCTION {OURS}.{name}() RETURNS timestamptz LANGUAGE sql STABLE "
    f"AS $$ SELECT {_TIME} $$;"
    for name in ("now", "transaction_timestamp", "statement_timestamp", "clock_timestamp")
)

PATH = f"SELECT set_config('search_path', current_setting('search_path') || ', {OURS}, pg_catalog', false)"
"""Said once on every connection of a call."""

_KEYWORDS = {
    "CURRENT_TIMESTAMP": f"{OURS}.now()",
    "LOCALTIMESTAMP": f"{OURS}.now()::timestamp",
    "CURRENT_DATE": f"{OURS}.now()::date",
    "CURRENT_TIME": f"{OURS}.now()::timetz",
    "LOCALTIME": f"{OURS}.now()::time",
}
_TIMES = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$|\b("""
    + "|".join(_KEYWORDS)
    + r""")\b(?:\s*\(\s*\d\s*\))?""",
    re.DOTALL | re.IGNORECASE,
)
_CALLS = re.compile(
    r"(?<!\.)\b(now|(?:transaction|statement|clock)_timestamp|gen_random_uuid|random)\s*\(\s*\)",
    re.IGNORECASE,
)
_DICE = re.compile(r"uuid|random", re.IGNORECASE)


def controlled(sql: str) -> str:
    """``sql`` with the words for the time in place of which the time of calls is to stand."""
    return _TIMES.sub(lambda m: _KEYWORDS[m[2].upper()] if m[2] else m[0], sql)


def draws(sql: str) -> bool:
    """Whether a statement, or what is behind a name in it, may ask for chance."""
    return bool(_DICE.search(sql))


def make_defaults_anew(own: Any) -> bool:
    """Let defaults of columns ask our functions; returns whether one asks for chance."""
    chance = False
    for schema, table, column, default in own.execute(_DEFAULTS).fetchall():
        anew = _CALLS.sub(lambda m: f"{OURS}.{m[1].lower()}()", controlled(default))
        chance = chance or draws(anew)
        if anew != default:
            place = f"{quoted(schema)}.{quoted(table)}"
            own.execute(f"ALTER TABLE {place} ALTER COLUMN {quoted(column)} SET DEFAULT {anew}")
    return chance


_DEFAULTS = f"""
    SELECT n.nspname, c.relname, a.attname, pg_get_expr(d.adbin, d.adrelid)
    FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    WHERE a.attgenerated = '' AND c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', '{OURS}')
"""
