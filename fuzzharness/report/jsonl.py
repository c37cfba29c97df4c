"""The event stream as JSON lines, schema 1.

Decides the names and the order of fields. Every line is one object with ``schema``, ``kind`` and
``source`` (which batch of which file or test); the same exploration gives the same lines: no times,
no addresses, no folders of this machine. Never opens a file.

A value that JSON does not have is written as text. A place where there is nothing is left out, so
that ``null`` always means that a null was there.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from enum import Enum
from functools import singledispatch
from typing import Any

from fuzzharness.access import MISSING, Access, Place, Step
from fuzzharness.events import (
    SCHEMA,
    BaselineReached,
    Event,
    Finished,
    Found,
    OutcomeReached,
    Progressed,
    SerialProgressed,
    Started,
)
from fuzzharness.finding import (
    Change,
    Comparison,
    Deviation,
    Escape,
    Execution,
    Fidelity,
    Finding,
    Renamed,
    Report,
)
from fuzzharness.literal import literal, without_addresses
from fuzzharness.model import Batch, Call, Outcome, Raised, Result, Returned
from fuzzharness.report.text import portable
from fuzzharness.schedule import Schedule

DEEPEST = 40

Fields = dict[str, Any]


def line(event: Event, source: str) -> str:
    """``event`` as one line of JSON without a line break at its end."""
    fields = {"schema": SCHEMA, "kind": kind(event), "source": source, **_fields(event)}
    return json.dumps(safe(fields), ensure_ascii=True, allow_nan=False)


def kind(event: Event) -> str:
    """``baseline-reached`` for a BaselineReached, and so on."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", type(event).__name__).lower()


def safe(value: object, depth: int = 0) -> Any:
    """``value`` made of what JSON has: objects with text keys, arrays, text, numbers, true, false, null."""
    if value is None or isinstance(value, (bool, int)):
        return value if not isinstance(value, Enum) else safe(value.value, depth)
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if depth >= DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return _object(value, depth + 1)
    if isinstance(value, (list, tuple)):
        return [safe(part, depth + 1) for part in value]
    if isinstance(value, (set, frozenset)):
        return sorted((safe(part, depth + 1) for part in value), key=repr)
    return _as_text(value)


def call_fields(call: Call, label: str) -> Fields:
    """The call as recorded, under the label it has in the batch."""
    fields: Fields = {"id": label, "tool": call.tool, "args": call.args}
    return fields if call.invalid_args is None else {**fields, "invalid_args": call.invalid_args}


def batch_fields(batch: Batch) -> Fields:
    """The batch with its calls and the fingerprint that tokens refer to."""
    calls = [call_fields(c, label) for label, c in zip(batch.labels, batch.calls, strict=True)]
    return {"id": batch.id, "fingerprint": batch.fingerprint, "calls": calls}


def result_fields(result: Result) -> Fields:
    """How one call ended: exactly one of ``returned``, ``raised`` and ``unfinished``."""
    if isinstance(result, Returned):
        return {"returned": result.value}
    if isinstance(result, Raised):
        return {"raised": {"type": result.type, "message": result.message}}
    return {"unfinished": result.where}


def outcome_fields(outcome: Outcome) -> Fields:
    """The final state and each call's result."""
    return {
        "state": outcome.state,
        "results": {label: result_fields(result) for label, result in outcome.results.items()},
    }


def schedule_fields(schedule: Schedule) -> Fields:
    """The schedule in every notation, with its size."""
    return {
        "token": schedule.token,
        "notation": schedule.notation,
        "digits": schedule.digits,
        "preemptions": schedule.preemptions,
        "switches": schedule.switches,
    }


def execution_fields(execution: Execution) -> Fields:
    """Every step of a run, and the calls that never came back."""
    return {
        "steps": [_step_fields(step) for step in execution.steps],
        "stuck": [{"call": label, "where": where} for label, where in execution.stuck],
        "deadlock": execution.deadlock,
        "stalled": execution.stalled,
    }


def finding_fields(finding: Finding) -> Fields:
    """A finding whole: enough to draw any view of it."""
    return {
        "mode": finding.mode.value,
        "anomaly": finding.anomaly,
        "benign": finding.benign,
        "fingerprint": finding.fingerprint,
        "calls": finding.calls,
        "schedule": schedule_fields(finding.schedule),
        "certificate": dataclasses.asdict(finding.certificate),
        "diff": list(map(_change_fields, finding.diff)),
        "mapping": list(map(_renamed_fields, finding.mapping)),
        "explanation": finding.explanation,
        "outcome": outcome_fields(finding.outcome),
        "execution": execution_fields(finding.execution),
        "baseline": execution_fields(finding.baseline),
    }


