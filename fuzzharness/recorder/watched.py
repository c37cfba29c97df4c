"""Watched: a tool whose calls are recorded, sync or async as it is.

Decides what of a call is written: its arguments before it runs, what it returned or raised after. Hands on
both unchanged.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial, wraps
from typing import Any

from fuzzharness.errors import FuzzWarning, RecordingError
from fuzzharness.literal import described, without_addresses
from fuzzharness.model import Call
from fuzzharness.recorder.turns import Turn, Turns, Within
from fuzzharness.tools.toolbox import Tool, is_async
from fuzzharness.traces.native_lines import recordable


def watched(tool: Tool, name: str, turns: Turns, resources: Collection[str]) -> Tool:
    """``tool``, recorded under ``name``; parameters in ``resources`` are not among its arguments."""
    begin = partial(_begin, tool, name, turns, resources, set())

    def sync(*args: Any, **kwargs: Any) -> Any:
        if turns.nested:
            return tool(*args, **kwargs)
        end = begin(args, kwargs)
        try:
            with Within(turns.enter(None)):
                result = tool(*args, **kwargs)
        except BaseException as error:
            end(_raised(error))
            raise
        if inspect.isawaitable(result):
            return _awaited(result, turns, end)
        end(_returned(result))
        return result

    async def asynchronous(*args: Any, **kwargs: Any) -> Any:
        if turns.nested:
            return await tool(*args, **kwargs)
        return await _awaited(tool(*args, **kwargs), turns, begin(args, kwargs))

    return wraps(tool)(asynchronous if is_async(tool) else sync)


End = Callable[[Call], None]


async def _awaited(running: Awaitable[Any], turns: Turns, end: End) -> Any:
    try:
        with Within(turns.enter(None)):
            result = await running
    except BaseException as error:
        end(_raised(error))
        raise
    end(_returned(result))
    return result


def _begin(
    tool: Tool,
    name: str,
    turns: Turns,
    resources: Collection[str],
    told: set[str],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> End:
    given = {n: v for n, v in _by_name(tool, args, kwargs).items() if n not in resources}
    plain = recordable(given)
    for parameter in () if plain else [n for n in given if n not in told and not recordable(given[n])]:
        told.add(parameter)
        warnings.warn(_not_json(name, parameter, given[parameter]), stacklevel=3)
    asked = Call(name, given if plain else None, invalid_args=None if plain else described(given))
    turn, id = turns.begin(asked, datetime.now(UTC))
    return partial(_end, turns, turn, id)


def _not_json(tool: str, parameter: str, value: Any) -> FuzzWarning:
    return FuzzWarning(
        f"{tool} is called with {parameter}, a {type(value).__name__}, which is not JSON, so its calls are "
        f"recorded without arguments and cannot be replayed. If the runner fills it in, leave it out: "
        f'resources=("{parameter}",)'
    )


def _by_name(tool: Tool, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as a recorded call has them: by name, no defaults, ``**options`` spread out."""
    if not args:
        return dict(kwargs)
    try:
        signature = inspect.signature(tool)
        found = signature.bind_partial(*args, **kwargs).arguments
    except (TypeError, ValueError):
        return {"args": args, **kwargs}
    rest = next((n for n, p in signature.parameters.items() if p.kind is p.VAR_KEYWORD), "")
    return {n: v for n, v in found.items() if n != rest} | dict(found.get(rest, {}))


def _end(turns: Turns, turn: Turn, id: str | int, ending: Call) -> None:
    """Write how a call ended; a tool that has done its work keeps its result even if that fails."""
    try:
        turns.end(turn, replace(ending, id=id, ended_at=datetime.now(UTC)))
    except RecordingError as error:
        warnings.warn(FuzzWarning(f"the ending of a call is not recorded: {error}"), stacklevel=2)


def _returned(value: Any) -> Call:
    plain = value is not None and recordable(value)  # no result is one that was not recorded
    return Call("", None, result=value if plain else described(value), opaque=not plain)


def _raised(error: BaseException) -> Call:
    try:
        text = without_addresses(str(error)).strip()
    except Exception:
        text = ""
    kind = type(error).__name__
    return Call("", None, result=f"{kind}: {text}" if text else kind, error=True)
