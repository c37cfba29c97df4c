"""What an import came to, in a few lines.

Decides their words. Prints nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from fuzzharness.importing import Summary
from fuzzharness.privacy.kind import Kind
from fuzzharness.report.text import count, printable

_NOUNS = {Kind.IBAN: "IBAN", Kind.IP: "IP"}


def told(summary: Summary) -> Iterator[str]:
    """The lines that say what was read, kept, left out, flagged, replaced and written."""
    read = f"{_calls(summary.read, summary.read_calls)} ({', '.join(filter(None, summary.formats))})"
    yield f"read      {read}"
    yield f"kept      {_calls(summary.kept, summary.kept_calls)}"
    left = summary.left
    reasons = [(left.small, "too small"), (left.alike, "like one before"), (left.not_drawn, "not drawn")]
    if any(number for number, _ in reasons):
        yield "left out  " + ", ".join(f"{count(n, 'batch')} {why}" for n, why in reasons if n)
    if summary.before:
        before = _calls(summary.before, summary.before_calls)
        yield f"before    {before}, written only to be run before those kept, not explored"
    if summary.repeated:
        yield f"repeats   {count(summary.repeated, 'batch')} passed over, that had been read before"
    if summary.skipped:
        yield f"skipped   {count(summary.skipped, 'malformed part')}"
        yield from (f"  {printable(complaint)}" for complaint in summary.complaints)
        if summary.skipped > len(summary.complaints):
            yield f"  and {summary.skipped - len(summary.complaints):,} more"
    if summary.invalid:
        flagged = count(summary.invalid, "call")
        yield f"flagged   {flagged} with arguments that are no JSON object, or were not recorded: no replay"
    masked = summary.replaced.get(Kind.SECRET, 0)
    if masked:
        yield f"masked    {count(masked, 'secret')}"
    kinds = [kind for kind in Kind if kind is not Kind.SECRET and summary.replaced[kind]]
    if kinds:
        yield "replaced  " + ", ".join(
            f"{count(summary.replaced[kind], _NOUNS.get(kind, kind.value))}" for kind in kinds
        )
    yield f"wrote     {', '.join(printable(str(path)) for path in summary.written) or 'nothing'}"


def _calls(batches: int, calls: int) -> str:
    return f"{count(batches, 'batch')} of {count(calls, 'call')}"
