"""A user's Python files: imported under their own names, and gone afterwards.

Decides how a file or module is found and imported and when it is forgotten, so that the ``tools.py``
of one folder is never taken for that of another. Never calls what it imports.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from fuzzharness.errors import ScenarioError

_INSTALLED = frozenset({"site-packages", "dist-packages"})


@dataclass(frozen=True, slots=True)
class Source:
    """Where user code is: a ``file`` or the name of a ``module``, and perhaps a ``name`` in it.

    ``text`` is what the user wrote, ``origin`` where, for messages: ``x.scenario.toml: tools``.
    """

    text: str
    origin: str
    file: Path | None
    module: str
    name: str | None

    @classmethod
    def parse(cls, text: str, folder: Path, origin: str) -> Source:
        """Read ``FILE``, ``FILE:NAME``, ``module`` or ``module:NAME``; files are relative to ``folder``.

        Raises :class:`ScenarioError` where the text is neither or the file does not exist.
        """
        where, colon, name = text.rpartition(":")
        if not colon or not name.isidentifier():
            where, name = text, ""
        if where.endswith(".py"):
            file = (folder / where).resolve()
            if not file.is_file():
                raise ScenarioError(
                    f"{origin} is {text!r}, but there is no file {file}. Expected a Python file, relative "
                    f"to {folder}. Correct the path or add the file."
                )
            return cls(text, origin, file, file.stem, name or None)
        if where and all(part.isidentifier() for part in where.split(".")):
            return cls(text, origin, None, where, name or None)
        raise ScenarioError(
            f"{origin} is {text!r}. Expected a Python file (FILE.py or FILE.py:NAME) or a module "
            "(package.module or package.module:NAME). Write one of them."
        )

    def load(self, folders: Sequence[Path]) -> ModuleType:
        """Import the code; only within :func:`isolated`, which was given the same ``folders``.

        Raises :class:`ScenarioError` with the line of the user's code that failed.
        """
        try:
            return importlib.import_module(self.module) if self.file is None else _from_file(self.file)
        except (Exception, SystemExit) as error:
            raise self.failed("could not be imported", error, folders) from error

    def failed(self, what: str, error: BaseException, folders: Sequence[Path]) -> ScenarioError:
        """The error that says ``what`` the user's code did not survive, and on which line."""
        line = _line_of(error, folders)
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return ScenarioError(
            f"{self.origin} is {self.text!r}, which {what}{line}: {text}. Expected code that runs without "
            "an error. Correct that line, or install what it needs."
        )


@contextmanager
def isolated(folders: Sequence[Path]) -> Iterator[None]:
    """Put ``folders`` first on ``sys.path``; afterwards restore it and forget what was imported there.

    Behind them stands the working directory, as for ``python -m``; modules found there stay.
    """
    path = list(sys.path)
    hidden = _hide_namesakes(folders)
    known = frozenset(sys.modules)
    sys.path[:0] = dict.fromkeys(str(folder) for folder in (*folders, Path.cwd()))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        for name, module in list(sys.modules.items()):
            if name not in known and _belongs(name, module, folders):
                del sys.modules[name]
        sys.modules.update(hidden)


def _from_file(file: Path) -> ModuleType:
    """The module of ``file``: the one already imported from there, else a new one under its own name."""
    name = file.stem
    loaded = sys.modules.get(name)
    if loaded is not None and _file_of(loaded) == file:
        return loaded
    if loaded is not None or name in sys.stdlib_module_names:
        name = f"_scenario_{name}_{len(sys.modules)}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"Python cannot import {file}")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _hide_namesakes(folders: Sequence[Path]) -> dict[str, ModuleType]:
    """Take modules that bear the name of one in ``folders``, but come from elsewhere, out of reach."""
    kept = sys.stdlib_module_names | {"fuzzharness"}
    local = {name for folder in folders for name in _names_in(folder)} - kept
    hidden = {
        name: module
        for name, module in sys.modules.items()
        if name.partition(".")[0] in local and not _belongs(name, module, folders)
    }
    for name in hidden:
        del sys.modules[name]
    return hidden


def _names_in(folder: Path) -> Iterator[str]:
    for entry in folder.iterdir():
        package = entry.is_dir() and (entry / "__init__.py").is_file()
        if entry.suffix == ".py" or package:
            yield entry.stem


def _belongs(name: str, module: ModuleType, folders: Sequence[Path]) -> bool:
    """Whether a module is the user's own code in one of ``folders``: neither the harness nor installed."""
    file = _file_of(module)
    if file is None or name.partition(".")[0] == "fuzzharness":
        return False
    return any(
        file.is_relative_to(folder) and _INSTALLED.isdisjoint(file.relative_to(folder).parts)
        for folder in folders
    )


def _file_of(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    if not isinstance(file, str):
        spans = list(getattr(module, "__path__", ()))
        file = spans[0] if spans else None
    return Path(file).resolve() if isinstance(file, str) else None


def _line_of(error: BaseException, folders: Sequence[Path]) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f" at {error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if any(Path(f.filename).is_relative_to(folder) for folder in folders)]
    return f" at {own[-1].filename}:{own[-1].lineno}" if own else ""
