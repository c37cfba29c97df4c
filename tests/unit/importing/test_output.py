"""Where an import is written: what it replaces, who may read it, and what is written to as it is."""

from __future__ import annotations

import gzip
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import fuzzharness as fh
from fuzzharness.importing import Disguising, Selection, import_recordings

SAMPLES = Path(__file__).parents[1] / "traces" / "samples"
CHAT = SAMPLES / "openai-chat.json"
ROOT = str(Path(fh.__file__).parents[1])


def written(output: Path) -> None:
    import_recordings([CHAT], output, Selection(), Disguising(secret=b"of this test"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    written(tmp_path / "turns.jsonl")
    assert mode(tmp_path / "turns.jsonl") == 0o600


def test_a_file_that_is_replaced_can_be_read_by_who_could_before(tmp_path: Path) -> None:
    (tmp_path / "turns.jsonl").touch()
    (tmp_path / "turns.jsonl").chmod(0o640)
    written(tmp_path / "turns.jsonl")
    assert (mode(tmp_path / "turns.jsonl"), len(fh.load_trace(tmp_path / "turns.jsonl").batches)) == (
        0o640,
        3,
    )


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real.jsonl").write_text("what was there")
    (tmp_path / "link.jsonl").symlink_to("real.jsonl")
    written(tmp_path / "link.jsonl")
    assert (tmp_path / "link.jsonl").is_symlink()
    assert len(fh.load_trace(tmp_path / "real.jsonl").batches) == 3


def test_a_name_that_ends_in_gz_is_packed_and_the_same_every_time(tmp_path: Path) -> None:
    outputs = [tmp_path / name for name in ("one.jsonl.gz", "other.jsonl.gz")]
    for output in outputs:
        written(output)
    one, other = (output.read_bytes() for output in outputs)
    assert one == other
    assert gzip.decompress(one).startswith(b'{"fuzzharness"')
    assert len(fh.load_trace(outputs[0]).batches) == 3


def test_a_name_that_ends_in_zst_is_refused(tmp_path: Path) -> None:
    with pytest.raises(fh.SettingsError, match=r"Expected a name that ends in \.jsonl or \.jsonl\.gz"):
        written(tmp_path / "turns.jsonl.zst")


def test_a_recording_that_is_not_there_is_named_where_the_output_is(tmp_path: Path) -> None:
    (tmp_path / "turns.jsonl").write_text("what was there")
    with pytest.raises(fh.TraceError, match="there is no such file"):
        import_recordings([tmp_path / "none.json"], tmp_path / "turns.jsonl", Selection(), Disguising())
    assert (tmp_path / "turns.jsonl").read_text() == "what was there"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_is_written_to_and_read_from(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "in")
    os.mkfifo(tmp_path / "out")
    received: list[str] = []
    given = threading.Thread(target=lambda: (tmp_path / "in").write_bytes(CHAT.read_bytes()))
    taken = threading.Thread(target=lambda: received.append((tmp_path / "out").read_text()))
    given.start()
    taken.start()
    import_recordings([tmp_path / "in"], tmp_path / "out", Selection(), Disguising())
    given.join()
    taken.join()
    assert len(received[0].splitlines()) == 4
    assert stat.S_ISFIFO((tmp_path / "out").stat().st_mode)


@pytest.mark.skipif(not os.path.exists("/dev/stdin"), reason="the standard input has no name here")
def test_a_dash_is_the_standard_input_and_the_standard_output() -> None:
    command = [sys.executable, "-m", "fuzzharness", "import", "-", "-o", "-"]
    ran = subprocess.run(
        command,
        input=CHAT.read_bytes(),
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONPATH": ROOT},
    )
    assert [sorted(json.loads(line))[0] for line in ran.stdout.splitlines()] == [
        "fuzzharness",
        *["batch"] * 3,
    ]
    assert b"kept      3 batches of 6 calls" in ran.stderr


def test_the_standard_output_is_gone_on_with_and_never_replaced(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fuzzharness", "import", str(CHAT), "-o", "-"]
    with (tmp_path / "app.jsonl").open("ab") as output:
        output.write(b"kept\n")
        output.flush()
        subprocess.run(command, stdout=output, check=True, env=os.environ | {"PYTHONPATH": ROOT})
        output.write(b"also\n")
    assert [line[:6] for line in (tmp_path / "app.jsonl").read_text().splitlines()] == [
        "kept",
        '{"fuzz',
        *['{"batc'] * 3,
        "also",
    ]


def test_nothing_stands_beside_the_standard_output() -> None:
    with pytest.raises(fh.SettingsError, match="/dev/stdout is no file"):
        import_recordings(
            [CHAT], Path("/dev/stdout"), Selection(), Disguising(secret=b"of this test"), scenario=True
        )
