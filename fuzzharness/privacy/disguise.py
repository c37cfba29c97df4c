"""Disguise: the two passes over a recording that take personal data and secrets out of it.

Decides what is looked for (secrets always, personal data if asked) and what of a call is looked at:
arguments, result and id, never the name of a tool or of a parameter, which replays need.
"""

from __future__ import annotations

import os
import re
import secrets as random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Final
from urllib.parse import quote, unquote

from fuzzharness.errors import SettingsError
from fuzzharness.model import Batch, Call
from fuzzharness.privacy import keys
from fuzzharness.privacy.found import Found
from fuzzharness.privacy.kind import Kind, fitting
from fuzzharness.privacy.personal import personal
from fuzzharness.privacy.pseudonyms import Pseudonyms
from fuzzharness.privacy.rules import Rule, kept, spans
from fuzzharness.privacy.secrets import is_mask, is_placeholder, secrets
from fuzzharness.privacy.sieve import Sight, holds_secret, sight
from fuzzharness.privacy.span import Span, apart
from fuzzharness.privacy.walk import Walk

VARIABLE: Final = "FUZZHARNESS_SECRET"
_NUMBERS: Final = (Kind.PHONE, Kind.BIRTHDATE, Kind.CARD, Kind.POSTCODE, Kind.TEXT, Kind.SECRET)
_WORD: Final = re.compile(r"[^\W\d]+(?:(?:\.| ?\| ?)[^\W\d]+)*")
"""What may be a word or a type of a program like any other, though it stands where a secret would."""

_LONG: Final = 7
"""Digits of a whole number that is taken for a value found elsewhere; shorter ones are amounts as often."""


