"""What may be said of a report: the verdict, the size of a finding, how far it is known to be minimal.

Decides the wording, and that nothing is claimed that was not shown: "verified" only for an exhausted
search without escapes, "minimal" only with a proof. Never renders.
"""

from __future__ import annotations

from collections.abc import Iterator

from fuzzharness.finding import Certificate, Finding, Report, Verdict
from fuzzharness.report.text import count, paragraph, printable

REPLAYED = "replayed, not searched"
"""The method of a certificate that makes no claim: one schedule was replayed."""


def verdict_line(report: Report) -> str:
    """One line: the verdict and what it rests on."""
    if report.verified:
        return f"VERIFIED safe: every interleaving was run and none differs ({basis(report)})"
    if report.verdict is Verdict.UNSAFE:
        return f"UNSAFE: {count(len(serious(report)), 'finding')} ({basis(report)})"
    word = report.verdict.name
    return f"{word}, not verified: no interleaving that was run differs ({basis(report)})"


def basis(report: Report) -> str:
    """How many runs, by which strategy, and what they cover."""
    parts = [count(report.executions, "run"), f"strategy {report.strategy}"]
    if report.blocked:
        parts.append(f"{report.blocked:,} cut off as redundant")
    if report.serial_orders:
        parts.append(f"judged against {count(report.serial_orders, 'serial order')}")
    return printable("; ".join([*parts, report.coverage] if report.coverage else parts))


def remarks(report: Report) -> Iterator[str]:
    """Why the verdict is not firmer, what else to know, and what was touched outside the world."""
    yield from (f"because {paragraph(reason)}" for reason in report.reasons)
    yield from (f"note: {paragraph(note)}" for note in report.notes)
    yield from (f"outside the world: {printable(str(escape))}" for escape in report.escapes)


def serious(report: Report) -> tuple[Finding, ...]:
    """The findings that make a batch unsafe: the benign ones only where they alone do."""
    grave = tuple(finding for finding in report.findings if not finding.benign)
    return grave or (report.findings if report.verdict is Verdict.UNSAFE else ())


def headline(finding: Finding) -> str:
    """``shared-state, lost-update: 2 calls, 1 preemption``, and whether it is benign."""
    size = f"{count(len(finding.calls), 'call')}, {count(finding.schedule.preemptions, 'preemption')}"
    benign = " (benign: only the order of a collection or generated ids differ)" if finding.benign else ""
    return f"{finding.mode.value}, {printable(finding.anomaly)}: {size}{benign}"


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
