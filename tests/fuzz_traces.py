"""Coverage-guided search for a recording that neither is read nor raises TraceError.

Not collected by pytest: ``python tests/fuzz_traces.py [SECONDS] [CORPUS]`` runs it with atheris (the
dependency group ``fuzz``), which takes its first inputs from the samples. A finding is written to
``crash-…`` in the working directory and ends the run.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["fuzzharness.traces"]):
    from fuzzharness.traces import load_trace
    from fuzzharness.traces.formats import READERS

from fuzzharness import TraceError

SAMPLES = Path(__file__).parent / "unit" / "traces" / "samples"
LARGEST = 8_000
FORMATS = (None, *(reader.name for reader in READERS))
FILE = Path(tempfile.mkdtemp()) / "recording.json"


def one_input(data: bytes) -> None:
    """Read ``data`` as a file, its first byte choosing format and leniency; let TraceError pass."""
    if not data:
        return
    FILE.write_bytes(data[1:])
    try:
        trace = load_trace(FILE, format=FORMATS[data[0] % len(FORMATS)], lenient=data[0] >= 128)
    except TraceError as error:
        str(error).encode()
    else:
        for batch in trace.batches:
            batch.check()


def first_inputs(folder: Path) -> None:
    """The samples, whole and their single lines, as far as they are small."""
    for sample in sorted(SAMPLES.glob("*.json*")):
        content = sample.read_bytes()
        parts = [content, *content.splitlines()] if sample.suffix == ".jsonl" else [content]
        for number, part in enumerate(parts):
            if len(part) < LARGEST:
                (folder / f"{sample.name}-{number}").write_bytes(b"\0" + part)


def main() -> None:
    """Run for the seconds given, 60 if none are."""
    seconds = sys.argv[1] if len(sys.argv) > 1 else "60"
    corpus = Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp())
    corpus.mkdir(exist_ok=True)
    first_inputs(corpus)
    options = [f"-max_total_time={seconds}", f"-max_len={LARGEST}", "-seed=1", "-timeout=20"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