def secret_from(file: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> bytes | None:
    """The secret that pseudonyms follow from: of ``file``, else of the environment; None if there is none.

    Raises :class:`SettingsError` where the file cannot be read or is empty.
    """
    if file is None:
        return environ.get(VARIABLE, "").encode() or None
    try:
        with open(file, "rb") as stream:
            found = stream.read().strip()
    except OSError as error:
        raise SettingsError(
            f"{os.fspath(file)} cannot be read: {error.strerror}. Expected a file with a secret. Check it."
        ) from None
    if not found:
        raise SettingsError(
            f"{os.fspath(file)} is empty. Expected a secret in it. Make one, as with openssl rand -hex 32."
        )
    return found


class Disguise:
    """Look at every batch, settle, then put every batch in disguise.

    secret: what pseudonyms and masks follow from, with the data itself; None for one that is drawn and
    forgotten.
    personal: whether personal data is replaced, too; secrets are masked in any case.
    rules: what the user knows besides; locale: Faker's.
    """

    def __init__(
        self,
        secret: bytes | None = None,
        *,
        personal: bool = False,
        rules: Sequence[Rule] = (),
        locale: str = "en_US",
    ) -> None:
        self._personal = personal
        self._locale = locale
        self._rules = tuple(rule for rule in rules if personal or rule.always)
        self._ruled = any(rule.kind is not None for rule in self._rules)
        self._clear = self._told = False
        self._found = Found()
        self._pseudonyms = Pseudonyms(secret or random.token_bytes(32), self._found, locale)
        self._looking = Walk(_Look(self), self._kind_of)
        self._replacing = Walk(_Replace(self), self._kind_of)

    @property
    def counts(self) -> Counter[Kind]:
        """How many distinct values of each kind were found."""
        return Counter(self._found.kinds.values())

    def look(self, batch: Batch, text: bytes | None = None) -> Sight:
        """Find what is in ``batch``, and say what was seen; ``text``: its calls as JSON, if there is such."""
        seen = Sight.CAUGHT if text is None or self._ruled else sight(text)
        if seen is Sight.CAUGHT or self._personal:
            self._clear, self._told = seen is not Sight.CAUGHT, False
            for call in batch.calls:
                _look(self._looking, call)
            if seen is Sight.CLEAR and self._told:
                seen = Sight.HIDDEN
        return seen

    def settle(self) -> None:
        """Every batch has been looked at: decide what stands for what."""
        self._found.settle()
        self._pseudonyms.settle()

    def concerns(self, text: bytes, seen: Sight) -> bool:
        """Whether :meth:`batch` may change the batch whose calls are ``text``, in which look saw ``seen``."""
        if not self._found.kinds:
            return False
        return seen is not Sight.CLEAR or self._found.anywhere(text)

    def batch(self, batch: Batch, seen: Sight = Sight.CAUGHT) -> Batch:
        """``batch`` without anything that was found; ``seen``: what look saw in it."""
        if not self._found.kinds:
            return batch
        id = None if batch.id is None else self.text(batch.id)
        self._clear = seen is not Sight.CAUGHT
        return Batch(tuple(_through(self._replacing, call) for call in batch.calls), id)

    def text(self, text: str) -> str:
        """``text`` without anything that was found."""
        self._clear = False
        return self._replacing.text(text) if self._found.kinds else text

    def _kind_of(self, key: str, fields: Mapping[str, Any], parent: str | None) -> Kind | None:
        told = next((rule for rule in self._rules if rule.names(key)), None) if self._rules else None
        kind = _told(told, fields[key]) if told else keys.kind_of(key, fields, parent, self._is_first_name)
        if kind is None or not (self._personal or kind is Kind.SECRET):
            return None
        self._told = True
        return kind

    def _is_first_name(self, word: str) -> bool:
        return self._personal and word.lower() in self._first_names

    @cached_property
    def _first_names(self) -> frozenset[str]:
        from fuzzharness.privacy.fakes import first_names  # Faker takes half a second to import

        return first_names(self._locale)

    def _by_form(self, text: str) -> Iterator[Span]:
        if not self._clear and holds_secret(text):
            yield from secrets(text)
        if self._ruled:
            yield from spans(self._rules, text)
        if self._personal:
            yield from personal(text)

    def _stays(self, text: str) -> bool:
        return is_mask(text) or kept(self._rules, text)


class _Look:
    """The visitor of the first pass: changes nothing."""

    def __init__(self, disguise: Disguise) -> None:
        self._disguise = disguise

    def text(self, text: str, kind: Kind | None) -> str:
        bare = text.strip()
        told = kind and fitting(kind, bare)
        if told and not (told is Kind.SECRET and is_placeholder(bare)):
            self._add(bare, told)
        for span in self._disguise._by_form(text):
            value = text[span.start : span.end]
            word = span.kind is Kind.SECRET and _WORD.fullmatch(value) is not None
            self._add(value, span.kind, local=word)
        return text

    def key(self, text: str) -> str:
        return self.text(text, None)

    def number(self, number: int, kind: Kind | None) -> int:
        told = kind and number > 9 and fitting(kind, str(number))
        if told and told in _NUMBERS:
            self._add(str(number), told)
        return number

    def _add(self, text: str, kind: Kind, *, local: bool = False) -> None:
        if kind is Kind.EMAIL:
            text = _unquoted(text)  # what is found is looked for as it is in URLs, too
        if not self._disguise._stays(text):
            self._disguise._found.add(text, kind, local=local)


class _Replace:
    """The visitor of the second pass."""

    def __init__(self, disguise: Disguise) -> None:
        self._disguise = disguise
        self._found = disguise._found

    def text(self, text: str, kind: Kind | None) -> str:
        return self._replaced(text, kind, True)

    def key(self, text: str) -> str:
        return self._replaced(text, None, False)

    def number(self, number: int, kind: Kind | None) -> int:
        text = str(number)
        told = kind in _NUMBERS or len(text) >= _LONG
        known = self._found.kinds.get(text) if told else None
        return int(self._disguise._pseudonyms.of(text, known)) if known in _NUMBERS else number

    def _replaced(self, text: str, kind: Kind | None, names: bool) -> str:
        if not self._found.kinds:
            return text
        parts, behind = [], 0
        for span in apart(self._spans(text, kind, names)):
            value = text[span.start : span.end]
            parts += [text[behind : span.start], self._disguise._pseudonyms.of(value, span.kind)]
            behind = span.end
        return "".join(parts) + text[behind:] if parts else text

    def _spans(self, text: str, kind: Kind | None, names: bool) -> Iterator[Span]:
        bare = text.strip()
        start = text.find(bare)
        known = self._found.kinds.get(bare)
        if known is not None and (kind is not None or self._found.is_whole(bare)):
            yield Span(start, start + len(bare), known)
        for span in self._disguise._by_form(text):
            known = self._found.kinds.get(text[span.start : span.end])
            if known is not None:
                yield Span(span.start, span.end, known)
        yield from self._found.in_text(text, names=names)


def _unquoted(mail: str) -> str:
    """``mail`` as it is outside of URLs, as far as its spellings there follow from that."""
    plain = unquote(mail)
    return plain if quote(plain, safe="") == mail else mail.replace("%40", "@")


def _told(rule: Rule, value: Any) -> Kind | None:
    """What a rule says of a field; what cannot be of its kind is replaced all the same."""
    odd = rule.kind is not None and isinstance(value, str) and fitting(rule.kind, value.strip()) is None
    return Kind.TEXT if odd else rule.kind


def _look(walk: Walk, call: Call) -> None:
    """Let ``walk``, which changes nothing, see ``call``."""
    if call.args is not None:
        walk.arguments(call.args, call.tool)
    for text in (call.id, call.invalid_args):
        if isinstance(text, str):
            walk.text(text)
    walk.value(call.result, None, call.tool)


def _through(walk: Walk, call: Call) -> Call:
    """``call`` as ``walk`` leaves it."""
    return replace(
        call,
        args=None if call.args is None else walk.arguments(call.args, call.tool),
        id=walk.text(call.id) if isinstance(call.id, str) else call.id,
        result=walk.value(call.result, None, call.tool),
        invalid_args=None if call.invalid_args is None else walk.text(call.invalid_args),
    )