def report_fields(report: Report) -> Fields:
    """What the exploration says; the findings only by fingerprint, each has an event of its own."""
    return {
        "verdict": report.verdict.value,
        "verified": report.verified,
        "exhausted": report.exhausted,
        "executions": report.executions,
        "blocked": report.blocked,
        "serial_orders": report.serial_orders,
        "strategy": report.strategy,
        "coverage": report.coverage,
        "outcomes": len(report.outcomes),
        "findings": [finding.fingerprint for finding in report.findings],
        "escapes": list(map(_escape_fields, report.escapes)),
        "reasons": report.reasons,
        "notes": report.notes,
        "fidelity": fidelity_fields(report.fidelity),
    }


def fidelity_fields(fidelity: Fidelity) -> Fields:
    """How the results in recorded order compare with the recorded ones; the rate is null if none is.

    ``happened`` is there where the recording ended as a finding does, and says which.
    """
    fields: Fields = {
        "rate": fidelity.rate,
        "compared": fidelity.compared,
        "same": fidelity.same,
        "calls": list(map(_comparison_fields, fidelity.calls)),
    }
    if fidelity.happened is None:
        return fields
    finding = fidelity.happened
    return {
        **fields,
        "happened": {"fingerprint": finding.fingerprint, "token": finding.schedule.token},
    }


@singledispatch
def _fields(event: Any) -> Fields:
    raise TypeError(f"no schema for the event {type(event).__name__}")


@_fields.register
def _(event: Started) -> Fields:
    return {"batch": batch_fields(event.batch), "settings": dataclasses.asdict(event.settings)}


@_fields.register
def _(event: SerialProgressed) -> Fields:
    return {"calls": event.calls, "orders": event.orders, "limit": event.limit}


@_fields.register
def _(event: BaselineReached) -> Fields:
    return {"orders": event.orders, "endings": event.endings, "outcome": outcome_fields(event.outcome)}


@_fields.register
def _(event: Progressed) -> Fields:
    return {"executions": event.executions, "limit": event.limit, "endings": event.endings}


@_fields.register
def _(event: OutcomeReached) -> Fields:
    return {
        "execution": event.execution,
        "token": event.token,
        "outcome": outcome_fields(event.outcome),
    }


@_fields.register
def _(event: Found) -> Fields:
    return {"finding": finding_fields(event.finding)}


@_fields.register
def _(event: Finished) -> Fields:
    return {"report": report_fields(event.report)}


def _step_fields(step: Step) -> Fields:
    return {"call": step.call, "accesses": list(map(_access_fields, step.accesses))}


def _access_fields(access: Access) -> Fields:
    fields: Fields = {"resource": access.resource, "key": list(access.key), "kind": access.kind.value}
    if access.value is not None:
        fields["value"] = access.value
    return {**fields, **_place_fields(access.place)}


def _place_fields(place: Place | None) -> Fields:
    if place is None:
        return {}
    return {"file": portable(place.file), "line": place.line, "function": place.function}


def _escape_fields(escape: Escape) -> Fields:
    return {"what": escape.what, "tool": escape.tool, **_place_fields(escape.place)}


def _comparison_fields(comparison: Comparison) -> Fields:
    return {
        "call": comparison.call,
        "match": comparison.match.value,
        "deviations": list(map(_deviation_fields, comparison.deviations)),
        "mapping": [_renamed_fields(renamed, "recorded", "replayed") for renamed in comparison.mapping],
    }


def _deviation_fields(deviation: Deviation) -> Fields:
    return {"path": list(deviation.path), "recorded": deviation.recorded, "replayed": deviation.replayed}


def _renamed_fields(renamed: Renamed, one: str = "baseline", other: str = "here") -> Fields:
    pairs = [{one: before, other: here} for before, here in renamed.pairs]
    return {"where": renamed.where, "what": renamed.what, "pairs": pairs, "text": str(renamed)}


def _change_fields(change: Change) -> Fields:
    return {"path": list(change.path), "baseline": change.baseline, "here": change.here}


def _object(value: Mapping[Any, Any], depth: int) -> Fields:
    there = {name: part for name, part in value.items() if part is not MISSING}
    names = {name: name if isinstance(name, str) else str(safe(name)) for name in there}
    if len(set(names.values())) < len(names):
        names = {name: literal(name) for name in there}
    return {safe(names[name]): safe(part, depth) for name, part in there.items()}


def _as_text(value: object) -> Any:
    if isinstance(value, Enum):
        return safe(value.value)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "backslashreplace")
    try:
        text = str(value)
    except Exception:
        text = f"<{type(value).__name__} that cannot be shown>"
    return without_addresses(text)
