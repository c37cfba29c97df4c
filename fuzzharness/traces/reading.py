"""Reading: recordings on their way in, a batch at a time.

Decides the order of the work: folder (which files), stream and source (bytes to JSON documents that
know their place), conversation (documents to records), formats (which reader), reader (records to
batches), repeats (which of them are new). Holds one document at a time, never a recording.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from operator import itemgetter

from fuzzharness.errors import TraceError
from fuzzharness.model import Batch
from fuzzharness.traces.conversation import Record, records
from fuzzharness.traces.folder import files, size
from fuzzharness.traces.formats import named, recognise
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.place import Place
from fuzzharness.traces.reader import Reader
from fuzzharness.traces.repeats import Repeats
from fuzzharness.traces.source import documents
from fuzzharness.traces.stream import Stream, opened


class Reading(Iterator[Batch]):
    """The batches at ``paths``, in order, each under its own id if no other has it, else ``turn-N``."""

    def __init__(self, paths: Sequence[str], format: str | None, lenient: bool) -> None:
        self._forced = None if format is None else named(format, Place(paths[0]))
        self.files = list(dict.fromkeys(file for path in paths for file in files(path)))
        self._leniency = Leniency(lenient)
        self._repeats = Repeats()
        self._formats: dict[str, None] = {}
        self._done = 0
        self._stream: Stream | None = None
        self._batches = self._numbered()
        self.size = sum(map(size, self.files))

    def __next__(self) -> Batch:
        return next(self._batches)

    @property
    def format(self) -> str | None:
        """The name of the format, or of all formats seen so far, with commas between."""
        return ", ".join(self._formats) or None

    @property
    def file(self) -> str:
        """The file in which the latest batch stands."""
        return self._repeats.file

    @property
    def repeated(self) -> int:
        """How many batches were passed over so far, since they had been read before."""
        return self._repeats.repeated

    @property
    def skipped(self) -> int:
        """How many malformed parts a lenient reading has left out so far."""
        return self._leniency.skipped

    @property
    def complaints(self) -> tuple[str, ...]:
        """Why the first of these were left out."""
        return tuple(self._leniency.complaints)

    @property
    def consumed(self) -> int:
        """How many of the ``size`` bytes of all files have been read so far."""
        return self._done + (self._stream.consumed if self._stream else 0)

    def _numbered(self) -> Iterator[Batch]:
        found = self._all() if len(self.files) > 1 else self._one(self.files[0])
        taken: set[str] = set()
        for number, batch in enumerate(chain(found, self._repeats.rest()), 1):
            object.__setattr__(batch, "id", _free(batch.id, number, taken))  # nobody has it yet
            yield batch

    def _all(self) -> Iterator[Batch]:
        refused: TraceError | None = None
        for file in self.files:
            try:
                yield from self._one(file)
            except TraceError as error:
                self._leniency.leave_out()
                refused = refused or error
        if refused and not self._formats:
            raise refused

    def _one(self, file: str) -> Iterator[Batch]:
        self._stream = opened(file)
        try:
            found = records(documents(self._stream, self._leniency), self._leniency)
            reader, found = recognise(found, Place(file), self._forced)
            self._formats[reader.name] = None
            yield from self._read(reader, found, file)
        finally:
            self._stream.close()
            self._done += self._stream.size
            self._stream = None

    def _read(self, reader: Reader, found: Iterable[Record], file: str) -> Iterator[Batch]:
        for conversation, run in groupby(found, key=itemgetter(0)):
            batches = reader.batches(map(itemgetter(1), run), self._leniency)
            yield from self._repeats.pass_over(batches, conversation.whole, file)


def _free(id: str | None, number: int, taken: set[str]) -> str:
    name = id or f"turn-{number}"
    while name in taken:
        name, number = f"turn-{number}", number + 1
    taken.add(name)
    return name
