"""Replay recorded tool-call batches of LLM agents under controlled interleavings.

Public names only, loaded when first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fuzzharness.access import Access as Access
    from fuzzharness.access import Step as Step
    from fuzzharness.errors import BatchError as BatchError
    from fuzzharness.errors import FuzzHarnessError as FuzzHarnessError
    from fuzzharness.errors import FuzzWarning as FuzzWarning
    from fuzzharness.errors import InstrumentError as InstrumentError
    from fuzzharness.errors import NetworkRefused as NetworkRefused
    from fuzzharness.errors import NotAsRecorded as NotAsRecorded
    from fuzzharness.errors import NotJudged as NotJudged
    from fuzzharness.errors import RaceFound as RaceFound
    from fuzzharness.errors import RecordingError as RecordingError
    from fuzzharness.errors import ReplayMismatch as ReplayMismatch
    from fuzzharness.errors import ScenarioError as ScenarioError
    from fuzzharness.errors import SettingsError as SettingsError
    from fuzzharness.errors import TokenError as TokenError
    from fuzzharness.errors import ToolError as ToolError
    from fuzzharness.errors import TraceError as TraceError
    from fuzzharness.errors import WorldError as WorldError
    from fuzzharness.exploration import explore as explore
    from fuzzharness.exploration import replay as replay
    from fuzzharness.finding import Certificate as Certificate
    from fuzzharness.finding import Comparison as Comparison
    from fuzzharness.finding import Deviation as Deviation
    from fuzzharness.finding import Escape as Escape
    from fuzzharness.finding import Execution as Execution
    from fuzzharness.finding import Fidelity as Fidelity
    from fuzzharness.finding import Finding as Finding
    from fuzzharness.finding import Match as Match
    from fuzzharness.finding import Mode as Mode
    from fuzzharness.finding import Report as Report
    from fuzzharness.finding import Verdict as Verdict
    from fuzzharness.model import Batch as Batch
    from fuzzharness.model import Call as Call
    from fuzzharness.model import Outcome as Outcome
    from fuzzharness.model import Raised as Raised
    from fuzzharness.model import Returned as Returned
    from fuzzharness.model import Trace as Trace
    from fuzzharness.model import Unfinished as Unfinished
    from fuzzharness.mutation import mutations as mutations
    from fuzzharness.recorder import Recording as Recording
    from fuzzharness.recorder import record as record
    from fuzzharness.report.terminal import render as render
    from fuzzharness.runtime.gate import atomic as atomic
    from fuzzharness.runtime.instrument import instrument as instrument
    from fuzzharness.schedule import Schedule as Schedule
    from fuzzharness.settings import Settings as Settings
    from fuzzharness.tools.toolbox import Toolbox as Toolbox
    from fuzzharness.traces import load_trace as load_trace
    from fuzzharness.world import World as World
    from fuzzharness.world.database import Database as Database
    from fuzzharness.world.directory import Directory as Directory
    from fuzzharness.world.environment import Environment as Environment
    from fuzzharness.world.http import Http as Http
    from fuzzharness.world.inplace import InPlace as InPlace
    from fuzzharness.world.rows import rows as rows

_HOME = {
    "access": ("Access", "Step"),
    "errors": (
        "BatchError",
        "FuzzHarnessError",
        "FuzzWarning",
        "InstrumentError",
        "NotJudged",
        "NetworkRefused",
        "NotAsRecorded",
        "RaceFound",
        "RecordingError",
        "ReplayMismatch",
        "ScenarioError",
        "SettingsError",
        "TokenError",
        "ToolError",
        "TraceError",
        "WorldError",
    ),
    "exploration": ("explore", "replay"),
    "finding": (
        "Certificate",
        "Comparison",
        "Deviation",
        "Escape",
        "Execution",
        "Fidelity",
        "Finding",
        "Match",
        "Mode",
        "Report",
        "Verdict",
    ),
    "model": ("Batch", "Call", "Outcome", "Raised", "Returned", "Trace", "Unfinished"),
    "mutation": ("mutations",),
    "recorder": ("Recording", "record"),
    "report.terminal": ("render",),
    "runtime.gate": ("atomic",),
    "runtime.instrument": ("instrument",),
    "schedule": ("Schedule",),
    "settings": ("Settings",),
    "tools.toolbox": ("Toolbox",),
    "traces": ("load_trace",),
    "world": ("World",),
    "world.database": ("Database",),
    "world.directory": ("Directory",),
    "world.environment": ("Environment",),
    "world.http": ("Http",),
    "world.inplace": ("InPlace",),
    "world.rows": ("rows",),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = sorted(_MODULE)


if not TYPE_CHECKING:  # a type checker would take every name for one of ours

    def __getattr__(name: str) -> Any:
        if name not in _MODULE:
            raise AttributeError(f"module 'fuzzharness' has no attribute {name!r}")
        value = getattr(import_module(f"fuzzharness.{_MODULE[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return list(__all__)
