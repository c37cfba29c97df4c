"""Toolbox: tool names to callables, and how the arguments of a call become parameters.

Decides whether a call fits its tool. Never runs one.
"""

from __future__ import annotations

import copy
import difflib
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, overload

from fuzzharness.errors import ToolError
from fuzzharness.model import Call

Tool = Callable[..., Any]
F = TypeVar("F", bound=Tool)


@dataclass(frozen=True, slots=True)
class Bound:
    """A call that fits its tool: the function, its arguments, the resources it asks for by name."""

    name: str
    tool: Tool
    args: Mapping[str, Any]
    resources: tuple[str, ...]

    @property
    def is_async(self) -> bool:
        """Whether calling the tool gives a coroutine."""
        return is_async(self.tool)

    def body(self, live: Mapping[str, Any]) -> Callable[[], Any]:
        """The call as a callable without parameters, on the resources ``live``."""
        given = {name: live[name] for name in self.resources}
        args = copy.deepcopy(self.args) if any(map(_mutable, self.args.values())) else self.args
        tool = self.tool
        return lambda: tool(**args, **given)


class Toolbox:
    """The tools a batch may call, by the name the model calls them.

    ``Toolbox({"add_credit": add_credit})``, or ``@tools.tool`` on each function.
    """

    def __init__(self, tools: Mapping[str, Tool] | None = None) -> None:
        self._tools: dict[str, Tool] = {}
        for name, tool in (tools or {}).items():
            self._add(name, tool)

    @overload
    def tool(self, function: F, /) -> F: ...
    @overload
    def tool(self, function: None = None, /, *, name: str | None = None) -> Callable[[F], F]: ...
    def tool(self, function: F | None = None, /, *, name: str | None = None) -> F | Callable[[F], F]:
        """Add a function as a tool, under its own name unless ``name`` says another."""

        def add(function: F) -> F:
            self._add(name or _own_name(function), function)
            return function

        return add if function is None else add(function)

    def _add(self, name: str, tool: Tool) -> None:
        if not callable(tool):
            raise ToolError(
                f"the tool {name!r} is a {type(tool).__name__}, which cannot be called. Expected a "
                "function or another callable. Give the function that the model's call runs."
            )
        self._tools[name] = tool

    def __contains__(self, name: str) -> bool:
        return name in self._tools

    def __iter__(self) -> Iterator[str]:
        return iter(self._tools)

    def __len__(self) -> int:
        return len(self._tools)

    def __getitem__(self, name: str) -> Tool:
        return self._tools[name]

    def bind(self, call: Call, resources: Collection[str]) -> Bound:
        """Fit ``call`` to its tool; parameters named after one of ``resources`` receive it.

        Raises :class:`ToolError` for an unknown tool, one that cannot be called by names, and for
        arguments that are missing, unexpected or were not a JSON object.
        """
        tool = self._find(call)
        if not isinstance(call.args, Mapping):
            raise _no_arguments(call)
        if inspect.isasyncgenfunction(tool):
            raise ToolError(
                f"the tool {call.tool!r} is an async generator function. Expected a coroutine function: "
                "calling it runs none of its body. Add a coroutine function that consumes it."
            )
        if inspect.isgeneratorfunction(tool):
            raise ToolError(
                f"the tool {call.tool!r} is a generator function. Expected a plain function: calling it runs "
                "none of its body. Add a function that consumes it, as lambda **args: list(tool(**args))."
            )
        parameters = _parameters(tool)
        if parameters is None:
            return Bound(call.tool, tool, dict(call.args), ())
        _by_name(call, parameters)
        free = [n for n, p in parameters.items() if n not in call.args and _named(p)]
        wanted = tuple(n for n in free if n in resources)
        _fits(call, parameters, wanted)
        return Bound(call.tool, tool, dict(call.args), wanted)

    def _find(self, call: Call) -> Tool:
        tool = self._tools.get(call.tool)
        if tool is not None:
            return tool
        near = difflib.get_close_matches(call.tool, self._tools, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        known = ", ".join(sorted(self._tools)) or "none at all"
        raise ToolError(
            f"the call {_name(call)} names the tool {call.tool!r}, which the toolbox does not have.{hint} "
            f"Expected one of: {known}. Add the function to the Toolbox under that name."
        )


def _parameters(tool: Tool) -> Mapping[str, inspect.Parameter] | None:
    try:
        return inspect.signature(tool).parameters
    except (TypeError, ValueError):
        return None


def is_async(tool: object) -> bool:
    """Whether calling ``tool``, a function or an object that can be called, gives a coroutine."""
    while isinstance(tool, partial):
        tool = tool.func
    call = next((vars(kind)["__call__"] for kind in type(tool).__mro__ if "__call__" in vars(kind)), None)
    return inspect.iscoroutinefunction(tool) or inspect.iscoroutinefunction(call)


def _named(parameter: inspect.Parameter) -> bool:
    return parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)


def _own_name(function: Tool) -> str:
    name = getattr(function, "__name__", None)
    if isinstance(name, str):
        return name
    if not callable(function):
        return str(function)
    raise ToolError(
        f"a {type(function).__name__} was added as a tool, which has no name of its own. Expected the name "
        'that the model calls it by. Give it: tools.tool(name="...")(function).'
    )


def _by_name(call: Call, parameters: Mapping[str, inspect.Parameter]) -> None:
    """Refuse a tool that no call can reach: a recording has names for arguments, never positions."""
    unnamed = [n for n, p in parameters.items() if p.kind is p.POSITIONAL_ONLY and p.default is p.empty]
    if unnamed:
        raise ToolError(
            f"the tool {call.tool!r} takes {', '.join(map(repr, unnamed))} by position only. Expected "
            "parameters that can be given by name, as a recorded call does. Remove the / from its "
            "parameters, or wrap it in a function without one."
        )


def _fits(call: Call, parameters: Mapping[str, inspect.Parameter], resources: tuple[str, ...]) -> None:
    given = {*(call.args or ()), *resources}
    named = {n: p for n, p in parameters.items() if _named(p)}
    missing = [n for n, p in named.items() if p.default is p.empty and n not in given]
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    extra = [] if takes_any else [n for n in given if n not in named]
    if not missing and not extra:
        return
    seen = [f"without {', '.join(map(repr, missing))}"] if missing else []
    seen += [f"with {', '.join(map(repr, sorted(extra)))}, which it does not take"] if extra else []
    expected = ", ".join(str(p) for n, p in named.items() if n not in resources) or "no arguments"
    raise ToolError(
        f"the call {_name(call)} calls {call.tool} {' and '.join(seen)}. Expected: {expected}. "
        "Correct the recording or the tool; a parameter that should receive a resource must bear the "
        "name it has in the World."
    )


def _no_arguments(call: Call) -> ToolError:
    return ToolError(
        f"the call {_name(call)} to {call.tool} {_seen_instead(call)}. Expected a JSON object, {{}} for none."
        " Correct the recording, or leave the call out of the batch: fuzzharness run --lenient does, and "
        "lenient = true in a scenario file; in Python batch.take, given the positions of the other calls."
    )


def _seen_instead(call: Call) -> str:
    if call.args is not None:
        return f"has a {type(call.args).__name__} as its arguments: {repr(call.args)[:80]}"
    if call.invalid_args is None:
        return "has no arguments"
    if not call.invalid_args.strip():
        return "cannot be run: its arguments were not recorded"
    return f"has arguments that are not a JSON object: {call.invalid_args[:80]!r}"


def _name(call: Call) -> str:
    return repr(call.id) if call.id else "without an id"


def _mutable(value: object) -> bool:
    return isinstance(value, (dict, list))
