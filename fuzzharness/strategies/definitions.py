"""Definitions of tools, as requests and servers list them: the schema of the arguments by the tool's name.

Decides where in a definition name and schema stand. Reads no schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fuzzharness.errors import SettingsError

Schema = Mapping[str, Any]
Schemas = Mapping[str, Schema] | Iterable[Mapping[str, Any]]

_KEYS = ("parameters", "input_schema", "inputSchema")
"""Of OpenAI, of Anthropic, of MCP."""


def schemas_of(given: Schemas) -> dict[str, Schema]:
    """Schemas by the name of their tool, from such a mapping or from definitions of tools.

    Raises :class:`SettingsError` for what is no definition.
    """
    if isinstance(given, Mapping):
        return dict(given)
    return dict(map(_named, given))


def _named(definition: Any) -> tuple[str, Schema]:
    inner = definition.get("function", definition) if isinstance(definition, Mapping) else {}
    schema = next((inner[key] for key in _KEYS if key in inner), None)
    if not isinstance(inner.get("name"), str) or not isinstance(schema, Mapping):
        raise SettingsError(
            f"schemas= has {str(definition)[:80]!r}. Expected a tool's definition with its name and one of "
            f"{', '.join(_KEYS)}, or a schema under the name of its tool. Write {{'add_credit': schema}}."
        )
    return inner["name"], schema
