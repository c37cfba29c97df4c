"""Strategies from JSON schemas and from recordings: what is drawn, what it shrinks to, what is refused."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

import fuzzharness as fh
from fuzzharness import strategies

phases = [Phase.generate, Phase.shrink]
calm = settings(
    deadline=None, derandomize=True, database=None, phases=phases, suppress_health_check=list(HealthCheck)
)

TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["value"],
        }
    },
}
ORDER = {
    "type": "object",
    "properties": {
        "sku": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3}$"},
        "quantity": {"type": "integer", "minimum": 1, "maximum": 9},
        "status": {"enum": ["open", "paid"]},
        "address": {
            "type": "object",
            "properties": {"city": {"type": "string", "minLength": 1}, "zip": {"type": ["string", "null"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "tags": {
            "type": "array",
            "items": {"type": "string"},
            "minItems": 1,
            "maxItems": 2,
            "uniqueItems": True,
        },
    },
    "required": ["sku", "quantity"],
    "additionalProperties": False,
}
FORMATS = ("date", "time", "date-time", "email", "uuid", "ipv4", "ipv6", "no such format")
SCHEMAS: list[Any] = [
    {},
    True,
    {"type": "string"},
    {"type": "string", "minLength": 2, "maxLength": 3},
    {"type": "string", "pattern": "^a+b?$", "maxLength": 4},
    {"type": "string", "pattern": "[0-9]"},
    *(
        {"type": "string", "format": name}
        for name in ("date", "time", "date-time", "email", "uuid", "ipv4", "ipv6")
    ),
    {"type": "string", "format": "no such format"},
    {"type": "integer"},
    {"type": "integer", "minimum": 3, "exclusiveMaximum": 5},
    {"type": "integer", "exclusiveMinimum": 2.5, "maximum": 4.5},
    {"type": "integer", "multipleOf": 7, "minimum": 10},
    {"type": "integer", "multipleOf": 1.5, "minimum": 1, "maximum": 7},
    {"type": "integer", "minimum": 2**60},
    {"type": "number"},
    {"type": "number", "minimum": 0, "maximum": 1},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5},
    {"type": "number", "multipleOf": 0.01, "minimum": 0, "maximum": 3},
    {"type": "boolean"},
    {"type": "null"},
    {"type": ["integer", "null"]},
    {"enum": [1, "a", None, [2]]},
    {"type": "string", "enum": [1, "a", None]},
    {"const": {"a": 1}},
    {"minimum": 3},
    {"type": "array"},
    {"type": "array", "items": {"type": "integer"}, "minItems": 2},
    {"type": "array", "items": {"type": "integer"}, "minItems": 5},
    {"type": "array", "items": {"enum": [1, 2, 3]}, "uniqueItems": True},
    {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False},
    {"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "integer"}, "minItems": 3},
    {"type": "object"},
    {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1},
    {"type": "object", "required": ["a"]},
    {"type": "object", "properties": {"a": {}, "b": {}, "c": {}}, "minProperties": 2},
    {"type": "object", "properties": {"a": {}, "b": {}, "c": {}}, "maxProperties": 1},
    {"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 1}]},
    {"oneOf": [{"type": "object", "properties": {"kind": {"const": k}}, "required": ["kind"]} for k in "ab"]},
    {"type": "object", "properties": {"a": {"type": "integer"}}, "anyOf": [{"required": ["a"]}]},
    {"allOf": [{"type": "number", "minimum": 1}, {"type": "integer", "maximum": 3}]},
    {
        "allOf": [
            {"properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"properties": {"b": {"const": 1}}},
        ]
    },
    {"$ref": "#/definitions/a~1b", "definitions": {"a/b": {"$ref": "#/definitions/c"}, "c": {"const": 7}}},
    {"type": "object", "properties": {"a": {"$ref": "#/properties/b"}, "b": {"type": "integer"}}},
    {
        "type": "object",
        "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        "required": ["next"],
    },
    TREE,
    ORDER,
]


def valid(schema: Any) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )


@pytest.mark.long
@pytest.mark.parametrize("schema", SCHEMAS, ids=json.dumps)
def test_every_value_that_is_drawn_is_valid_and_json(schema: Any) -> None:
    validator = valid(schema)

    @settings(calm, max_examples=60)
    @given(strategies.from_schema(schema))
    def check(value: Any) -> None:
        validator.validate(value)
        json.dumps(value, allow_nan=False)

    check()


def shrunk(schema: Any, holds: Any = lambda _: True) -> Any:
    return find(strategies.from_schema(schema), holds, settings=settings(calm, max_examples=2_000))


@pytest.mark.parametrize(
    ("schema", "simplest"),
    [
        (ORDER, {"sku": "AA-000", "quantity": 1}),
        (TREE, {"value": 0}),
        ({"type": ["string", "null"]}, None),
        ({"type": "array", "items": {"type": "integer", "minimum": 3}, "minItems": 2}, [3, 3]),
        ({"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.25}, 0.25),
    ],
)
def test_it_shrinks_to_what_is_required_and_small(schema: Any, simplest: Any) -> None:
    assert shrunk(schema) == simplest


@pytest.mark.parametrize(
    ("schema", "holds"),
    [
        (ORDER, lambda order: set(order) == set(ORDER["properties"])),
        (TREE, lambda tree: any(node.get("children") == [] for node in tree.get("children", ()))),
        ({"type": "integer", "minimum": 1, "maximum": 9}, lambda n: n == 9),
        ({"type": "array", "items": {"type": "integer"}}, lambda items: len(items) == 3),
        ({"type": "integer", "minimum": 0, "maximum": 5, "nullable": True}, lambda n: n is None),
        ({"type": "integer", "minimum": 0, "exclusiveMinimum": True}, lambda n: n == 1),
    ],
)
def test_all_that_is_allowed_can_be_drawn(schema: Any, holds: Any) -> None:
    assert holds(shrunk(schema, holds))


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"not": {"type": "string"}}, "'not'"),
        ({"type": "object", "properties": {"a": {"if": {}}}}, "#/properties/a/if"),
        ({"type": "text"}, "'text' at #/type"),
        ({"$ref": "other.json#/x"}, "a place within the document"),
        ({"$ref": "#/$defs/none"}, "a place that there is"),
        ({"type": "string", "pattern": "("}, "a regular expression"),
        ({"type": "integer", "minimum": 3, "maximum": 2}, "some finite value"),
        (False, "some finite value"),
        ({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, "some finite value"),
        ({"allOf": [{"pattern": "a"}, {"pattern": "b"}]}, "two keywords pattern"),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]}, "some finite value"),
        (
            {"allOf": [{"properties": {"a": {}}, "additionalProperties": False}, {"properties": {"b": {}}}]},
            "additionalProperties",
        ),
        ({"anyOf": {}}, "a list"),
        (7, "a schema, an object"),
        ({"type": "integer", "minimum": "many"}, "a JSON schema"),
        ({"type": "object", "properties": ["a"]}, "a JSON schema"),
        ({"type": "string", "minLength": -1}, "a JSON schema"),
        ({"allOf": [{"$ref": "#"}]}, "a JSON schema"),
        ({"$ref": "#"}, "some finite value"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_its_place(schema: Any, says: str) -> None:
    with pytest.raises(fh.SettingsError, match=re.escape(says)) as caught:
        strategies.from_schema(schema)
    assert "Expected" in str(caught.value)


KEYWORDS = (
    *("type", "properties", "items", "required", "enum", "const", "anyOf", "allOf", "$ref", "pattern"),
    *("minimum", "maximum", "exclusiveMinimum", "multipleOf", "minLength", "maxLength", "minItems"),
    *("maxItems", "uniqueItems", "additionalProperties", "minProperties", "format", "a"),
)
LEAVES = st.sampled_from(
    ("integer", "string", "object", "array", "null", "#", "#/items", "a", 0, 1, -1, 2.5, True, None)
)


def parts(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=4)


ANY = st.dictionaries(st.sampled_from(KEYWORDS), st.recursive(LEAVES, parts, max_leaves=6), max_size=4)


@settings(calm, max_examples=400)
@given(ANY, st.data())
def test_of_any_document_valid_values_are_drawn_or_it_is_refused(schema: Any, data: st.DataObject) -> None:
    try:
        drawn = strategies.from_schema(schema)
    except fh.SettingsError:
        return
    value = data.draw(drawn)
    json.dumps(value, allow_nan=False)
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError:
        return
    valid(schema).validate(value)


def test_many_types_that_refer_to_each_other_are_read_at_once() -> None:
    names = [f"t{n}" for n in range(12)]
    every = {name: {"$ref": f"#/$defs/{name}"} for name in names}
    schema = {"$ref": "#/$defs/t0", "$defs": {name: {"properties": every} for name in names}}
    assert shrunk(schema) == {}


# -- batches -------------------------------------------------------------------------------------------


def place(sku, quantity, orders, note=None, **more):
    orders.append((sku, quantity, note, more))


def read(orders, limit=5):
    return orders[:limit]


TOOLS = fh.Toolbox({"place": place, "read": read})
WORLD = fh.World(orders=[])
DEFINITIONS = {
    "openai": [{"type": "function", "function": {"name": "place", "parameters": ORDER}}],
    "responses": [{"type": "function", "name": "place", "parameters": ORDER}],
    "anthropic": [{"name": "place", "input_schema": ORDER}],
    "mcp": [{"name": "place", "inputSchema": ORDER}],
    "by name": {"place": ORDER},
}


@pytest.mark.long
@pytest.mark.parametrize("schemas", DEFINITIONS.values(), ids=DEFINITIONS)
def test_calls_of_a_tool_are_drawn_as_its_definition_says(schemas: Any) -> None:
    validator = valid(ORDER)

    @settings(calm, max_examples=60)
    @given(strategies.batches(TOOLS, WORLD, tools=["place"], schemas=schemas))
    def check(batch: fh.Batch) -> None:
        for call in batch.calls:
            validator.validate(call.args)
            TOOLS.bind(call, ["orders"])

    check()


def test_strategies_that_are_given_go_before_a_schema() -> None:
    drawn = strategies.batches(
        TOOLS, WORLD, tools=["place"], schemas={"place": ORDER}, arguments={"sku": st.just("any")}
    )
    batch = find(drawn, lambda _: True, settings=calm)
    assert [call.args for call in batch.calls] == [{"sku": "any", "quantity": 1}] * 2


def test_what_a_schema_does_not_name_is_left_to_its_default() -> None:
    drawn = strategies.batches(TOOLS, WORLD, tools=["read"], schemas={"read": {"type": "object"}})
    batch = find(drawn, lambda _: True, settings=calm)
    assert [call.args for call in batch.calls] == [{}, {}]


@pytest.mark.parametrize("keyword", ["anyOf", "not", "maxProperties"])
def test_what_holds_of_all_arguments_at_once_is_refused(keyword: str) -> None:
    with pytest.raises(fh.SettingsError, match=keyword):
        strategies.batches(TOOLS, WORLD, tools=["place"], schemas={"place": {**ORDER, keyword: []}})


def test_what_is_no_definition_is_refused() -> None:
    with pytest.raises(fh.SettingsError, match="a tool's definition"):
        strategies.batches(TOOLS, WORLD, schemas=[{"name": "place"}])


# -- recorded values -----------------------------------------------------------------------------------

TRACE = fh.Trace(
    (
        fh.Batch((fh.Call("place", {"sku": "AA-001", "quantity": 2}), fh.Call("other", {"x": 1}))),
        fh.Batch(
            (fh.Call("place", {"sku": "BB-002", "quantity": 2}), fh.Call("place", None, invalid_args="{"))
        ),
    )
)


def test_batches_of_recorded_values_touch_what_the_recording_touched() -> None:
    drawn = strategies.batches(TOOLS, WORLD, tools=["place"], arguments=strategies.recorded(TRACE, TOOLS))
    seen = set()

    @settings(calm, max_examples=60)
    @given(drawn)
    def look(batch: fh.Batch) -> None:
        seen.update((call.args["sku"], call.args["quantity"]) for call in batch.calls if call.args)

    look()
    assert seen == {("AA-001", 2), ("BB-002", 2)}


def test_tools_of_a_recording_that_are_not_drawn_are_passed_over() -> None:
    own = {**strategies.recorded(TRACE), "place": {"sku": st.just("CC-003"), "quantity": st.just(1)}}
    for arguments in (strategies.recorded(TRACE), own):
        batch = find(strategies.batches(TOOLS, WORLD, tools=["place"], arguments=arguments), lambda _: True)
        assert {call.tool for call in batch.calls} == {"place"}
    with pytest.raises(fh.SettingsError, match="under 'other'"):
        strategies.batches(TOOLS, WORLD, tools=["place"], arguments={"other": {"x": st.just(1)}})


def test_each_tool_has_the_values_seen_there_and_shrinks_to_the_first() -> None:
    pool = strategies.recorded(TRACE)
    assert {tool: set(arguments) for tool, arguments in pool.items()} == {
        "place": {"sku", "quantity"},
        "other": {"x"},
    }
    assert find(pool["place"]["sku"], lambda _: True, settings=calm) == "AA-001"


def test_a_single_batch_or_several_will_do() -> None:
    assert (
        set(strategies.recorded(TRACE.batches[0]))
        == set(strategies.recorded(TRACE.batches))
        == {"place", "other"}
    )
