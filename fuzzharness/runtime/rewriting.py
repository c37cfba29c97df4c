"""Functions compiled anew, so that names which are bound anew announce themselves.

Decides what an access becomes: a read ``NAME`` is ``(announce() or NAME)``, a write ``proxy.value = …``,
``x.NAME`` is ``announce(x).NAME``. What announces stands in the code as a marked constant, for which
every function gets its own object (``announcing``). Lines, columns, names and the order of evaluation
stay as they are. Never runs the code, and never changes a function itself.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any

from fuzzharness.runtime.scopes import ScopeNotFound, Scopes
from fuzzharness.runtime.stores import parts_of

MARK = "\0fuzzharness "
"""How the constants begin that stand for an object; then follow the role and the name."""

REFUSED = f"{MARK}refused"
"""Stands in code that binds a name in a way that cannot be announced."""

Pair = tuple[CodeType, CodeType]


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a file that announce themselves.

    ``enclosing`` are variables that the function ``of`` (its name and first line) has from outside: what
    it binds for the functions inside it is its own.
    """

    globals: frozenset[str]
    attributes: frozenset[str]
    enclosing: frozenset[str] = frozenset()
    of: tuple[str, int] = ("", 0)


@lru_cache(maxsize=256)
def rewritten(source: str, file: str, names: Names) -> tuple[Pair, ...]:
    """The code of every function of ``source`` as it is, and as it announces ``names``.

    Empty where the source cannot be rewritten.
    """
    try:
        tree = ast.parse(source, file)
        before = compile(source, file, "exec", dont_inherit=True)
        changed = ast.fix_missing_locations(_Announcing(Scopes(source, file), names).visit(tree))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # calls of constants are meant
            after = compile(changed, file, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, TypeError, ScopeNotFound, RecursionError):
        return ()
    pairs = tuple(zip(parts_of(before), parts_of(after), strict=False))
    fit = all(_fits(old, new) for old, new in pairs) and _count(before) == _count(after)
    return pairs if fit else ()


def supplied(code: CodeType, supply: Callable[[str, CodeType], Any]) -> CodeType:
    """``code`` with the object that ``supply`` has for each mark, in the functions inside it too."""
    constants = [_constant(value, code, supply) for value in code.co_consts]
    return code.replace(co_consts=tuple(constants))


def marks_of(code: CodeType) -> Iterator[str]:
    """The marks in ``code`` and in the functions inside it."""
    for part in parts_of(code):
        yield from (c for c in part.co_consts if isinstance(c, str) and c.startswith(MARK))


def _constant(value: Any, code: CodeType, supply: Callable[[str, CodeType], Any]) -> Any:
    if isinstance(value, CodeType):
        return supplied(value, supply)
    return supply(value, code) if isinstance(value, str) and value.startswith(MARK) else value


def _fits(old: CodeType, new: CodeType) -> bool:
    return (old.co_qualname, old.co_firstlineno, old.co_freevars, old.co_cellvars) == (
        new.co_qualname,
        new.co_firstlineno,
        new.co_freevars,
        new.co_cellvars,
    )


def _count(code: CodeType) -> int:
    return sum(1 for _ in parts_of(code))


