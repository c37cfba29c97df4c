"""A database on PostgreSQL: what is watched, what is put back, and what is refused."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

import fuzzharness as fh
from fuzzharness.runtime.stage import Stage

Tool = Callable[..., Any]


def fill(connection: sa.Connection) -> None:
    for statement in (
        "CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL, owner text UNIQUE)",
        "INSERT INTO accounts VALUES (7, 100, 'Ann'), (8, 100, 'Bob')",
        "CREATE TABLE orders "
        "(id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account int REFERENCES accounts)",
        "CREATE TABLE log (line text)",
    ):
        connection.execute(sa.text(statement))


@pytest.fixture
def url(postgres: Callable[[], str]) -> str:
    return postgres()


def plain(url: str) -> str:
    """The URL as psycopg itself takes it."""
    return url.replace("+psycopg", "")


def explored(url: str | Any, *calls: Tool, setup: Any = fill, **settings: Any) -> fh.Report:
    tools = {f"t{n}": tool for n, tool in enumerate(calls)}
    batch = fh.Batch(tuple(fh.Call(name, {}) for name in tools))
    return fh.explore(
        batch, fh.Toolbox(tools), fh.World(db=fh.Database(url, setup=setup)), fh.Settings(**settings)
    )


def balances(report: fh.Report, account: int = 7) -> set[int]:
    return {outcome.state["db"]["accounts"][account]["balance"] for outcome in report.outcomes}


def results(report: fh.Report) -> set[tuple[Any, ...]]:
    return {tuple(getattr(r, "value", r) for r in o.results.values()) for o in report.outcomes}


def engine_core(db: sa.Engine) -> None:
    with db.begin() as connection:
        seen = connection.execute(sa.text("SELECT balance FROM accounts WHERE id = 7")).scalar_one()
        connection.execute(sa.text("UPDATE accounts SET balance = :b WHERE id = 7"), {"b": seen + 10})


def autocommitted(db: sa.Engine) -> None:
    with db.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        seen = connection.execute(sa.text("SELECT balance FROM accounts WHERE id = 7")).scalar_one()
        connection.execute(sa.text("UPDATE accounts SET balance = :b WHERE id = 7"), {"b": seen + 10})


def in_a_nested_transaction(db: sa.Engine) -> None:
    with db.begin() as connection, connection.begin_nested():
        seen = connection.execute(sa.text("SELECT balance FROM accounts WHERE id = 7")).scalar_one()
        connection.execute(sa.text("UPDATE accounts SET balance = :b WHERE id = 7"), {"b": seen + 10})


def mapped(db: sa.Engine) -> None:
    from sqlalchemy.orm import Session

    table = sa.Table("accounts", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))
    table.append_column(sa.Column("balance", sa.Integer))
    with Session(db) as session, session.begin():
        seen = session.execute(sa.select(table.c.balance).where(table.c.id == 7)).scalar_one()
        session.execute(sa.update(table).where(table.c.id == 7).values(balance=seen + 10))


@pytest.mark.parametrize("tool", [engine_core, autocommitted, in_a_nested_transaction, mapped])
def test_read_then_write_has_the_classes_of_plain_values(url: str, tool: Tool) -> None:
    report = explored(url, tool, tool)
    assert (report.executions, report.exhausted, balances(report)) == (4, True, {110, 120})


def test_three_calls_too(url: str) -> None:
    assert explored(url, engine_core, engine_core, engine_core).executions == 36


def test_connections_of_psycopg_itself_lead_to_the_scratch_database(url: str) -> None:
    def add() -> None:
        with psycopg.connect(plain(url)) as connection:
            (seen,) = connection.execute("SELECT balance FROM accounts WHERE id = %s", [7]).fetchone()  # type: ignore[misc]
            connection.execute(
                "UPDATE accounts SET balance = %(b)s WHERE id = %(id)s", {"b": seen + 10, "id": 7}
            )

    report = explored(url, add, add)
    assert (report.executions, report.exhausted, balances(report)) == (4, True, {110, 120})


def test_rows_given_together_lock_one_after_the_other(url: str) -> None:
    def pay(first: int, second: int) -> Tool:
        def tool(db: sa.Engine) -> None:
            rows = [{"id": first}, {"id": second}]
            with db.begin() as connection:
                connection.execute(sa.text("UPDATE accounts SET balance = balance + 1 WHERE id = :id"), rows)

        return tool

    report = explored(url, pay(7, 8), pay(8, 7))
    assert {f.mode for f in report.findings} == {fh.Mode.DEADLOCK}
    assert "which B holds" in report.findings[0].explanation


def test_a_tool_that_tries_again_after_a_deadlock_is_safe(url: str) -> None:
    def pay(first: int, second: int) -> Tool:
        def tool(db: sa.Engine) -> None:
            for _ in range(5):
                try:
                    with db.begin() as connection:
                        for account in (first, second):
                            connection.execute(
                                sa.text("UPDATE accounts SET balance = balance + 1 WHERE id = :id"),
                                {"id": account},
                            )
                    return
                except sa.exc.OperationalError:
                    """The other one went first."""

        return tool

    report = explored(url, pay(7, 8), pay(8, 7))
    assert (report.verdict, report.exhausted) == (fh.Verdict.SAFE, True)


def test_two_inserts_differ_by_their_ids_alone(url: str) -> None:
    def order(account: int) -> Tool:
        def tool(db: sa.Engine) -> None:
            with db.begin() as connection:
                connection.execute(sa.text("INSERT INTO orders (account) VALUES (:a)"), {"a": account})

        return tool

    report = explored(url, order(7), order(8))
    assert report.verdict is fh.Verdict.SAFE
    assert [finding.benign for finding in report.findings] == [True]


def test_a_duplicate_waits_for_the_other_and_is_refused(url: str) -> None:
    def claim(account: int) -> Tool:
        def tool(db: sa.Engine) -> str:
            try:
                with db.begin() as connection:
                    connection.execute(sa.text("INSERT INTO accounts VALUES (:a, 0, 'Eve')"), {"a": account})
                return "made"
            except sa.exc.IntegrityError:
                return "taken"

        return tool

    report = explored(url, claim(1), claim(2))
    assert results(report) == {("made", "taken"), ("taken", "made")}
    assert report.exhausted


def test_a_statement_that_may_not_wait_fails_while_the_row_is_locked(url: str) -> None:
    def look(db: sa.Engine) -> str:
        try:
            with db.begin() as connection:
                connection.execute(sa.text("SELECT 1 FROM accounts WHERE id = 7 FOR UPDATE NOWAIT"))
            return "free"
        except sa.exc.OperationalError as error:
            return type(error.orig).__name__

    def add(db: sa.Engine) -> None:
        with db.begin() as connection:
            connection.execute(sa.text("UPDATE accounts SET balance = 1 WHERE id = 7"))

    report = explored(url, look, add)
    assert results(report) == {("free", None), ("LockNotAvailable", None)}
    assert report.exhausted


def test_advisory_locks_are_waited_for(url: str) -> None:
    def add(db: sa.Engine) -> None:
        with db.begin() as connection:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(1)"))
            seen = connection.execute(sa.text("SELECT balance FROM accounts WHERE id = 7")).scalar_one()
            connection.execute(sa.text("UPDATE accounts SET balance = :b WHERE id = 7"), {"b": seen + 10})

    report = explored(url, add, add)
    assert (report.verdict, report.exhausted, balances(report)) == (fh.Verdict.SAFE, True, {120})


def with_code(connection: sa.Connection) -> None:
    fill(connection)
    connection.execute(
        sa.text(
            "CREATE FUNCTION add_credit(account int, amount int) RETURNS int LANGUAGE sql AS "
            "'UPDATE accounts SET balance = balance + amount WHERE id = account RETURNING balance'"
        )
    )
    connection.execute(
        sa.text(
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "INSERT INTO log VALUES ('order ' || (SELECT count(*) FROM orders)); RETURN NEW; END $$"
        )
    )
    connection.execute(
        sa.text("CREATE TRIGGER note AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION note()")
    )
    connection.execute(sa.text("CREATE VIEW rich AS SELECT id FROM accounts WHERE balance > 105"))


def test_what_functions_triggers_and_views_touch_is_seen(url: str) -> None:
    def call(db: sa.Engine) -> None:
        with db.begin() as connection:
            connection.execute(sa.text("SELECT add_credit(7, 10)"))

    def see(db: sa.Engine) -> int:
        with db.begin() as connection:
            return len(connection.execute(sa.text("SELECT id FROM rich")).all())

    def order(db: sa.Engine) -> None:
        with db.begin() as connection:
            connection.execute(sa.text("INSERT INTO orders (account) VALUES (7)"))

    report = explored(url, call, see, setup=with_code)
    assert results(report) == {(None, 0), (None, 1)}
    report = explored(url, order, order, setup=with_code)
    assert {len(o.state["db"]["log"]) for o in report.outcomes} == {2}


def test_a_table_that_a_tool_makes_is_gone_in_the_next_run(url: str) -> None:
    def make(db: sa.Engine) -> bool:
        with db.begin() as connection:
            connection.execute(sa.text("CREATE TABLE IF NOT EXISTS notes (id int PRIMARY KEY)"))
            connection.execute(sa.text("INSERT INTO notes VALUES (1) ON CONFLICT DO NOTHING"))
            return True

    def look(db: sa.Engine) -> bool:
        with db.connect() as connection:
            return sa.inspect(connection).has_table("notes")

    report = explored(url, make, look)
    assert results(report) == {(True, True), (True, False)}
    assert report.baseline.state["db"]["notes"] == {1: {"id": 1}}


# ---- what runs leave behind ------------------------------------------------------------------------


def many_tables(connection: sa.Connection) -> None:
    """Fifty tables with keys, references, checks, triggers and sequences."""
    connection.execute(sa.text("CREATE TABLE log (id serial PRIMARY KEY, line text)"))
    connection.execute(
        sa.text(
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "INSERT INTO log (line) VALUES (TG_TABLE_NAME || ' ' || TG_OP); RETURN NULL; END $$"
        )
    )
    for number in range(49):
        parent = f"REFERENCES t{number - 1} ON DELETE CASCADE" if number % 5 else ""
        connection.execute(
            sa.text(
                f"CREATE TABLE t{number} (id serial PRIMARY KEY, parent int {parent}, n int CHECK (n >= 0), "
                "name text UNIQUE, twice int GENERATED ALWAYS AS (n * 2) STORED, at timestamptz, tags text[])"
            )
        )
        connection.execute(
            sa.text(
                f"INSERT INTO t{number} (parent, n, name, at, tags) SELECT g, g, 'row ' || g, "
                "timestamptz '2024-01-01' + g * interval '1 day', ARRAY['a', 'b''c'] "
                "FROM generate_series(1, 9) g"
            )
        )
        if number % 7 == 0:
            connection.execute(
                sa.text(
                    f"CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON t{number} "
                    "FOR EACH ROW EXECUTE FUNCTION note()"
                )
            )


CHANGES = (
    "UPDATE t{n} SET n = n + 1 WHERE id = 3",
    "INSERT INTO t{n} (parent, n, name) VALUES (1, 5, 'new')",
    "DELETE FROM t{n} WHERE id = 2",
    "UPDATE t{n} SET name = name || '!' WHERE n > 4",
    "DELETE FROM t{n}",
    "SELECT nextval('t{n}_id_seq')",
    "TRUNCATE t{n} CASCADE",
    "UPDATE t{n} SET n = -1",
)


def dump(url: str) -> list[Any]:
    """Every row in the order it lies there, every sequence, every constraint and trigger."""
    found: list[Any] = []
    with psycopg.connect(plain(url)) as connection:
        for (table,) in connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
            "ORDER BY 1"
        ).fetchall():
            found.append((table, connection.execute(f"SELECT t::text FROM {table} t").fetchall()))
        for (sequence,) in connection.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'S' "
            "AND relnamespace = 'public'::regnamespace ORDER BY 1"
        ).fetchall():
            values = connection.execute(f"SELECT last_value, is_called FROM {sequence}").fetchall()
            found.append((sequence, values))
        found.append(
            connection.execute(
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
                "WHERE connamespace = 'public'::regnamespace ORDER BY 1"
            ).fetchall()
        )
        found.append(
            connection.execute(
                "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal "
                "AND tgname NOT LIKE 'fuzzharness%' ORDER BY 2, 1"
            ).fetchall()
        )
    return found


@pytest.fixture
def fifty(url: str) -> str:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        many_tables(connection)
    engine.dispose()
    return url


def changing(statement: str) -> Tool:
    def tool(db: sa.Engine) -> str:
        try:
            with db.begin() as connection:
                connection.execute(sa.text(statement))
            return "done"
        except sa.exc.DBAPIError as error:
            return type(error.orig).__name__

    return tool


def scratch_of(world: fh.World) -> str:
    """The scratch database of ``world``, as psycopg takes it."""
    store: Any = world._resources["db"]._store  # type: ignore[attr-defined]
    return psycopg.conninfo.make_conninfo("", **{**store.server.target, "dbname": store.server.scratch})


@pytest.mark.long
def test_a_hundred_explorations_leave_fifty_tables_as_every_run_found_them(fifty: str) -> None:
    before = dump(fifty)
    world = fh.World(db=fh.Database(fifty))
    tools = {f"c{c}n{n}": changing(CHANGES[c].format(n=n)) for c in range(len(CHANGES)) for n in range(49)}
    names = list(tools)
    for number in range(100):
        pair = (names[(number * 7) % len(names)], names[(number * 31 + 5) % len(names)])
        batch = fh.Batch(tuple(fh.Call(name, {}) for name in pair))
        with Stage(batch, fh.Toolbox(tools), world, fh.Settings()) as stage:
            stage.run((0, 1), lambda ready, *_: ready[0])
            stage.run((0, 1), lambda ready, *_: ready[-1])
            stage._reset()
            if number % 10 == 0:
                assert dump(scratch_of(world)) == before
    assert dump(fifty) == before


# ---- async, and what goes wrong ---------------------------------------------------------------------


def test_async_engines_reach_the_same_endings(url: str) -> None:
    async def add(db: AsyncEngine) -> None:
        async with db.begin() as connection:
            query = sa.text("SELECT balance FROM accounts WHERE id = 7")
            seen = (await connection.execute(query)).scalar_one()
            await connection.execute(
                sa.text("UPDATE accounts SET balance = :b WHERE id = 7"), {"b": seen + 10}
            )

    async def pay(db: AsyncEngine, first: int = 7, second: int = 8) -> None:
        async with db.begin() as connection:
            for account in (first, second):
                await connection.execute(
                    sa.text("UPDATE accounts SET balance = balance - 1 WHERE id = :id"), {"id": account}
                )

    async def pay_back(db: AsyncEngine) -> None:
        await pay(db, 8, 7)

    for given in (url.replace("+psycopg", "+psycopg_async"), create_async_engine(url)):
        report = explored(given, add, add)
        assert (report.executions, report.exhausted, balances(report)) == (4, True, {110, 120})
    report = explored(url.replace("+psycopg", "+psycopg_async"), pay, pay_back)
    assert {f.mode for f in report.findings} == {fh.Mode.DEADLOCK}


def test_tasks_and_threads_meet_in_one_database(url: str) -> None:
    async def add_in_task() -> None:
        async with await psycopg.AsyncConnection.connect(plain(url)) as connection:
            cursor = await connection.execute("SELECT balance FROM accounts WHERE id = 7")
            (seen,) = await cursor.fetchone()  # type: ignore[misc]  # there is a row
            await connection.execute("UPDATE accounts SET balance = %s WHERE id = 7", [seen + 10])

    def add_in_thread() -> None:
        with psycopg.connect(plain(url)) as connection:
            cursor = connection.execute("SELECT balance FROM accounts WHERE id = 7")
            (seen,) = cursor.fetchone()  # type: ignore[misc]  # there is a row
            connection.execute("UPDATE accounts SET balance = %s WHERE id = 7", [seen + 10])

    report = explored(url, add_in_task, add_in_thread)
    assert (report.executions, report.exhausted, balances(report)) == (4, True, {110, 120})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda url: url.replace("/shop_", "/nowhere_"), "cannot be copied: .*Create it, or correct the URL"),
        (lambda url: url.partition("?")[0] + "?host=/nowhere", "cannot be reached: .*Start it"),
        (lambda _: "postgresql+psycopg://shop.example.com/shop", "on another machine.*disposable=True"),
        (lambda _: "postgresql+pg8000://localhost/shop", "refuses|no other driver"),
    ],
)
def test_a_url_that_leads_nowhere_good_is_refused_in_words(
    url: str, change: Callable[[str], str], words: str
) -> None:
    with pytest.raises(fh.WorldError, match=words):
        explored(change(url), engine_core)


def test_a_database_in_use_is_refused_and_not_touched(url: str) -> None:
    with psycopg.connect(plain(url)), pytest.raises(fh.WorldError, match="others are connected to it"):
        explored(url, engine_core)


def test_a_role_that_may_not_put_rows_back_is_refused(url: str) -> None:
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS clerk")
        connection.execute("CREATE ROLE clerk LOGIN")
    with pytest.raises(fh.WorldError, match=r"'clerk'.*is no superuser"):
        explored(url.replace("postgres:@", "clerk@"), engine_core)


def databases(url: str) -> set[str]:
    with psycopg.connect(plain(url)) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall()}


def test_no_database_and_no_stand_in_is_left_behind(url: str) -> None:
    before, connect = databases(url), psycopg.connect
    explored(url, engine_core, engine_core)

    def breaks(_: sa.Connection) -> None:
        raise RuntimeError("no")

    with pytest.raises(fh.WorldError, match="setup of the database 'db' failed with RuntimeError: no"):
        explored(url, engine_core, setup=breaks)
    assert databases(url) == before
    assert psycopg.connect == connect
    assert dump(url) == [[], []]  # the database itself has no table still


def test_what_a_killed_process_left_is_dropped_by_the_next(url: str) -> None:
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute("CREATE DATABASE fuzzharness_1_1")
    explored(url, engine_core)
    assert "fuzzharness_1_1" not in databases(url)


def test_a_statement_that_never_ends_is_a_hang_with_the_tools_line(url: str) -> None:
    def slow(db: sa.Engine) -> None:
        with db.begin() as connection:
            connection.execute(sa.text("SELECT pg_sleep(3600)"))

    report = explored(url, slow, engine_core, call_timeout=0.5)
    assert {f.mode for f in report.findings} == {fh.Mode.HANG}
    assert "in slow" in report.findings[0].explanation
    assert balances(explored(url, engine_core)) == {110}


def test_a_connection_that_is_cut_in_mid_run_is_an_outcome(url: str) -> None:
    def cut(db: sa.Engine) -> str:
        try:
            with db.begin() as connection:
                connection.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))
            return "went on"
        except sa.exc.OperationalError as error:
            return type(error.orig).__name__

    report = explored(url, cut, engine_core)
    assert {r[0] for r in results(report)} == {"AdminShutdown"}
    assert balances(report) == {110}


def test_rows_of_a_large_table_are_put_back_one_by_one(url: str) -> None:
    def large(connection: sa.Connection) -> None:
        fill(connection)
        connection.execute(sa.text("INSERT INTO accounts SELECT g, 1, g FROM generate_series(1000, 4000) g"))

    def change(db: sa.Engine) -> None:
        with db.begin() as connection:
            connection.execute(sa.text("UPDATE accounts SET balance = balance + 1 WHERE id IN (7, 2000)"))
            connection.execute(sa.text("DELETE FROM accounts WHERE id = 1001"))
            connection.execute(sa.text("UPDATE accounts SET id = 5000 WHERE id = 1002"))
            connection.execute(sa.text("INSERT INTO accounts VALUES (1001, 5, 'anew')"))

    world = fh.World(db=fh.Database(url, setup=large))
    batch = fh.Batch((fh.Call("change", {}),))
    with Stage(batch, fh.Toolbox({"change": change}), world, fh.Settings()) as stage:
        before = sorted(dump(scratch_of(world))[0][1])
        for _ in range(3):
            state = stage.run((0,), lambda ready, *_: ready[0]).outcome.state["db"]["accounts"]
            changed = {k: row["balance"] for k, row in state.items() if row["balance"] not in (1, 100)}
            assert changed == {7: 101, 2000: 2, 1001: 5}
            assert (1002 in state, state[5000]["owner"]) == (False, "1002")
        stage._reset()
        assert sorted(dump(scratch_of(world))[0][1]) == before


def with_time_and_chance(connection: sa.Connection) -> None:
    connection.execute(
        sa.text(
            "CREATE TABLE events (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), what text, "
            "at timestamptz DEFAULT now(), day date DEFAULT CURRENT_DATE, dice float DEFAULT random())"
        )
    )


def test_what_the_servers_clock_and_dice_say_is_the_same_in_every_run(url: str) -> None:
    def tell(what: str) -> Tool:
        def tool(db: sa.Engine) -> str:
            with db.begin() as connection:
                connection.execute(sa.text("INSERT INTO events (what) VALUES (:w)"), {"w": what})
                told = connection.execute(
                    sa.text(
                        "SELECT now(), CURRENT_TIMESTAMP, LOCALTIMESTAMP, clock_timestamp(), 'CURRENT_DATE'"
                    )
                ).one()
            return str(told)

        return tool

    report = explored(url, tell("a"), tell("b"), setup=with_time_and_chance)
    assert report.verdict is fh.Verdict.SAFE, report.reasons
    events = report.baseline.state["db"]["events"]
    assert {str(row["at"]) for row in events.values()} == {"2024-01-01 00:00:00+00:00"}
    assert len({row["dice"] for row in events.values()}) == 2
    assert "'CURRENT_DATE')" in next(iter(results(report)))[0]


def test_a_database_on_another_machine_is_out_of_reach(url: str) -> None:
    def elsewhere() -> None:
        psycopg.connect("host=203.0.113.7 dbname=shop connect_timeout=1")

    report = explored(url, elsewhere)
    assert "NetworkRefused" in str(report.baseline.results)


def test_rows_that_are_streamed_or_copied_are_reported(url: str) -> None:
    def stream() -> int:
        with psycopg.connect(plain(url)) as connection, connection.cursor() as cursor:
            return len(list(cursor.stream("SELECT id FROM accounts")))

    def copy() -> int:
        with (
            psycopg.connect(plain(url)) as connection,
            connection.cursor() as cursor,
            cursor.copy("COPY accounts TO STDOUT") as rows,
        ):
            return len(list(rows.rows()))

    for tool, words in ((stream, "stream()"), (copy, "copy()")):
        report = explored(url, tool)
        assert results(report) == {(2,)}
        assert words in str(report.escapes)
