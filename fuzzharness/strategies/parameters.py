"""Parameters: what a drawn call of each tool is given, and from which strategies.

Decides which parameters of a tool are drawn, which the world gives and which are left to their
defaults. What the values of a type are is decided in ``values``. Never draws and never calls a tool.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_type_hints

from hypothesis.errors import HypothesisException, HypothesisWarning
from hypothesis.strategies import SearchStrategy

from fuzzharness.errors import SettingsError, ToolError
from fuzzharness.model import Call
from fuzzharness.strategies.definitions import Schema
from fuzzharness.strategies.pool import Pool
from fuzzharness.strategies.schema import properties
from fuzzharness.strategies.values import values_of
from fuzzharness.tools.toolbox import Tool, Toolbox

Own = Mapping[str, SearchStrategy[Any]]
Arguments = Mapping[str, SearchStrategy[Any] | Own]

_EMPTY = inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a call is given under ``name``; parameters of one ``kin`` can have each other's values.

    One that is not ``always`` given has a default.
    """

    name: str
    values: SearchStrategy[Any]
    kin: Hashable
    always: bool


def parameters(
    toolbox: Toolbox,
    names: Sequence[str],
    resources: Collection[str] | None,
    arguments: Arguments,
    schemas: Mapping[str, Schema],
) -> dict[str, tuple[Parameter, ...]]:
    """What calls of the tools ``names`` are given; see :func:`fuzzharness.strategies.batches`.

    ``resources`` are the names that a world has, None where no world is known.
    """
    missing = [name for name in names if name not in toolbox]
    if missing or not names:
        seen = f"calls of the tool {missing[0]!r}" if missing else "calls of no tool at all"
        raise ToolError(
            f"{seen} are to be drawn. Expected some of those in the toolbox: "
            f"{', '.join(sorted(toolbox)) or 'it has none'}. Add the function to the Toolbox under that "
            "name, or correct tools=."
        )
    tools = {
        name: _Signature(toolbox, name, resources, _parameters(toolbox[name]), schemas.get(name))
        for name in names
    }
    _check(arguments, tools)
    return {name: tool.drawn(tool.own(arguments)) for name, tool in tools.items()}


