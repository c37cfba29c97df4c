"""The recorder: calls of live tools become a recording, as they happen.

Decides nothing itself: journal (how lines reach the file), turns (which batch a call belongs to), recording
(what the user holds), watched (a tool whose calls are recorded). Never changes what a tool returns or
raises.
"""

from fuzzharness.recorder.recording import Recording, record

__all__ = ["Recording", "record"]
