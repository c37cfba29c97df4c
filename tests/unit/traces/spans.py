"""Spans to build recordings from, and the samples of formats of spans taken apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parent / "samples"

SPANS = [
    "otel-genai.jsonl",
    "otel-genai-legacy.jsonl",
    "openinference.jsonl",
    "langsmith-runs-toolnode.json",
    "langsmith-runs-create-agent.json",
    "langfuse-observations.json",
    "openai-agents-trace.jsonl",
]
"""The samples whose records may stand in any order."""


def records(sample: str) -> list[Any]:
    """The records of a sample; of OTLP one export for each span."""
    text = (SAMPLES / sample).read_text(encoding="utf-8")
    whole = json.loads(text) if sample.endswith(".json") else [json.loads(line) for line in text.splitlines()]
    return [part for record in whole for part in apart(record)]


def apart(record: Any) -> list[Any]:
    """An export of OTLP as one for each span, anything else as it is."""
    if "resourceSpans" not in record:
        return [record]
    spans = [
        span
        for resource in record["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    return [export(span) for span in spans]


def export(*spans: Any) -> dict[str, Any]:
    """One export of OTLP."""
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


def lines(values: list[Any]) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def value(of: Any) -> dict[str, Any]:
    """``of`` as a value of OTLP."""
    if isinstance(of, bool):
        return {"boolValue": of}
    if isinstance(of, int):
        return {"intValue": str(of)}
    if isinstance(of, list):
        return {"arrayValue": {"values": [value(item) for item in of]}}
    if isinstance(of, dict):
        return {"kvlistValue": {"values": attributes(of)}}
    return {"stringValue": of}


def attributes(of: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value(part)} for key, part in of.items()]


def span(id: str, at: int, parent: str | None = "root", **more: Any) -> dict[str, Any]:
    """A span of a trace that began ``at`` milliseconds and took ten; attributes with underscores dotted."""
    given = more.pop("attributes", {})
    found = {
        "traceId": "t1",
        "spanId": id,
        "startTimeUnixNano": str(at * 1_000_000),
        "endTimeUnixNano": str((at + 10) * 1_000_000),
        "attributes": attributes(given),
    }
    return found | ({"parentSpanId": parent} if parent else {}) | more


def chat(id: str, at: int, *calls: Any, **more: Any) -> dict[str, Any]:
    """The span of a model that asks for ``calls``, each an id, a tool, arguments."""
    parts = [{"type": "tool_call", "id": i, "name": tool, "arguments": args} for i, tool, args in calls]
    put_out = json.dumps([{"role": "assistant", "parts": parts}])
    given = {"gen_ai.operation.name": "chat"} | ({"gen_ai.output.messages": put_out} if calls else {})
    return span(id, at, attributes=given | more.pop("given", {}), **more)


def ran(id: str, at: int, call: str | None, tool: str = "add", **more: Any) -> dict[str, Any]:
    """The span that ran ``call``."""
    given: dict[str, Any] = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool}
    given |= {"gen_ai.tool.call.id": call} if call else {}
    return span(id, at, attributes=given | more.pop("given", {}), **more)
