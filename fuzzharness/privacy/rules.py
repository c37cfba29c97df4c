"""Rules: what the user knows of the data that no key and no form tells.

Decides how a rule is written, on the command line or in a TOML file, and when it applies.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, Final

from fuzzharness.errors import SettingsError
from fuzzharness.privacy.keys import spelled
from fuzzharness.privacy.kind import Kind
from fuzzharness.privacy.span import Span

_WAYS: Final = ("key", "pattern", "value")
_KINDS: Final = (*(kind.value for kind in Kind), "keep")


@dataclass(frozen=True, slots=True)
class Rule:
    """What ``way`` finds by ``what`` is of ``kind``; None: it is to stay.

    way: ``key`` (a glob over names of fields, ``member*``), ``pattern`` (a regular expression, found
        anywhere in a text) or ``value`` (a text, as it is).
    """

    kind: Kind | None
    way: str
    what: str

    @property
    def always(self) -> bool:
        """Whether it holds without personal data being replaced, as what is about secrets does."""
        return self.kind in (None, Kind.SECRET)

    def spans(self, text: str) -> Iterator[Span]:
        """Where in ``text`` a pattern or a value of this rule is."""
        if self.kind is None or self.way == "key":
            return
        pattern = self.what if self.way == "pattern" else re.escape(self.what)
        for match in re.finditer(pattern, text):
            if match[0]:
                yield Span(match.start(), match.end(), self.kind)

    def names(self, key: str) -> bool:
        """Whether it is about the field ``key``, as written or with its words apart (``first_name``)."""
        return self.way == "key" and (fnmatchcase(key, self.what) or fnmatchcase(spelled(key), self.what))

    def keeps(self, text: str) -> bool:
        """Whether ``text``, all of it, is to stay."""
        if self.kind is not None or self.way == "key":
            return False
        return text == self.what if self.way == "value" else re.fullmatch(self.what, text) is not None


def rule(text: str) -> Rule:
    """The rule that ``text`` says: ``KIND:key=GLOB``, ``KIND:pattern=REGEX`` or ``KIND:value=TEXT``.

    Raises :class:`SettingsError`.
    """
    kind, colon, rest = text.partition(":")
    way, equals, what = rest.partition("=")
    if not colon or not equals:
        raise SettingsError(
            f"the rule is {text!r}. Expected KIND:key=GLOB, KIND:pattern=REGEX or KIND:value=TEXT, as in "
            "'name:key=member*'. Write it like that."
        )
    return _rule(kind.strip(), way.strip(), what, f"the rule {text!r}")


def rules_from(path: str | os.PathLike[str]) -> tuple[Rule, ...]:
    """The rules of a TOML file: tables ``[[rule]]`` with ``kind`` and one of ``key``, ``pattern``, ``value``.

    Raises :class:`SettingsError`.
    """
    where = os.fspath(path)
    try:
        with open(path, "rb") as stream:
            tables = tomllib.load(stream)
    except OSError as error:
        raise SettingsError(f"{where} cannot be read: {error.strerror}. Expected rules. Check it.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{where} is not TOML: {error}. Expected tables [[rule]]. Correct it.") from None
    found = tables.pop("rule", None)
    if tables or not isinstance(found, list) or not all(isinstance(table, dict) for table in found):
        raise SettingsError(
            f"{where} has {', '.join(tables) or 'no tables [[rule]]'}. Expected tables [[rule]] alone, each "
            "with kind and key, pattern or value. Correct it."
        )
    return tuple(_from_table(table, f"{where}: rule {n}") for n, table in enumerate(found, 1))


def kept(rules: Sequence[Rule], text: str) -> bool:
    """Whether one of ``rules`` wants ``text`` to stay."""
    return any(rule.keeps(text) for rule in rules)


def spans(rules: Iterable[Rule], text: str) -> Iterator[Span]:
    """What the patterns and values of ``rules`` find in ``text``."""
    for rule in rules:
        yield from rule.spans(text)


def _from_table(table: Mapping[str, Any], where: str) -> Rule:
    ways = [way for way in _WAYS if way in table]
    if (
        len(ways) != 1
        or set(table) != {"kind", ways[0]}
        or not all(isinstance(v, str) for v in table.values())
    ):
        raise SettingsError(
            f"{where} has {', '.join(table) or 'nothing'}. Expected kind and one of {', '.join(_WAYS)}, all "
            "of them texts. Correct it."
        )
    return _rule(table["kind"], ways[0], table[ways[0]], where)


def _rule(kind: str, way: str, what: str, where: str) -> Rule:
    _one_of(kind, _KINDS, f"{where} has the kind")
    _one_of(way, _WAYS, f"{where} has")
    if not what:
        raise SettingsError(f"{where} has no {way}. Expected one that is not empty. Write what it is about.")
    if way == "pattern":
        try:
            re.compile(what)
        except re.error as error:
            raise SettingsError(
                f"{where} has the pattern {what!r}: {error}. Expected a regular expression. Correct it."
            ) from None
    return Rule(None if kind == "keep" else Kind(kind), way, what)


def _one_of(word: str, known: Sequence[str], seen: str) -> None:
    if word not in known:
        near = get_close_matches(word, known, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise SettingsError(f"{seen} {word!r}.{hint} Expected one of: {', '.join(known)}. Correct it.")
