"""The rows of the layout: who may import whom, and which library belongs where."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import fuzzharness

PACKAGE = Path(fuzzharness.__file__).parent
ROWS = [
    ["errors", "literal"],
    ["model", "access"],
    ["schedule", "settings", "mutation"],
    ["finding"],
    ["events"],
    ["traces"],
    ["tools"],
    ["recorder"],
    ["privacy"],
    ["importing"],
    ["world"],
    ["runtime"],
    ["search"],
    ["oracle"],
    ["shrink"],
    ["verdict", "conclusion"],
    ["exploration"],
    ["audit"],
    ["strategies"],
    ["scenario"],
    ["report"],
    ["options"],
    ["plugin", "cli"],
    ["__main__"],
]
HOME = {
    "pytest": ["plugin"],
    "_pytest": [],
    "click": ["cli"],
    "faker": ["privacy.fakes", "world.rows", "world.names"],
    "hypothesis": ["strategies"],
    "sqlalchemy": [
        "world.database",
        "world.pool",
        "world.store",
        "world.sqlite_store",
        "world.postgres_server",
        "world.postgres_store",
        "world.rows",
    ],
    "psycopg": [
        "world.postgres",
        "world.postgres_async",
        "world.postgres_failures",
        "world.postgres_server",
        "world.postgres_session",
        "world.postgres_store",
    ],
    "httpx": ["world.http", "world.http_exchange"],
    "httpcore": ["world.http_exchange"],
    "aiosqlite": ["world.sqlite_async"],
    "sqlglot": ["world.footprint", "audit.touched"],
    "time_machine": ["runtime.clock"],
    "trio": ["runtime"],
    "msgspec": ["traces.document"],
    "re2": [],  # privacy.scanner asks for it by name, and does without
    "zstandard": [],  # traces.stream asks for it by name, only where a recording is packed so
    "anthropic": [],
}
RANK = {name: rank for rank, row in enumerate(ROWS) for name in row}


def modules() -> list[str]:
    found = (path.relative_to(PACKAGE).with_suffix("").parts for path in PACKAGE.rglob("*.py"))
    return sorted(".".join(parts).removesuffix(".__init__") for parts in found if parts != ("__init__",))


def imports(module: str) -> list[str]:
    path = PACKAGE / Path(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    found: list[str] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def row_of(name: str) -> str:
    return name.split(".")[0]


@pytest.mark.parametrize("module", modules())
def test_a_module_belongs_to_a_row_and_imports_only_rows_above(module: str) -> None:
    assert row_of(module) in RANK, f"{module} has no row: add it to ROWS where it belongs"
    for name in imports(module):
        if name.startswith("fuzzharness."):
            other = row_of(name.removeprefix("fuzzharness."))
            same = other == row_of(module)
            above = RANK[other] < RANK[row_of(module)]
            assert same or above, f"{module} imports {name}, a row below or beside"


@pytest.mark.parametrize("module", modules())
def test_a_library_is_imported_only_where_it_belongs(module: str) -> None:
    for name in imports(module):
        homes = HOME.get(name.split(".")[0])
        if homes is not None:
            assert any(module == home or module.startswith(f"{home}.") for home in homes), (
                f"{module} imports {name}"
            )


def test_nothing_imports_the_plugin_or_the_command_line() -> None:
    for module in set(modules()) - {"__main__"}:
        for name in imports(module):
            own = row_of(module) == "cli" and name.startswith("fuzzharness.cli.")
            ends = ("fuzzharness.plugin", "fuzzharness.cli", "fuzzharness.__main__")
            assert own or not name.startswith(ends), f"{module} imports {name}"


def test_loading_the_plugin_loads_no_heavy_library() -> None:
    heavy = {"trio", "hypothesis", "sqlalchemy", "faker", "sqlglot", "rich", "time_machine", "click", "httpx"}
    code = "import sys, pytest; before = set(sys.modules); import fuzzharness.plugin; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not heavy & set(loaded.split())


def test_loading_the_command_line_loads_no_heavy_library_of_its_commands() -> None:
    heavy = {
        "trio",
        "hypothesis",
        "sqlalchemy",
        "faker",
        "sqlglot",
        "rich",
        "time_machine",
        "httpx",
        "fuzzharness.exploration",
    }
    code = "import sys, fuzzharness.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not heavy & set(loaded.split())


def test_importing_the_package_loads_none_of_its_modules() -> None:
    code = "import sys, fuzzharness; print(*[m for m in sys.modules if m.startswith('fuzzharness.')])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.split() == []


@pytest.mark.parametrize("module", modules())
def test_no_module_hides_a_public_name(module: str) -> None:
    """Importing a submodule sets it on the package: it must not bear the name of a public function."""
    assert row_of(module) not in fuzzharness.__all__
