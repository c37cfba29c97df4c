"""Expectation: what the report of a batch must say.

Decides whether a report is as expected. Never runs anything and never renders a report.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fuzzharness.finding import Finding, Report, Verdict


@dataclass(frozen=True, slots=True)
class Expectation:
    """The ``[expect]`` table of a scenario; what is None may be anything.

    ``mode``, ``anomaly``, ``calls`` and ``preemptions`` must hold of one and the same finding that
    is not benign. Without any field: no batch may be unsafe. Where nothing was compared, only a
    verdict of inconclusive is as expected.
    """

    verdict: str | None = None
    mode: str | None = None
    anomaly: str | None = None
    calls: int | None = None
    preemptions: int | None = None

    @property
    def of_finding(self) -> dict[str, str | int]:
        """What is expected of a finding, by field."""
        names = ("mode", "anomaly", "calls", "preemptions")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def disappointments(self, report: Report) -> tuple[str, ...]:
        """One line for each expectation that does not hold."""
        return tuple(self._disappointments(report))

    def _disappointments(self, report: Report) -> Iterator[str]:
        got = report.verdict.value
        wanted = self.of_finding
        if not report.compared and Verdict.INCONCLUSIVE.value == got != self.verdict:
            yield " ".join(["nothing was compared:", *report.reasons[:1]])
        if self.verdict is None and not wanted and report.verdict is Verdict.UNSAFE:
            yield f"expected no finding, got {_found(report)}"
        if self.verdict is not None and self.verdict != got:
            yield f"expected verdict {self.verdict}, got {got}"
        if wanted and not any(features(f).items() >= wanted.items() for f in report.findings if not f.benign):
            yield f"expected a finding with {_listed(wanted)}, got {_found(report)}"


def features(finding: Finding) -> dict[str, str | int]:
    """What can be expected of a finding, by field."""
    return {
        "mode": finding.mode.value,
        "anomaly": finding.anomaly,
        "calls": len(finding.calls),
        "preemptions": finding.schedule.preemptions,
    }


def _found(report: Report) -> str:
    grave = [f for f in report.findings if not f.benign] or report.findings
    return "; ".join(_listed(features(finding)) for finding in grave) or "none"


def _listed(wanted: dict[str, str | int]) -> str:
    return ", ".join(f"{name} {value}" for name, value in wanted.items())
