"""A name for a finding that stays the same from night to night.

Decides what makes two findings the same: mode, anomaly, the tools, the places in the world. Line
numbers, values and ids of calls do not count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from fuzzharness.literal import literal
from fuzzharness.oracle.judge import Diagnosis


def fingerprint(diagnosis: Diagnosis, tools: Sequence[str]) -> str:
    """Twelve hex digits for a diagnosis on calls to ``tools``."""
    events = diagnosis.witness.events if diagnosis.witness is not None else ()
    places = sorted({f"{e.resource}/{_told(e.key[0]) if e.key else ''}" for e in events})
    parts = [diagnosis.mode.value, diagnosis.anomaly, *sorted(tools), *places]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _told(part: object) -> str:
    return part if isinstance(part, str) else literal(part)
