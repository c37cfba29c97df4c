"""What may be said of a report: the verdict, the size of a finding, how far it is known to be minimal.

Decides the wording, and that nothing is claimed that was not shown: "verified" only for an exhausted
search without escapes, "minimal" only with a proof. Never renders.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from fuzzharness.access import MISSING
from fuzzharness.finding import Certificate, Comparison, Deviation, Fidelity, Finding, Report, Verdict
from fuzzharness.report.text import count, dotted, paragraph, printable, shown

REPLAYED = "replayed, not searched"
"""The method of a certificate that makes no claim: one schedule was replayed."""

UNJUDGED = Counter({"batch": 1, "unjudged batch": 1})
"""What a sum counts of a batch that an error ended: there is no report of it."""

_PLACES = 3
"""So many places of a result that differs are told."""

_COUNTED = ("batch", "finding", "inconclusive batch", "unjudged batch", "run")


def verdict_line(report: Report) -> str:
    """One line: the verdict and what it rests on."""
    if report.verdict is Verdict.UNSAFE:
        return f"UNSAFE: {count(len(serious(report)), 'finding')} ({basis(report)})"
    differs = "none differs, but for order or generated ids" if report.findings else "none differs"
    if report.verified:
        return f"VERIFIED safe: every interleaving is covered and {differs} ({basis(report)})"
    if not report.compared:
        return f"{report.verdict.name}: nothing was compared"
    return f"{report.verdict.name}, not verified: of the runs made {differs} ({basis(report)})"


def basis(report: Report) -> str:
    """How much was run, by which strategy, and what it was judged against."""
    parts = [printable(report.coverage) or count(report.executions, "run")]
    if f"({report.strategy})" not in report.coverage:
        parts.append(f"strategy {report.strategy}")
    if report.blocked:
        parts.append(f"{count(report.blocked, 'run')} cut off as redundant")
    if report.serial_orders:
        parts.append(f"judged against {count(report.serial_orders, 'serial order')}")
    return "; ".join(parts)


def remarks(report: Report) -> Iterator[str]:
    """Why the verdict is not firmer, what else to know, where the replay is not the recording, and what
    was touched outside the world.
    """
    yield from (f"because {paragraph(reason)}" for reason in report.reasons)
    yield from (f"note: {paragraph(note)}" for note in report.notes)
    yield from fidelity_line(report.fidelity)
    told = "\n".join(report.reasons)
    for escape in map(str, report.escapes):
        if escape not in told:
            yield f"outside the world: {printable(escape)}"


def fidelity_line(fidelity: Fidelity) -> Iterator[str]:
    """One line if some call in recorded order does not give what was recorded, else none."""
    if not fidelity.differing:
        return
    results = count(fidelity.compared, "recorded result")
    more = len(fidelity.differing) - 1
    others = f", and {count(more, 'other call')}" if more else ""
    yield (
        f"fidelity {fidelity.same} of {results} ({fidelity.rate:.0%}): {deviation(fidelity.differing[0])}"
        f"{others}. {_cause(fidelity.happened)}"
    )


def _cause(happened: Finding | None) -> str:
    if happened is None:
        return "The world or the tools are not what was recorded"
    told = "its calls took effect in another order" if happened.benign else "the race happened"
    return (
        f"The recording ended as in the finding {happened.anomaly} {happened.schedule.notation} "
        f"({happened.schedule.token}): {told}"
    )


def deviations(fidelity: Fidelity) -> tuple[str, ...]:
    """For each call that does not give what was recorded: where, and what instead.

    None where the recording ended as a finding does: then world and tools are those of the recording.
    """
    if fidelity.happened is not None:
        return ()
    return tuple(f"not as recorded: {deviation(call)}" for call in fidelity.differing)


def deviation(comparison: Comparison) -> str:
    """``call_b get_balance differs at balance: recorded 130, replayed 120``; the first places of many."""
    places = comparison.deviations[:_PLACES]
    told = "; ".join(map(_told, places))
    colon = " " if places and places[0].path else ": "
    left = len(comparison.deviations) - len(places)
    more = f"; and {count(left, 'more place')}" if left else ""
    name = f"{printable(comparison.call)} {printable(comparison.tool)}"
    return f"{name} {comparison.match.value}{colon}{told}{more}"


def _told(place: Deviation) -> str:
    at = f"at {dotted(place.path)}: " if place.path else ""
    return f"{at}recorded {_value(place.recorded)}, replayed {_value(place.replayed)}"


def _value(value: object) -> str:
    return "nothing" if value is MISSING else shown(value)


def serious(report: Report) -> tuple[Finding, ...]:
    """The findings that make a batch unsafe: the benign ones only where they alone do."""
    grave = tuple(finding for finding in report.findings if not finding.benign)
    return grave or (report.findings if report.verdict is Verdict.UNSAFE else ())


def headline(finding: Finding) -> str:
    """``shared-state, lost-update: 2 calls, 1 preemption``, and whether it is benign."""
    size = f"{count(len(finding.calls), 'call')}, {count(finding.schedule.preemptions, 'preemption')}"
    benign = " (benign: only the order of a collection or generated ids differ)" if finding.benign else ""
    names = dict.fromkeys((finding.mode.value, printable(finding.anomaly)))
    return f"{', '.join(names)}: {size}{benign}"


def certified(certificate: Certificate) -> str:
    """How far the interleaving is known to be the smallest, and how."""
    method = printable(certificate.method)
    if certificate.method == REPLAYED:
        return method
    word = "minimal (proven)" if certificate.proven else "locally minimal"
    return f"{word}: {method}" if method else word


def schedule_line(finding: Finding) -> str:
    """The schedule in both notations, and whether its order alone does the harm."""
    schedule = finding.schedule
    line = f"{schedule.notation}   ({schedule.digits})"
    return line if schedule.preemptions else line + "   no call is interrupted: the order alone does it"


def tally(report: Report) -> Counter[str]:
    """What a sum over many batches counts of one."""
    return Counter(
        {
            "batch": 1,
            "finding": len(serious(report)),
            "inconclusive batch": int(report.verdict is Verdict.INCONCLUSIVE),
            "run": report.executions,
        }
    )


def tallied(counted: Mapping[str, int]) -> str:
    """``3 batches, 1 finding, 36 runs``, from the sum of :func:`tally` and :data:`UNJUDGED`."""
    if not counted:
        return "the schedule to replay is for none of the batches that were run"
    told = [noun for noun in _COUNTED if counted.get(noun) or noun == "finding"]
    return ", ".join(count(counted.get(noun, 0), noun) for noun in told)
