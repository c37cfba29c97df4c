"""Pools: the values that a recording has for each argument of each tool.

Decides what is drawn from what was seen, so that new batches touch what is there. Reads no file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from fuzzharness.model import Batch, Trace
from fuzzharness.tools.toolbox import Toolbox


class Pool(dict[str, SearchStrategy[Any]]):
    """The values seen for each argument of one tool, which need not be there where calls are drawn."""


def recorded(trace: Trace | Batch | Iterable[Batch], toolbox: Toolbox | None = None) -> dict[str, Pool]:
    """For each tool in ``trace`` and each of its arguments the values seen, simplest the first seen.

    It is what ``arguments=`` of :func:`fuzzharness.strategies.batches` takes, which passes over tools that
    are not drawn. toolbox: tools that it does not have are left out. Calls whose arguments are no JSON
    object say nothing.
    """
    seen: dict[str, dict[str, dict[str, Any]]] = {}
    for batch in _batches(trace):
        for call in batch.calls:
            if toolbox is None or call.tool in toolbox:
                of_tool = seen.setdefault(call.tool, {})
                for name, value in (call.args or {}).items():
                    of_tool.setdefault(name, {}).setdefault(_sign(value), value)
    return {
        tool: Pool({name: st.sampled_from(list(values.values())) for name, values in of_tool.items()})
        for tool, of_tool in seen.items()
    }


def _batches(trace: Trace | Batch | Iterable[Batch]) -> Iterable[Batch]:
    if isinstance(trace, Batch):
        return [trace]
    return trace.batches if isinstance(trace, Trace) else trace


def _sign(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=repr)