class _Announcing(ast.NodeTransformer):
    """Puts marks where names are read and bound. Annotations are left alone: they read no state."""

    def __init__(self, scopes: Scopes, names: Names) -> None:
        self._scopes = scopes
        self._names = names
        self._enclosing: frozenset[str] = frozenset()

    # -- names and attributes --------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> Any:
        role = self._role(node.id)
        if role is None:
            return node
        if isinstance(node.ctx, ast.Load):
            ask = ast.Call(_mark(f"{role} read", self._scopes.mangled(node.id)), [], [])
            return _placed(ast.BoolOp(ast.Or(), [ask, ast.Name(node.id, ast.Load())]), node)
        proxy = _mark(f"{role} proxy", self._scopes.mangled(node.id))
        return _placed(ast.Attribute(proxy, "value", node.ctx), node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> Any:
        role = self._role(node.target.id)
        node.value = self.visit(node.value)
        if role is None:
            return node
        store = _mark(f"{role} store", self._scopes.mangled(node.target.id))
        return _placed(ast.Call(store, [node.value], []), node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        node.value = self.visit(node.value)
        name = self._scopes.mangled(node.attr)
        if name in self._names.attributes and self._scopes.in_function:
            role = "member read" if isinstance(node.ctx, ast.Load) else "member write"
            node.value = _placed(ast.Call(_mark(role, name), [node.value], []), node.value)
        return node

    def _role(self, name: str) -> str | None:
        """As what ``name`` is announced here; None if it is not."""
        if not self._scopes.in_function:
            return None
        kind, mangled = self._scopes.kind(name), self._scopes.mangled(name)
        known = {"global": self._names.globals, "enclosing": self._enclosing}.get(kind, frozenset())
        return kind if mangled in known else None

    @contextmanager
    def _inside(
        self, name: str, node: Any, code_name: str = "", bound: frozenset[str] | None = None
    ) -> Iterator[None]:
        """Be in a scope; in that of the function asked for, its variables from outside are announced."""
        before = self._enclosing
        line = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        with self._scopes.inside(name, node.lineno, bound):
            known = self._names.enclosing if (code_name or name, line) == self._names.of else before
            self._enclosing = frozenset(n for n in known if self._scopes.kind(n) == "enclosing")
            yield
        self._enclosing = before

    # -- statements that bind names as they go ---------------------------------------------------

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        node.target = self.visit(node.target)
        node.value = None if node.value is None else self.visit(node.value)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> Any:
        role = None if node.name is None else self._role(node.name)
        if role is None or node.name is None:
            return self._visited(node)
        bound, caught = node.name, f"_caught_{node.name}"
        proxy = _mark(f"{role} proxy", self._scopes.mangled(bound))
        self._visited(node)
        node.name = caught
        keep = ast.Assign([ast.Attribute(proxy, "value", ast.Store())], ast.Name(caught, ast.Load()))
        clear = ast.Assign([ast.Attribute(proxy, "value", ast.Store())], ast.Constant(None))
        drop = ast.Delete([ast.Attribute(proxy, "value", ast.Del())])
        node.body = [keep, ast.Try(node.body, [], [], [clear, drop])]
        for statement in (keep, node.body[1], clear, drop):
            _placed(statement, node)
        return node

    def visit_Import(self, node: ast.Import) -> Any:
        return self._refused(node, [(a.asname or a.name).partition(".")[0] for a in node.names])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> Any:
        return self._refused(node, [a.asname or a.name for a in node.names])

    def visit_Match(self, node: ast.Match) -> Any:
        captured = [n.name for n in ast.walk(node) if isinstance(n, (ast.MatchAs, ast.MatchStar)) and n.name]
        captured += [n.rest for n in ast.walk(node) if isinstance(n, ast.MatchMapping) and n.rest]
        return self._refused(self._visited(node), captured)

    def visit_MatchClass(self, node: ast.MatchClass) -> ast.MatchClass:
        for pattern in (*node.patterns, *node.kwd_patterns):
            self.visit(pattern)
        return node

    def _refused(self, node: ast.stmt, bound: Sequence[str]) -> Any:
        """``node``, with a mark before it that says so where it binds a name unannounced."""
        if not any(self._role(name) for name in bound):
            return node
        return [_placed(ast.Expr(ast.Call(_text(REFUSED), [], [])), node), node]

    # -- scopes, in the order in which Python enters them ----------------------------------------

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Any:
        self._defaults(node.args)
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        result = self._refused(node, [node.name])
        with self._inside(node.name, node):
            self._body(node)
        return result

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        result = self._refused(node, [node.name])
        if not getattr(node, "type_params", ()):
            node.bases = [self.visit(base) for base in node.bases]
        with self._inside(node.name, node):
            self._body(node)
        return result

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        self._defaults(node.args)
        with self._inside("lambda", node, "<lambda>"):
            node.body = self.visit(node.body)
        return node

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Any:
        first = node.generators[0]
        first.iter = self.visit(first.iter)
        with self._inside(_COMPREHENSIONS[type(node)], node, bound=_targets(node)):
            for generator in node.generators:
                generator.target = self.visit(generator.target)
                generator.iter = generator.iter if generator is first else self.visit(generator.iter)
                generator.ifs = [self.visit(condition) for condition in generator.ifs]
            for part in ("elt", "key", "value"):
                if hasattr(node, part):
                    setattr(node, part, self.visit(getattr(node, part)))
        return node

    visit_SetComp = visit_GeneratorExp = visit_DictComp = visit_ListComp

    def _defaults(self, arguments: ast.arguments) -> None:
        arguments.defaults = [self.visit(d) for d in arguments.defaults]
        arguments.kw_defaults = [None if d is None else self.visit(d) for d in arguments.kw_defaults]

    def _body(self, node: Any) -> None:
        body: list[ast.stmt] = []
        for statement in node.body:
            result = self.visit(statement)
            body += result if isinstance(result, list) else [result]
        node.body = body

    def _visited(self, node: Any) -> Any:
        return self.generic_visit(node)


_COMPREHENSIONS = {
    ast.ListComp: "listcomp", ast.SetComp: "setcomp", ast.DictComp: "dictcomp", ast.GeneratorExp: "genexpr",
}  # fmt: skip


def _targets(node: Any) -> frozenset[str]:
    """The names that a comprehension binds for itself."""
    targets = [inner for generator in node.generators for inner in ast.walk(generator.target)]
    return frozenset(n.id for n in targets if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))


def _mark(role: str, name: str) -> ast.Constant:
    return _text(f"{MARK}{role} {name}")


def _text(text: str) -> ast.Constant:
    return ast.Constant(text)


def _placed(node: Any, where: ast.AST) -> Any:
    """``node`` and what is new inside it, at the place of ``where``."""
    ast.copy_location(node, where)
    for inner in ast.iter_child_nodes(node):
        if not hasattr(inner, "lineno") and hasattr(inner, "_attributes") and "lineno" in inner._attributes:
            _placed(inner, where)
    return node
