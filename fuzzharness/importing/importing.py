"""Importing: the chain from recordings to one file of ours.

Decides what is read twice (nothing: what is kept waits on a spool) and what a batch is called afterwards.
Never prints; a listener hears of every batch that is read.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

from fuzzharness.errors import SettingsError, TraceError
from fuzzharness.importing.output import is_file, replacing
from fuzzharness.importing.selection import LeftOut, Reservoir, Selection, distinct
from fuzzharness.importing.skeleton import skeleton
from fuzzharness.importing.spool import Kept, Spool
from fuzzharness.model import Batch
from fuzzharness.privacy import Disguise
from fuzzharness.privacy.kind import Kind
from fuzzharness.privacy.rules import Rule
from fuzzharness.traces import native_lines, read_batches
from fuzzharness.traces.folder import files
from fuzzharness.traces.formats import READERS
from fuzzharness.traces.reading import Reading

SCENARIO: Final = ".scenario.toml"
_VALUE: Final = re.compile(r"found ((?:the|an?) (?:text|number|object|list))\b.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far reading is: in ``path``, ``batches`` so far, ``consumed`` of ``size`` bytes in all."""

    path: Path
    batches: int
    consumed: int
    size: int


Listener = Callable[[Progress], None]
Read = tuple[Batch, str]
"""A batch, and the name of its file."""


@dataclass(frozen=True, slots=True)
class Disguising:
    """What is replaced, see :class:`fuzzharness.privacy.Disguise`; as it is, secrets alone."""

    personal: bool = False
    secret: bytes | None = None
    rules: Sequence[Rule] = ()
    locale: str = "en_US"

    def start(self) -> Disguise:
        """Begin with nothing looked at."""
        return Disguise(self.secret, personal=self.personal, rules=self.rules, locale=self.locale)


@dataclass(slots=True)
class Summary:
    """What an import came to. ``invalid`` counts written calls whose arguments are not JSON; ``before`` the
    batches that are written only to be run before those kept. ``complaints`` say of the first parts that were
    skipped why.
    """

    formats: dict[str, None] = field(default_factory=dict)
    read: int = 0
    read_calls: int = 0
    kept: int = 0
    kept_calls: int = 0
    skipped: int = 0
    complaints: tuple[str, ...] = ()
    repeated: int = 0
    invalid: int = 0
    before: int = 0
    before_calls: int = 0
    left: LeftOut = field(default_factory=LeftOut)
    replaced: Counter[Kind] = field(default_factory=Counter)
    tools: set[str] = field(default_factory=set)
    written: list[Path] = field(default_factory=list)


def import_recordings(
    paths: Sequence[Path],
    output: Path,
    selection: Selection,
    disguising: Disguising,
    *,
    format: str | None = None,
    lenient: bool = False,
    scenario: bool = False,
    listener: Listener = lambda _: None,
) -> Summary:
    """Write what ``selection`` keeps of the recordings at ``paths`` to ``output``, in our own format.

    What is left out before a batch that is kept of the same session is written too, marked as to be run
    before it: a replay of that one would else begin in another state.

    Nothing is written if nothing is kept, or if it is interrupted. scenario: also write a scenario file
    beside it.

    Raises :class:`TraceError` where a recording cannot be read or has no batch, :class:`RecordingError`
    where the output cannot be written, and :class:`SettingsError` where it would take the place of one of
    the recordings.
    """
    beside = output.with_name(_title(output) + SCENARIO) if scenario else None
    _check_output(output, paths, beside)
    summary = Summary()
    disguise = disguising.start()
    with Spool(output.absolute().parent if is_file(output) else None) as spool:
        reading = read_batches(*paths, format=format, lenient=lenient)
        batches = _read(reading, paths, summary, listener)
        try:
            chosen = set(_chosen(_spooled(batches, spool, disguise), selection, summary))
        except TraceError:
            if not summary.read and format in {reader.name for reader in READERS}:
                _check_format(paths, format)
            raise
        disguise.settle()
        summary.complaints = tuple(map(_without_values, reading.complaints))
        if chosen:
            wanted = _wanted(spool, chosen)
            _write(wanted, output, beside, disguise, summary, several=len(reading.files) > 1)
    summary.replaced = disguise.counts
    return summary


def _check_output(output: Path, paths: Iterable[Path], beside: Path | None) -> None:
    if is_file(output) and output.exists() and any(_leads_to(path, output) for path in paths):
        raise SettingsError(
            f"{output} is one of the recordings that are imported. Expected another file, since that one "
            "would be gone. Give another with -o."
        )
    if beside is not None and not is_file(output):
        raise SettingsError(
            f"{output} is no file. Expected one for a scenario to stand beside. Give a file, or leave "
            "--scenario out."
        )
    if output.suffix.lower() == ".zst":
        raise SettingsError(
            f"{output} would be packed with zstd. Expected a name that ends in .jsonl or .jsonl.gz. "
            "Give one, and pack it afterwards."
        )
    if not output.absolute().parent.is_dir():
        raise SettingsError(f"there is no folder {output.parent}. Expected one for {output.name}. Make it.")
    if beside is not None and beside.exists():
        raise SettingsError(
            f"{beside} is there already. Expected to write it. Move it, or leave --scenario out."
        )


