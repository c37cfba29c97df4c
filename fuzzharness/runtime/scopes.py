"""Which names of source code are globals, and which are variables of an enclosing function.

Decides what a name means where it stands, by ``symtable``; to be walked along with the syntax tree, in
the order in which Python itself enters scopes.
"""

from __future__ import annotations

import symtable
from collections.abc import Iterator
from contextlib import contextmanager

from fuzzharness.errors import FuzzHarnessError


class Scopes:
    """The scopes of a source text; :meth:`inside` enters the next one of a name and a line."""

    def __init__(self, source: str, file: str) -> None:
        self._tables = [symtable.symtable(source, file, "exec")]
        self._left: list[list[symtable.SymbolTable]] = [list(self._tables[0].get_children())]
        self._classes: list[str | None] = [None]
        self._hidden: list[frozenset[str]] = [frozenset()]

    @contextmanager
    def inside(self, name: str, line: int, bound: frozenset[str] | None = None) -> Iterator[None]:
        """Be in the scope that begins with ``name`` on ``line``.

        ``bound`` are the names that a comprehension binds: from CPython 3.12 on it may have no scope.
        """
        children = self._left[-1]
        table = next((t for t in children if (t.get_name(), t.get_lineno()) == (name, line)), None)
        if table is None and bound is not None:
            before = self._hidden[-1]
            self._hidden[-1] = before | bound
            yield
            self._hidden[-1] = before
            return
        if table is None:
            raise ScopeNotFound(f"no scope {name!r} on line {line}")
        children.remove(table)
        with self._entered(table, name):
            if str(table.get_type()) in _OF_PARAMETERS:  # of types, around the function itself
                with self.inside(name, line):
                    yield
            else:
                yield

    @contextmanager
    def _entered(self, table: symtable.SymbolTable, name: str) -> Iterator[None]:
        self._tables.append(table)
        self._left.append(list(table.get_children()))
        self._classes.append(name if table.get_type() == "class" else self._classes[-1])
        self._hidden.append(frozenset())
        try:
            yield
        finally:
            self._hidden.pop()
            self._tables.pop()
            self._left.pop()
            self._classes.pop()

    @property
    def in_function(self) -> bool:
        """Whether code here runs when a function is called."""
        return any(table.get_type() == "function" for table in self._tables)

    def kind(self, name: str) -> str:
        """``global``, ``enclosing`` or ``local``."""
        if name in self._hidden[-1]:
            return "local"
        try:
            symbol = self._tables[-1].lookup(self.mangled(name))
        except KeyError:
            return "local"
        if symbol.is_free():
            return "enclosing"
        return "global" if symbol.is_global() else "local"

    def mangled(self, name: str) -> str:
        """The name that a private one has outside of its class."""
        cls = self._classes[-1]
        if cls is None or not name.startswith("__") or name.endswith("__"):
            return name
        bare = cls.lstrip("_")
        return f"_{bare}{name}" if bare else name


_OF_PARAMETERS = frozenset({"type parameters", "TypeParameters", "type parameter"})


class ScopeNotFound(FuzzHarnessError):
    """The scopes of a source do not fit its syntax tree; functions of it are left as they are."""
