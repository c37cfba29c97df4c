"""Inside: where in a document that fits no format a conversation stands all the same.

Decides where to look for one: some levels down, by names of members, in lists at their first item. Only
advice follows from it: nothing that stands there is read.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Final

from fuzzharness.traces.node import Node

_LOOKED_AT: Final = 200
_INDEX = re.compile(r"\[\d+\]")
_PLAIN = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def conversation_in(record: Node, fits: Callable[[Node], bool]) -> str | None:
    """The jq filter that gives what is read of the file where ``record``, an object, stands; None if unknown.

    fits: whether a node is a message or a record of some format.
    """
    waiting = deque([(record, _around(record))])
    for _ in range(_LOOKED_AT):
        if not waiting:
            return None
        node, path = waiting.popleft()
        if node is not record and _is_conversation(node, fits):
            return path
        members = islice(node.value if isinstance(node.value, dict) else (), _LOOKED_AT)
        waiting.extend((node.get(name), path + _member(name)) for name in members)
    return None


def _around(record: Node) -> str:
    """The filter that gives ``record`` and its like, by the lists that it stands in."""
    path = _INDEX.sub("[]", record.place.path.removeprefix("$"))
    return f".{path}" if path.startswith("[") else path


def _is_conversation(node: Node, fits: Callable[[Node], bool]) -> bool:
    if isinstance(node.value, list):
        return bool(node.value) and (fits(node.items()[0]) or _holds_messages(node.items()[0]))
    return _holds_messages(node)


def _holds_messages(node: Node) -> bool:
    messages = node.peek("messages")
    return isinstance(messages, list) and bool(messages)


def _member(name: str) -> str:
    return f".{name}" if _PLAIN.fullmatch(name) else f".{json.dumps(name)}"