@dataclass(frozen=True, slots=True)
class _Signature:
    """The tool ``name`` with the parameters that a call can give it."""

    toolbox: Toolbox
    name: str
    resources: Collection[str] | None
    parameters: Mapping[str, inspect.Parameter]
    schema: Schema | None = None

    def own(self, arguments: Arguments) -> dict[str, SearchStrategy[Any]]:
        """The strategies that ``arguments`` has for this tool, by parameter."""
        own: dict[str, SearchStrategy[Any]] = {}
        for key, given in arguments.items():
            if isinstance(given, SearchStrategy) and key in self.names:
                own[key] = given
        for_this = arguments.get(self.name)
        return {**own, **for_this} if isinstance(for_this, Mapping) else own

    def drawn(self, own: Own) -> tuple[Parameter, ...]:
        """What a call is given; raises :class:`ToolError` where that cannot fit the tool."""
        said = {} if self.schema is None else properties(self.schema)
        given = [n for n in self.parameters if n in own or n in said or not self._is_resource(n)]
        given += [name for name in {**said, **own} if name not in self.parameters]
        found = [self._given(n, own[n]) if n in own else self._said(n, said) for n in given]
        fitting = tuple(parameter for parameter in found if parameter is not None)
        call = Call(self.name, dict.fromkeys(parameter.name for parameter in fitting))
        self.toolbox.bind(call, set(self.parameters) - set(given))
        return fitting

    @property
    def names(self) -> set[str]:
        """The parameters that the tool or its schema has."""
        return {*self.parameters, *((self.schema or {}).get("properties") or ())}

    def _said(self, name: str, said: Mapping[str, tuple[SearchStrategy[Any], bool, str]]) -> Parameter | None:
        """The parameter ``name`` as the schema has it, else as annotated; a schema leaves others out."""
        if name in said:
            values, required, sign = said[name]
            return Parameter(name, values, (name, sign), required)
        optional = self.parameters[name].default is not _EMPTY
        return None if self.schema is not None and optional else self._typed(name)

    def _is_resource(self, name: str) -> bool:
        if self.resources is not None:
            return name in self.resources
        annotation = self.parameters[name].annotation
        return annotation is _EMPTY or str(annotation).rpartition(".")[2] == "Any"

    def _given(self, name: str, values: SearchStrategy[Any]) -> Parameter:
        return Parameter(name, values, (name, id(values)), always=True)

    def _typed(self, name: str) -> Parameter | None:
        """The parameter ``name`` as annotated; None if that tells nothing and it has a default."""
        required = self.parameters[name].default is _EMPTY
        try:
            hint = self._hint(name)
            return Parameter(name, self._values(name, hint), (name, repr(hint)), required)
        except ToolError:
            if required:
                raise
            return None

    def _hint(self, name: str) -> Any:
        annotation = self.parameters[name].annotation
        if annotation is _EMPTY:
            raise self._undrawn(name, "it has no annotation")
        holder = types.SimpleNamespace(__annotations__={name: annotation})
        try:
            return get_type_hints(holder, _globals(self.toolbox[self.name]), include_extras=True)[name]
        except (NameError, AttributeError, SyntaxError, TypeError) as error:
            raise self._undrawn(name, f"its annotation {annotation!r} cannot be read ({error})") from None

    def _values(self, name: str, hint: Any) -> SearchStrategy[Any]:
        try:
            return values_of(hint)
        except (HypothesisException, HypothesisWarning):
            shown = hint.__name__ if type(hint) is type else str(hint)
            raise self._undrawn(name, f"Hypothesis has no values for {shown}") from None

    def _undrawn(self, name: str, why: str) -> ToolError:
        there = "give the World too" if self.resources is None else "name the resource of the World so"
        return ToolError(
            f"the parameter {name!r} of the tool {self.name!r} cannot be drawn: {why}. Expected an "
            f"annotation of plain data. Give arguments={{{self.name!r}: {{{name!r}: st.integers()}}}} with "
            f"a strategy that fits; if it is a resource, {there}."
        )


def _parameters(tool: Tool) -> dict[str, inspect.Parameter]:
    """The parameters that a call can give by name; none where the tool does not say."""
    try:
        found = inspect.signature(tool).parameters
    except (TypeError, ValueError):
        return {}
    return {n: p for n, p in found.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}


def _globals(tool: Any) -> dict[str, Any]:
    """The names that the annotations of ``tool`` are written in."""
    while isinstance(tool, functools.partial):
        tool = tool.func
    function = inspect.unwrap(tool)
    if not inspect.isroutine(function):
        function = getattr(function, "__init__" if isinstance(function, type) else "__call__")
    found: dict[str, Any] = getattr(inspect.unwrap(function), "__globals__", {})
    return found


def _check(arguments: Arguments, tools: Mapping[str, _Signature]) -> None:
    """Refuse arguments that would go nowhere, unless a recording has them."""
    names = {name for tool in tools.values() for name in tool.names}
    for key, given in arguments.items():
        if isinstance(given, Pool) and key not in tools:
            continue
        nested = isinstance(given, Mapping)
        inner = given.values() if isinstance(given, Mapping) else [given]
        strategies = all(isinstance(values, SearchStrategy) for values in inner)
        if key not in (tools if nested else names) or not strategies:
            raise SettingsError(
                f"arguments= has {given!r} under {key!r}. Expected a strategy under the name of a parameter, "
                f"or strategies by parameter under the name of a tool; the tools are {', '.join(tools)}. "
                "Write {'account': st.just(7)} or {'add_credit': {'account': st.just(7)}}."
            )
