"""Arguments: what a call was recorded with, as an object or as text.

Decides when recorded arguments are usable: only a JSON object is. Never refuses a recording.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from fuzzharness.traces.document import parse_object


class Arguments(NamedTuple):
    """``args`` where the recording has a JSON object, else ``invalid`` with the recorded text."""

    args: dict[str, Any] | None
    invalid: str | None = None


def from_text(text: str) -> Arguments:
    """The arguments that ``text`` holds as JSON."""
    args = parse_object(text)
    return Arguments(None, text) if args is None else Arguments(args)


def from_value(value: Any) -> Arguments:
    """The arguments ``value``, JSON already read."""
    if isinstance(value, dict):
        return Arguments(value)
    return Arguments(None, value if isinstance(value, str) else json.dumps(value))
