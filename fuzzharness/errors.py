"""Every error fuzzharness raises on its own account.

Decides nothing. One base class; each message is a paragraph that says what was seen, what was
expected and what to do next.
"""

from __future__ import annotations


class FuzzHarnessError(Exception):
    """Base of all errors raised by fuzzharness itself, never by a tool."""


class TraceError(FuzzHarnessError):
    """A recording cannot be read; the message names the file and the line or path."""


class RecordingError(FuzzHarnessError):
    """A recording cannot be written: its file is another process's, no recording of ours, or closed, or its
    ``resources`` are no parameters of the tools.
    """


class BatchError(FuzzHarnessError):
    """A batch cannot be explored: it is empty, or two of its calls bear one id."""


class ToolError(FuzzHarnessError):
    """A call does not fit the toolbox: unknown tool, missing or unexpected argument."""


class WorldError(FuzzHarnessError):
    """A resource cannot be set up, watched or restored."""


class InstrumentError(FuzzHarnessError):
    """A module cannot be instrumented: it is not imported, or not the application's."""


class NetworkRefused(FuzzHarnessError, ConnectionRefusedError):
    """A call would have left the machine; the message names the host."""


class SettingsError(FuzzHarnessError):
    """A setting is unknown or out of range."""


class ScenarioError(FuzzHarnessError):
    """A scenario file cannot be read; the message names the file and the key."""


class TokenError(FuzzHarnessError):
    """A schedule token is damaged, of another version, or of another batch."""


class ReplayMismatch(FuzzHarnessError):
    """A schedule could not be followed; the message names the first step that differs."""


class NotJudged(FuzzHarnessError):
    """Nothing can be said of a batch: its tools give two endings for one and the same order, or all its
    calls fail, unlike in the recording.
    """


class NotAsRecorded(FuzzHarnessError, AssertionError):
    """In recorded order a call gives another result than was recorded; raised under ``strict_replay``.

    ``report`` holds the whole :class:`fuzzharness.Report`.
    """

    def __init__(self, message: str, report: object = None) -> None:
        super().__init__(message)
        self.report = report


class FuzzWarning(UserWarning):
    """A batch was not judged to the end; the message says why. Given by the ``fuzz`` fixture."""


class RaceFound(FuzzHarnessError, AssertionError):
    """A batch has a finding that is not benign; raised by the ``fuzz`` fixture.

    ``report`` holds the whole :class:`fuzzharness.Report`.
    """

    def __init__(self, message: str, report: object = None) -> None:
        super().__init__(message)
        self.report = report