def _leads_to(path: Path, output: Path) -> bool:
    """Whether ``output`` is one of the files that ``path`` stands for."""
    return any(os.path.exists(file) and os.path.samefile(file, output) for file in files(os.fspath(path)))


def _without_values(complaint: str) -> str:
    """Where something was left out and what it was, but not what it held: that may be masked elsewhere."""
    return _VALUE.sub(r"found \1", complaint.partition(". Expected ")[0])


def _title(output: Path) -> str:
    name = output.stem if output.suffix.lower() == ".gz" else output.name
    return name.removesuffix(Path(name).suffix)


def _read(reading: Reading, paths: Sequence[Path], summary: Summary, listener: Listener) -> Iterator[Read]:
    known = {file: Path(file) for file in reading.files}
    for batch in reading:
        summary.read += 1
        summary.read_calls += len(batch.calls)
        path = known[reading.file]
        yield batch, path.name
        listener(Progress(path, summary.read, reading.consumed, reading.size))
    summary.skipped, summary.repeated = reading.skipped, reading.repeated
    summary.formats |= dict.fromkeys((reading.format or "").split(", "))
    if not summary.read:
        raise TraceError(
            f"there is no tool call in {', '.join(map(str, paths))}. Expected an assistant message with at "
            "least one. Give a recording of a session that calls tools."
        )


def _check_format(paths: Iterable[Path], format: str) -> None:
    """Say so if a recording without calls in the ``format`` it was to be read as is of another one."""
    for path in paths:
        found = _looks_like(path)
        if found not in (None, format):
            raise TraceError(
                f"{path} holds no tool call in the format {format}: it looks like {found}. Expected a "
                f"recording in the format that is named. Give --format {found}, or leave it out."
            ) from None


def _looks_like(path: Path) -> str | None:
    """The format in which a recording has a batch, None if it has none in any."""
    try:
        reading = read_batches(path, lenient=True)
        return None if next(reading, None) is None else reading.format
    except TraceError:
        return None


def _spooled(read: Iterable[Read], spool: Spool, disguise: Disguise) -> Iterator[Batch]:
    """Every batch, once it is on the spool; ``disguise`` sees all, for names that it tells only there."""
    for batch, file in read:
        calls = native_lines.calls(batch)
        invalid = sum(call.args is None for call in batch.calls)
        tools = tuple(call.tool for call in batch.calls)
        spool.put(Kept(calls, batch.id, file, batch.behind, disguise.look(batch, calls), tools, invalid))
        yield batch


def _chosen(batches: Iterable[Batch], selection: Selection, summary: Summary) -> Iterable[int]:
    """Which of ``batches`` are kept, counted from 0."""
    chosen = distinct(batches, selection, summary.left)
    if selection.sample is None:
        return chosen
    drawn: Reservoir[int] = Reservoir(selection.sample, selection.seed)
    for number in chosen:
        drawn.put(number)
    summary.left.not_drawn = drawn.missed
    return drawn


def _wanted(spool: Spool, chosen: Collection[int]) -> Iterator[tuple[Kept, bool]]:
    """The ``chosen`` batches, and, marked by True, those that lead to them, as far apart as they are now."""
    needed = set[int]()
    for number in chosen:
        while number >= 0 and number not in needed:
            needed.add(number)
            number = spool.leading_to(number)
    places = {number: place for place, number in enumerate(sorted(needed))}
    for number, kept in enumerate(spool):
        if number in needed:
            earlier = spool.leading_to(number)
            behind = 0 if earlier < 0 else places[number] - places[earlier]
            yield kept._replace(behind=behind), number not in chosen


def _write(
    wanted: Iterable[tuple[Kept, bool]],
    output: Path,
    beside: Path | None,
    disguise: Disguise,
    summary: Summary,
    *,
    several: bool,
) -> None:
    taken: set[str] = set()
    with replacing(output) as stream, nullcontext() if beside is None else replacing(beside) as other:
        stream.write(native_lines.header().encode())
        first = True
        for kept, before in wanted:
            told, name = disguise.text(f"{kept.id}"), disguise.text(kept.file)
            id = _free(f"{Path(name).stem}-{told}" if several else told, taken)
            source = {"file": name} if several else {"file": name, "batch": told}
            behind = 1 if first else kept.behind
            stream.write(native_lines.around(_calls(kept, disguise), id, source, before, behind))
            first = False
            _count(kept, before, summary)
        if other is not None:
            other.write(skeleton(output.name, _title(output), summary.tools, not summary.skipped).encode())
    summary.written = [output] if beside is None else [output, beside]


def _calls(kept: Kept, disguise: Disguise) -> bytes:
    """The text of the calls of ``kept`` in disguise; it is the same where there is nothing to hide."""
    if not disguise.concerns(kept.calls, kept.sight):
        return kept.calls
    return native_lines.calls(disguise.batch(kept.batch(), kept.sight))


def _count(kept: Kept, before: bool, summary: Summary) -> None:
    if before:
        summary.before += 1
        summary.before_calls += len(kept.tools)
    else:
        summary.kept += 1
        summary.kept_calls += len(kept.tools)
    summary.invalid += kept.invalid
    summary.tools.update(kept.tools)


def _free(id: str, taken: set[str]) -> str:
    found = next(name for n in count(1) if (name := id if n == 1 else f"{id}-{n}") not in taken)
    taken.add(found)
    return found
