"""Recordings to recordings: any format in, fuzzharness' own out, with only what replays need.

Decides the order of the work: read, select, look for what is private, settle, disguise, write. Runs no
tool.
"""

from fuzzharness.importing.importing import Disguising, Progress, Summary, import_recordings
from fuzzharness.importing.selection import Selection

__all__ = ["Disguising", "Progress", "Selection", "Summary", "import_recordings"]
