"""Values that a JSON schema allows, as the definitions of tools have them.

Decides what is drawn for a schema and what it shrinks to: required properties alone, short texts, small
numbers, the first of several choices. Looks nothing up outside the document. A keyword that asks for more
than is known here is refused, so that no value is drawn which the tool would have to refuse.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from hypothesis.strategies import SearchStrategy

from fuzzharness.errors import SettingsError
from fuzzharness.strategies.choices import allowed
from fuzzharness.strategies.formats import FORMATS
from fuzzharness.strategies.merging import merged
from fuzzharness.strategies.numbers import integer, number
from fuzzharness.strategies.values import ITEMS, JSON, TEXT

Schema = Mapping[str, Any]

_ROUNDS: Final = 2
"""So many references more than there are may be followed one within the other."""

_TYPES: Final = {
    "object": ("properties", "required", "additionalProperties", "minProperties", "maxProperties"),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "integer": (),
    "boolean": (),
    "null": (),
}
"""The types, and the keywords by which one is told where it is not named."""

_REFUSED: Final = (
    "not", "if", "then", "else", "contains", "minContains", "maxContains", "patternProperties",
    "propertyNames", "dependentRequired", "dependentSchemas", "dependencies", "unevaluatedProperties",
    "unevaluatedItems", "$dynamicRef", "$recursiveRef",
)  # fmt: skip


_UNREADABLE: Final = (
    TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, re.error, HypothesisException,
)  # fmt: skip
"""What a keyword that holds nonsense comes to."""

_WITHIN: Final = ("properties", "items", "prefixItems", "additionalProperties", "uniqueItems")
"""What is refused beside a choice of values."""


def from_schema(schema: Schema | bool) -> SearchStrategy[Any]:
    """Values that ``schema`` allows, made of what JSON has.

    schema: a JSON schema of draft 4 or later, or of OpenAPI, read from JSON. ``$ref`` may name places within
        it (``#/$defs/Item``), also itself: then a few levels are drawn. ``oneOf`` is drawn as ``anyOf``;
        objects get no properties beside those named, unless none is.

    Raises :class:`SettingsError` for a schema that cannot be read, one that allows nothing, and keywords that
    are not known: conditions, ``not``, ``contains``, ``patternProperties`` and their like.
    """
    with _readable(schema):
        values = _Document(schema).values(schema, "#")
        values.validate()
        if values.is_empty:
            raise _wrong("#", schema, "a schema that allows some finite value")
    return values


def properties(schema: Schema) -> dict[str, tuple[SearchStrategy[Any], bool, str]]:
    """What the arguments of a tool are drawn from: for each name the values, whether it is required, and a
    text that is equal for two properties that say the same. Raises as :func:`from_schema`.
    """
    with _readable(schema):
        document = _Document(schema)
        whole = document.whole(schema, "#")
        _check(whole, "#", (*_REFUSED, "anyOf", "oneOf", "minProperties", "maxProperties"))
        required = _list(whole.get("required", []), "#/required")
        named = {**dict.fromkeys(required, True), **whole.get("properties", {})}
        found = {name: document.values(each, f"#/properties/{name}") for name, each in named.items()}
        for name, values in found.items():
            values.validate()
            if values.is_empty:
                raise _wrong(f"#/properties/{name}", named[name], "a schema that allows some finite value")
    return {name: (values, name in required, repr(named[name])) for name, values in found.items()}


@contextmanager
def _readable(schema: Any) -> Iterator[None]:
    """Raise :class:`SettingsError` where a keyword holds what none can hold, or leads nowhere."""
    try:
        yield
    except _UNREADABLE as error:
        raise _wrong("#", schema, f"a JSON schema ({error or type(error).__name__})") from None


@dataclass(frozen=True, slots=True)
class _Document:
    """A schema with the places its references name; ``depth`` of them are being followed.

    ``known`` holds what was made already, by reference, depth and the keywords beside it.
    """

    root: Any
    depth: int = 0
    known: dict[tuple[str, int, str], SearchStrategy[Any]] = field(default_factory=dict)
    deepest: int = 0

    def __post_init__(self) -> None:
        deepest = self.deepest or len(set(_references(self.root))) + _ROUNDS
        object.__setattr__(self, "deepest", deepest)

    def values(self, schema: Any, where: str) -> SearchStrategy[Any]:
        """Values of a part of the document; none where a reference leads into itself too often."""
        if schema is True or schema == {}:
            return JSON
        if schema is False:
            return st.nothing()
        if not isinstance(schema, Mapping):
            raise _wrong(where, schema, "a schema, an object")
        _check(schema, where)
        if "$ref" in schema:
            return self._referred(schema, where)
        if "allOf" in schema:
            return self.values(self.whole(schema, where), where)
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                return self._one_of(schema, keyword, where)
        return self._plain(schema, where)

    def whole(self, schema: Schema, where: str) -> Schema:
        """``schema`` with its references and every ``allOf`` in one."""
        if "$ref" in schema:
            schema = _both(_less(schema, "$ref"), self._at(schema["$ref"], where), where)
            return self.whole(schema, where)
        if "allOf" not in schema:
            return schema
        result = _less(schema, "allOf")
        for n, part in enumerate(_list(schema["allOf"], f"{where}/allOf")):
            result = _both(result, self.whole(part, f"{where}/allOf/{n}"), where)
        return result

    def _referred(self, schema: Schema, where: str) -> SearchStrategy[Any]:
        ref = schema["$ref"]
        target = self._at(ref, where)
        if self.depth >= self.deepest:
            return st.nothing()
        beside = _less(schema, "$ref")
        key = ref, self.depth, repr(beside)
        if key not in self.known:
            inner = _both(beside, target, where) if isinstance(target, Mapping) else target
            self.known[key] = replace(self, depth=self.depth + 1).values(inner, ref)
        return self.known[key]

    def _at(self, ref: Any, where: str) -> Any:
        found = self.root
        if not isinstance(ref, str) or not ref.startswith("#"):
            raise _wrong(f"{where}/$ref", ref, 'a place within the document, as "#/$defs/Item"')
        for part in ref.removeprefix("#").removeprefix("/").split("/") if ref not in ("#", "#/") else ():
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
                found = found[int(name)]
            elif isinstance(found, Mapping) and name in found:
                found = found[name]
            else:
                raise _wrong(f"{where}/$ref", ref, "a place that there is in the document")
        return found

    def _one_of(self, schema: Schema, keyword: str, where: str) -> SearchStrategy[Any]:
        beside = _less(schema, keyword)
        parts = _list(schema[keyword], f"{where}/{keyword}")
        places = [f"{where}/{keyword}/{n}" for n in range(len(parts))]
        whole = [self.whole(part, at) if isinstance(part, Mapping) and beside else part
                 for part, at in zip(parts, places, strict=True)]  # fmt: skip
        both = [_both(beside, part, where) if isinstance(part, Mapping) else part for part in whole]
        return st.one_of([self.values(part, at) for part, at in zip(both, places, strict=True)])

    def _plain(self, schema: Schema, where: str) -> SearchStrategy[Any]:
        if schema.get("type") == []:
            return st.nothing()
        if "const" in schema:
            among = "enum" not in schema or schema["const"] in schema["enum"]
            return _chosen([schema["const"]] if among else [], schema, where)
        if "enum" in schema:
            return _chosen(_list(schema["enum"], f"{where}/enum"), schema, where)
        makers: dict[str, Callable[[Schema, str], SearchStrategy[Any]]] = {
            "object": self._object,
            "array": self._array,
            "string": _string,
            "number": lambda schema, _: number(schema),
            "integer": lambda schema, _: integer(schema),
            "boolean": lambda *_: st.booleans(),
            "null": lambda *_: st.none(),
        }
        kinds = _kinds(schema, where)
        return st.one_of([makers[kind](schema, where) for kind in kinds]) if kinds else JSON

    def _object(self, schema: Schema, where: str) -> SearchStrategy[Any]:
        named, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        least, most = schema.get("minProperties", 0), schema.get("maxProperties", math.inf)
        if not named and not schema.get("required"):
            values = self.values(others, f"{where}/additionalProperties")
            return st.dictionaries(TEXT, values, min_size=least, max_size=min(most, least + ITEMS))
        found = {name: self.values(each, f"{where}/properties/{name}") for name, each in named.items()}
        names = _list(schema.get("required", []), f"{where}/required")
        required = {name: found.get(name, JSON) for name in names}
        if any(values.is_empty for values in required.values()):
            return st.nothing()
        optional = {n: values for n, values in found.items() if n not in required and not values.is_empty}
        drawn = st.fixed_dictionaries(required, optional=optional)
        if least <= len(required) and most >= len(required) + len(optional):
            return drawn
        return drawn.filter(lambda value: least <= len(value) <= most)

    def _array(self, schema: Schema, where: str) -> SearchStrategy[Any]:
        least, items = schema.get("minItems", 0), schema.get("items", True)
        most = min(schema.get("maxItems", math.inf), max(ITEMS, least + 1))
        first = items if isinstance(items, list) else schema.get("prefixItems", [])
        rest = schema.get("additionalItems", True) if isinstance(items, list) else items
        heads = [self.values(each, f"{where}/items/{n}") for n, each in enumerate(first)]
        values = self.values(rest, f"{where}/items")
        unique = repr if schema.get("uniqueItems") else None
        if values.is_empty and least > len(heads):
            return st.nothing()
        room = max(0, most - len(heads)) if not values.is_empty else 0
        tail = st.lists(values, min_size=max(0, least - len(heads)), max_size=room, unique_by=unique)
        return st.tuples(st.tuples(*heads), tail).map(_joined) if heads else tail


def _joined(parts: tuple[tuple[Any, ...], list[Any]]) -> list[Any]:
    return [*parts[0], *parts[1]]


def _chosen(values: list[Any], schema: Schema, where: str) -> SearchStrategy[Any]:
    """Those of ``values`` that the other keywords allow."""
    _check(schema, where, _WITHIN)
    found = allowed(values, _kinds(schema, where) if "type" in schema else [], schema)
    return st.sampled_from(found) if found else st.nothing()


def _kinds(schema: Schema, where: str) -> list[str]:
    """The types that a schema allows; none where it does not say."""
    named = schema.get("type", ())
    kinds = [named] if isinstance(named, str) else list(named)
    kinds = kinds or [kind for kind, words in _TYPES.items() if any(word in schema for word in words)]
    unknown = [kind for kind in kinds if kind not in _TYPES]
    if unknown:
        raise _wrong(f"{where}/type", unknown[0], "one of " + ", ".join(_TYPES))
    nullable = ["null"] if schema.get("nullable") is True and kinds else []
    return sorted(dict.fromkeys([*kinds, *nullable]), key=lambda kind: kind != "null")


def _string(schema: Schema, where: str) -> SearchStrategy[Any]:
    least, most = schema.get("minLength", 0), schema.get("maxLength", math.inf)
    if "pattern" in schema:
        drawn = _matching(schema["pattern"], where)
    elif schema.get("format") in FORMATS:
        drawn = FORMATS[schema["format"]]
    else:
        return st.text(st.characters(codec="utf-8"), min_size=least, max_size=min(most, least + 20))
    return drawn.filter(lambda text: least <= len(text) <= most) if least or most < math.inf else drawn


def _matching(pattern: str, where: str) -> SearchStrategy[str]:
    """Texts that a regular expression finds something in, read as JavaScript reads it where Python can."""
    try:
        found = st.from_regex(re.compile(pattern, re.ASCII), alphabet=st.characters(codec="utf-8"))
        found.validate()
    except (re.error, TypeError, HypothesisException):
        raise _wrong(f"{where}/pattern", pattern, "a regular expression that Python can read, too") from None
    return found.filter(lambda text: not text.endswith("\n"))


def _references(value: Any) -> Iterator[str]:
    """What every ``$ref`` in a document names."""
    if isinstance(value, Mapping):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _references(item)


def _check(schema: Schema, where: str, refused: Sequence[str] = _REFUSED) -> None:
    for keyword in (keyword for keyword in refused if keyword in schema):
        raise _wrong(f"{where}/{keyword}", schema[keyword], f"a schema without {keyword!r} there")


def _both(one: Schema, other: Any, where: str) -> dict[str, Any]:
    if not isinstance(other, Mapping):
        raise _wrong(where, other, "a schema, an object, beside other keywords")
    try:
        return merged(one, other)
    except ValueError as error:
        raise _wrong(where, error, "keywords that can be put into one schema") from None


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise _wrong(where, value, "a list")
    return list(value)


def _less(schema: Schema, keyword: str) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != keyword}


def _wrong(where: str, value: object, expected: str) -> SettingsError:
    return SettingsError(
        f"the schema has {str(value)[:80]!r} at {where}. Expected {expected}. Change it there, or give "
        "arguments= with a strategy for that parameter."
    )
