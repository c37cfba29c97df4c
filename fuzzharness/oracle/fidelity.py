"""Fidelity: the sequential replay beside the recording, call by call.

Decides for each call whether its result is the one that was recorded. A recorded result is what the model was
shown, so a value is compared with the forms that runners give it (``readings``), and an error with what its
text says where the format has no flag. In doubt a result differs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, Final

from fuzzharness.finding import Comparison, Deviation, Fidelity, Match
from fuzzharness.model import Batch, Call, Outcome, Raised, Result, Returned
from fuzzharness.oracle.benign import Likeness, told
from fuzzharness.oracle.deviation import Pair, closest
from fuzzharness.oracle.generated import generated
from fuzzharness.oracle.readings import readings

_ERROR_FIRST: Final = re.compile(
    r"\W*(error|exception|failed|failure|traceback|\w*(Error|Exception)\b)", re.I
)
_TYPED: Final = re.compile(r"(?:\w+\.)*(?!Tool)(\w+(?:Error|Exception)): (.*)", re.S)
"""The text of an error as a traceback ends and :func:`fuzzharness.record` writes it: type, then message."""
_ERROR_WORD: Final = re.compile(r"error|exception|failed|failure|traceback", re.I)


def fidelity(
    batch: Batch, ending: Outcome, likeness: Callable[[], Likeness], ignore: Sequence[str] = ()
) -> Fidelity:
    """How the results of ``ending``, where ``batch`` ran in recorded order, compare with the recorded ones.

    A call without a recorded result and without the flag of an error counts as not recorded. likeness: asked
    for only if some result differs. ignore: patterns of places that may differ, as ``results.call_a.id``.
    """
    calls = dict(zip(batch.labels, batch.calls, strict=True))
    found = {label: _compared(label, call, ending.results[label]) for label, call in calls.items()}
    found = {label: _less(comparison, ignore) for label, comparison in found.items()}
    if any(comparison.match is Match.DIFFERS for comparison in found.values()):
        found = _renamed(found, calls, ending, likeness())
    return Fidelity(tuple(found.values()))


def ended_as(
    batch: Batch, ending: Outcome, likeness: Callable[[], Likeness], ignore: Sequence[str] = ()
) -> bool:
    """Whether every recorded result of ``batch`` is that of ``ending``; as :func:`fidelity` compares."""
    found = fidelity(batch, ending, likeness, ignore)
    return found.compared > 0 and not found.differing


def _compared(label: str, call: Call, result: Result) -> Comparison:
    comparison = Comparison(label, call.tool, Match.SAME)
    if call.result is None and not call.error:
        return replace(comparison, match=Match.UNRECORDED)
    if isinstance(result, Returned):
        return _beside(comparison, call, result.value)
    seen = (Deviation((), call.result, str(result)),)
    if not isinstance(result, Raised):
        return _apart(comparison, Match.DIFFERS, seen)
    flagged = call.error or _is_error(call.result)
    if _tells(call.result, result, flagged=call.error):
        return comparison
    return _apart(comparison, Match.DIFFERS if flagged else Match.ERROR_NOW, seen)


def _apart(comparison: Comparison, match: Match, deviations: tuple[Deviation, ...]) -> Comparison:
    return replace(comparison, match=match, deviations=deviations)


def _beside(comparison: Comparison, call: Call, value: Any) -> Comparison:
    """A call that returns ``value`` now; an error that is returned as its text is the same to a model."""
    deviations = closest(call.result, value)[1]
    if call.error and not deviations and not call.result:
        deviations = (Deviation((), call.result, value),)
    if not deviations:
        return comparison
    failed = call.error or (_is_error(call.result) and not _is_error(value))
    return _apart(comparison, Match.ERROR_THEN if failed else Match.DIFFERS, deviations)


def _is_error(recorded: Any) -> bool:
    """Whether a result reads like an error, in a format that does not say which are."""
    if isinstance(recorded, str) and _ERROR_FIRST.match(recorded):
        return True
    return any(isinstance(value, Mapping) and list(value) == ["error"] for value in readings(recorded))


def _tells(recorded: Any, raised: Raised, flagged: bool) -> bool:
    """Whether a recorded error is that one: its text has the message, or there is none to go by."""
    texts = list(_texts(recorded))
    if flagged and not any(text.strip() for text in texts):
        return True
    if not raised.message:
        return any(_has(text, raised.type) for text in texts)
    forms = {raised.message, repr(raised.message)[1:-1], json.dumps(raised.message)[1:-1]}
    for text in texts:
        if typed := _TYPED.fullmatch(text.strip()):
            if typed[1] == raised.type and _opens(typed[2], raised.message.strip()):
                return True
            continue
        if text.strip() in forms:
            return True
        speaks = flagged or _has(text, raised.type) or _ERROR_WORD.search(text)
        if speaks and any(_has(text, form) for form in forms):
            return True
    return False


def _opens(text: str, message: str) -> bool:
    """Whether ``text`` is ``message``, or goes on with another sentence or line."""
    return text.startswith(message) and re.match(r"\.?(\s*\Z|\s*\n|\. )", text[len(message) :]) is not None


def _texts(recorded: Any) -> Iterator[str]:
    """Every text in a recorded error."""
    for value in readings(recorded):
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from (item for item in value.values() if isinstance(item, str))


def _has(text: str, words: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text) is not None


def _less(comparison: Comparison, ignore: Sequence[str]) -> Comparison:
    """``comparison`` less the places whose dotted path matches one of ``ignore``."""
    left = tuple(
        d for d in comparison.deviations if not _ignored(("results", comparison.call, *d.path), ignore)
    )
    if comparison.deviations and not left:
        return replace(comparison, match=Match.SAME, deviations=())
    return replace(comparison, deviations=left)


def _ignored(path: tuple[object, ...], patterns: Sequence[str]) -> bool:
    places = [".".join(map(str, path[:length])) for length in range(1, len(path) + 1)]
    return any(fnmatchcase(place, pattern) for place in places for pattern in patterns)


def _renamed(
    found: Mapping[str, Comparison], calls: Mapping[str, Call], ending: Outcome, likeness: Likeness
) -> dict[str, Comparison]:
    """What differs only in names that the run made is told as that."""
    pairs = {label: pair for label in found if (pair := _pair(found[label], calls[label], ending))}
    names = generated(likeness.naming, ending.state, pairs) if pairs else {}
    return {
        label: replace(comparison, match=Match.RENAMED, deviations=(), mapping=told(names[label]))
        if comparison.match is Match.DIFFERS and label in names
        else comparison
        for label, comparison in found.items()
    }


def _pair(comparison: Comparison, call: Call, ending: Outcome) -> Pair | None:
    """The readings by which a call that returned is compared, if it is."""
    result = ending.results[comparison.call]
    if not isinstance(result, Returned) or comparison.match not in (Match.SAME, Match.DIFFERS):
        return None
    return closest(call.result, result.value)[0]
