"""LangSmith: exported runs, a list of them or one a line.

Decides what a run tells of calls: ``llm`` runs put out the message that asks for them, ``tool`` runs
execute them and mostly name the id. Tool runs without a message belong together by the step of
their graph, since each may have a parent of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from fuzzharness.model import Batch, Call
from fuzzharness.traces import arguments, history, provider
from fuzzharness.traces.assembly import assemble
from fuzzharness.traces.history import Histories, Unread
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import Node
from fuzzharness.traces.reader import Fit
from fuzzharness.traces.span import Chat, Execution, Part, Span
from fuzzharness.traces.times import moment_at

name = "langsmith-runs"

_OWN = ("dotted_order", "trace_id", "parent_run_id", "session_id", "child_run_ids", "inputs", "outputs")
_MESSAGES = ("messages", "input")


def fit(record: Node) -> Fit:
    """Certain by ``run_type`` beside another member that only runs have."""
    own = isinstance(record.get("run_type").value, str)
    return Fit.CERTAIN if own and any(not record.get(key).absent for key in _OWN) else Fit.NO


def batches(records: Iterable[Node], leniency: Leniency) -> Iterator[Batch]:
    """The batches of a recording; see :class:`fuzzharness.traces.reader.Reader`."""

    def parts(record: Node, histories: Histories) -> list[Part]:
        return _parts(record.object("a run, an object"), leniency, histories)

    return assemble(records, parts, leniency)


def _parts(run: Node, leniency: Leniency, histories: Histories) -> list[Part]:
    kind, span = run.name_at("run_type", "the type of the run"), _span(run)
    if kind == "tool":
        return [Execution(span, _ran(run, span))]
    if kind != "llm":
        return [span]
    put_out, given = _put_out(run), partial(_given, run, span, histories)
    return [span, Chat(span), *history.chat(span, put_out, given, histories, leniency)]


def _span(run: Node) -> Span:
    id = run.name_at("id", "the id of the run")
    return Span(
        run.name_at("trace_id", "the id of the trace") if run.has("trace_id") else id,
        id,
        run.name_at("parent_run_id", "the id of the parent run") if run.has("parent_run_id") else None,
        moment_at(run, "start_time", "the start of the run"),
        moment_at(run, "end_time", "the end of the run"),
        step=_step(run.get("extra").get("metadata").peek("langgraph_step")),
    )


def _step(value: Any) -> str | None:
    return str(value) if isinstance(value, int) else None


def _put_out(run: Node) -> list[Node]:
    """The messages that a model put out: LangChain's generations, else the output of a provider."""
    outputs = run.get("outputs")
    found = []
    for several in _items(outputs.get("generations")):
        chosen = several.items() if isinstance(several.value, list) else [several]
        found += [generation.get("message") for generation in chosen]
    choices = [choice.get("message") for choice in _items(outputs.get("choices"))]
    return found or choices or [outputs]


def _given(run: Node, span: Span, histories: Histories) -> Unread:
    """What is new in the input: a list of messages, or a list of such lists."""
    for place in _MESSAGES:
        found = _items(run.get("inputs").get(place))
        if len(found) == 1 and isinstance(found[0].value, list):
            return histories.listed(span, place, found[0])
        if found:
            return Unread(0, [message for one in found for message in (_items(one) or [one])])
    return Unread(0, [])


def _ran(run: Node, span: Span) -> Call:
    extra, error, outputs = run.get("extra"), run.get("error"), run.get("outputs")
    output = outputs.peek("output") if outputs.has("output") else outputs.value
    value, told, failed = (None, None, False) if output == {} else provider.result_of(output)
    if not error.absent:
        value = error.text("the error of the run, a string") if value is None else value
    args, invalid = _arguments(run.peek("inputs"))
    id = extra.peek("tool_call_id")
    id = id if isinstance(id, str) and id else told
    tool = run.name_at("name", "the name of the tool")
    failed = failed or not error.absent
    return Call(tool, args, id, value, failed, span.started_at, span.ended_at, invalid)


def _arguments(inputs: Any) -> arguments.Arguments:
    """The arguments, which stand in one text ``input`` where the tracer had nothing else."""
    if isinstance(inputs, dict) and inputs.keys() == {"input"}:
        inner = provider.unpacked(inputs["input"])
        if isinstance(inner, dict):
            return provider.given(inner)
    return provider.given(inputs)


def _items(node: Node) -> list[Node]:
    return node.items() if isinstance(node.value, list) else []
