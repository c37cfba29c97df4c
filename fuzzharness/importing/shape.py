"""Shape: what two batches have in common that would be explored alike.

Decides when a batch is one more of the same: the same tools in the same order, arguments of the same types
under the same names, and the same pattern of equal values among them, which is what makes calls conflict.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from fuzzharness.model import Batch, Call


def shape(batch: Batch) -> bytes:
    """A digest that batches of one shape have in common."""
    values: dict[tuple[str, Any], int] = {}
    text = json.dumps([_call(call, values) for call in batch.calls], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _call(call: Call, values: dict[tuple[str, Any], int]) -> Any:
    return [call.tool, "invalid" if call.args is None else _part(call.args, values)]


def _part(value: Any, values: dict[tuple[str, Any], int]) -> Any:
    """``value`` with the number of each of its texts and numbers among all that differ in the batch."""
    if isinstance(value, Mapping):
        return {key: _part(value[key], values) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [_part(part, values) for part in value]
    if value is None or isinstance(value, bool):
        return [value]
    kind = type(value).__name__
    return f"{kind} {values.setdefault((kind, value), len(values))}"
