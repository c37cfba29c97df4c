"""History: what models were given, of which each request repeats that of the one before it.

Decides how much of a history was read already: a recording grows with the square of a conversation,
what is new in it does not. Left out is only what equals the beginning of what an earlier span of the
same trace was given, so that it cannot say more. Knows no format.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Any, Final, NamedTuple

from fuzzharness.traces import provider
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import Node
from fuzzharness.traces.span import Message, Part, Span, Told
from fuzzharness.traces.tracing import Key, order

REMEMBERED: Final = 32
"""Of how many traces the latest history is remembered."""


class Unread(NamedTuple):
    """The messages of a history from the ``start``-th on, which were not read before."""

    start: int
    messages: list[Node]


def parts(span: Span, unread: Unread, histories: Histories, leniency: Leniency) -> list[Part]:
    """What ``span`` was given: messages with calls that no model was heard to ask for, and answers.

    Raises :class:`TraceError`.
    """
    found: list[Part] = []
    for index, message in enumerate(unread.messages, unread.start):
        calls = provider.calls(message, leniency, histories.heard)
        if calls:
            found.append(Message(span, calls, index, history=True))
        for answer in provider.answers(message.value):
            found.append(Told(span, answer))
    return found


def chat(
    span: Span,
    put_out: Iterable[Node],
    given: Callable[[], Unread],
    histories: Histories,
    leniency: Leniency,
) -> list[Part]:
    """What a model ``put_out``, and what is new of what it was ``given``. Raises :class:`TraceError`."""
    found: list[Part] = [Message(span, provider.calls(m, leniency), n) for n, m in enumerate(put_out)]
    histories.begin()
    found += parts(span, given(), histories, leniency)
    histories.keep()
    return found


class _Known(NamedTuple):
    """A history of ``size`` items: a list, or the digest of one in JSON without its closing bracket."""

    at: Key
    size: int
    items: list[Any] | None = None
    length: int = 0
    digest: int = 0


class Histories:
    """The latest history of each trace, by the attribute or member where it stands.

    A history counts as read when its whole span was, by :meth:`keep`, and nothing of it was left out.
    ``heard`` are the calls that models asked for so far, by the hashes of their ids: whoever takes in
    what models put out adds to it.
    """

    def __init__(self, leniency: Leniency) -> None:
        self.heard: set[int] = set()
        self._leniency = leniency
        self._skipped = 0
        self._known: OrderedDict[Hashable, _Known] = OrderedDict()
        self._noted: dict[Hashable, _Known] = {}

    def begin(self) -> None:
        """A span is about to be read."""
        self._noted.clear()
        self._skipped = self._leniency.skipped

    def keep(self) -> None:
        """The span was read to its end, with all that is new in its histories."""
        if not self._noted or self._skipped != self._leniency.skipped:
            return
        for place, known in self._noted.items():
            self._known[place] = known
            self._known.move_to_end(place)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def messages(self, span: Span, name: str, node: Node) -> Unread:
        """What is new at ``node``, a list or its JSON, which ``span`` was given in ``name``."""
        if isinstance(node.value, list):
            return self._of_list(span, name, node)
        if isinstance(node.value, str):
            return self._of_text(span, name, node)
        return Unread(0, provider.messages(node))

    def items(self, span: Span, name: str, items: list[Any]) -> int:
        """How many of the first ``items``, which ``span`` was given in ``name``, were read before."""
        known = self._before(span, name)
        self._noted[span.trace, name] = _Known(order(span), len(items), items)
        same = known is not None and known.items is not None and items[: known.size] == known.items
        return known.size if known is not None and same else 0

    def _before(self, span: Span, name: str) -> _Known | None:
        known = self._known.get((span.trace, name))
        return known if known is not None and known.at <= order(span) else None

    def listed(self, span: Span, name: str, node: Node) -> Unread:
        """As :meth:`messages` where ``node`` is a list of messages whatever they look like."""
        start = self.items(span, name, node.value)
        return Unread(start, [Node(node.value[n], node, n) for n in range(start, len(node.value))])

    def _of_list(self, span: Span, name: str, node: Node) -> Unread:
        unread = self.listed(span, name, node)
        if provider.is_message(node.value[unread.start :]):
            del self._noted[span.trace, name]
            return Unread(0, [node])
        return unread

    def _of_text(self, span: Span, name: str, node: Node) -> Unread:
        text = node.value
        start, items = self._rest(span, name, text)
        if not start:
            found = provider.decoded(node)
            if not isinstance(found.value, list) or provider.is_message(found.value):
                return Unread(0, [found])
            items = found.value
        if text.endswith("]") and start + len(items):
            length = len(text) - 1
            known = _Known(order(span), start + len(items), None, length, hash(text[:length]))
            self._noted[span.trace, name] = known
        return Unread(start, [Node(item, node, n) for n, item in enumerate(items, start)])

    def _rest(self, span: Span, name: str, text: str) -> tuple[int, list[Any]]:
        """How many items at the beginning of the list in ``text`` were read, and the others; 0 for none."""
        known = self._before(span, name)
        if known is None or len(text) <= known.length or hash(text[: known.length]) != known.digest:
            return 0, []
        rest = text[known.length :]
        if rest == "]":
            return known.size, []
        items = provider.decoded(Node(f"[{rest[1:]}", ("", None))).value if rest[0] == "," else None
        if not isinstance(items, list) or not items or provider.is_message(items):
            return 0, []
        return known.size, items
