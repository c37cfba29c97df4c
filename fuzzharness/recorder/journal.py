"""Journal: a recording that is being written, one whole line at a time.

Decides who may write (one process, told by a lock that the system drops when the process dies) and when a
line is safe: it has left the process before the call goes on, so a process that is killed loses none. Knows
nothing of calls.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from fuzzharness.errors import RecordingError
from fuzzharness.traces.native_lines import header

try:
    import fcntl
except ImportError:  # not on Windows, where nothing then keeps two processes apart
    fcntl = None  # type: ignore[assignment]

_BLOCK: Final = 65_536


class Journal:
    """The file at ``path``, open for appending by this process alone.

    fsync: also wait for the disk after every line, so that nothing is lost if the machine stops; without it
        that may cost what the system had not written yet, some seconds.

    A recording of ours that is there is gone on with; half a line at its end is cut off. Raises
    :class:`RecordingError` where another process writes to it, where it is anything else, or where it
    cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str], fsync: bool = False) -> None:
        self.path = Path(path)
        self._fsync = fsync
        self._process = os.getpid()
        self._file: int | None = self._open()
        try:
            self._lock()
            self._end = self._continue()
            self.write(header())
        except BaseException:
            self.close()
            raise

    def write(self, line: str) -> None:
        """Append ``line``, newline included, all of it or nothing. Raises :class:`RecordingError`."""
        self.check()
        assert self._file is not None
        data = line.encode()
        try:
            done = 0
            while done < len(data):
                done += os.write(self._file, data[done:])
            if self._fsync:
                os.fsync(self._file)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, self._end)
            raise self._refused(f"a line cannot be written ({error.strerror})", "Make room there") from None
        self._end += len(data)

    def check(self) -> None:
        """Raise :class:`RecordingError` unless this process may write."""
        if self._file is None:
            raise self._refused("the recording is closed", "Call tools only while it is open")
        if os.getpid() != self._process:
            raise self._refused(
                f"it belongs to the process {self._process}, which forked this one",
                "Call fh.record in the new process, with a path of its own",
            )

    def close(self) -> None:
        """Let go of the file; may be called again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self) -> int:
        try:
            return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise self._refused(f"it cannot be opened ({error.strerror})", "Check the path") from None

    def _lock(self) -> None:
        if fcntl is None:
            return
        assert self._file is not None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise self._refused(
                "another recording is being written to it",
                "Give every process a path of its own, as f'session-{os.getpid()}.jsonl', and call fh.record "
                "once in it; fuzzharness import takes several files",
            ) from None

    def _continue(self) -> int:
        """Where to go on: behind the last whole line of the file."""
        assert self._file is not None
        first = os.pread(self._file, len(header()), 0)
        if not header().encode().startswith(first):
            raise self._refused("the file is there and is none of our recordings", "Give another path")
        end = os.fstat(self._file).st_size
        whole = self._behind_last_newline(end)
        if whole < end:
            os.ftruncate(self._file, whole)
        return whole

    def _behind_last_newline(self, end: int) -> int:
        assert self._file is not None
        while end > 0:
            begin = max(0, end - _BLOCK)
            found = os.pread(self._file, end - begin, begin).rfind(b"\n")
            if found >= 0:
                return begin + found + 1
            end = begin
        return 0

    def _refused(self, seen: str, advice: str) -> RecordingError:
        return RecordingError(f"{self.path}: {seen}. Expected a recording that one process writes. {advice}.")
