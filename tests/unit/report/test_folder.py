"""The report folder: whole or not at all."""

from pathlib import Path

import pytest

import fuzzharness as fh
from fuzzharness.report.folder import ReportFolder
from fuzzharness.report.markdown import section


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else None


@pytest.fixture
def written(report):
    return section(report, "a::turn-1", lambda finding: finding.schedule.token)


def test_nothing_exists_before_the_first_line(tmp_path):
    folder = ReportFolder(tmp_path / "reports")
    folder.close()
    assert names(tmp_path / "reports") is None


def test_both_files_appear_when_it_is_closed(tmp_path, written):
    folder = ReportFolder(tmp_path / "deep" / "reports")
    folder.write('{"a": 1}')
    folder.add(written)
    assert names(folder.path) == ["events.jsonl.part"]
    folder.close()
    assert names(folder.path) == ["events.jsonl", "summary.md"]
    assert (folder.path / "events.jsonl").read_text() == '{"a": 1}\n'
    assert "a::turn-1" in (folder.path / "summary.md").read_text()


@pytest.mark.parametrize("place", ["", "deep/reports"])
def test_a_folder_that_can_be_made_passes_the_check_and_is_not_made(tmp_path, place):
    ReportFolder(tmp_path / place).check()
    assert names(tmp_path) == []


@pytest.mark.parametrize("place", ["file", "file/sub", "file/sub/deep", "gone", "taken"])
def test_a_folder_that_cannot_be_written_is_refused_with_what_is_in_the_way(tmp_path, place):
    (tmp_path / "file").write_text("")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "taken" / "summary.md").mkdir(parents=True)
    with pytest.raises(fh.SettingsError, match=r"cannot be written into .*: .*(file|gone|summary.md) is "):
        ReportFolder(tmp_path / place).check()


def test_each_line_is_on_the_disk_when_write_returns(tmp_path):
    folder = ReportFolder(tmp_path)
    for number in range(3):
        folder.write(str(number))
        assert (tmp_path / "events.jsonl.part").read_text().splitlines()[-1] == str(number)
    folder.discard()


def test_until_it_is_closed_the_last_run_can_be_read(tmp_path, written):
    first = ReportFolder(tmp_path)
    first.write("first")
    first.close()
    second = ReportFolder(tmp_path)
    second.write("second")
    assert (tmp_path / "events.jsonl").read_text() == "first\n"
    second.add(written)
    second.close()
    assert (tmp_path / "events.jsonl").read_text() == "second\n"


def test_a_discarded_run_leaves_the_last_one(tmp_path):
    first = ReportFolder(tmp_path)
    first.write("first")
    first.close()
    second = ReportFolder(tmp_path)
    second.write("second")
    second.discard()
    assert names(tmp_path) == ["events.jsonl", "summary.md"]
    assert (tmp_path / "events.jsonl").read_text() == "first\n"


def test_an_interrupted_run_is_kept_and_marked(tmp_path):
    folder = ReportFolder(tmp_path)
    folder.write("line")
    folder.close(interrupted=True)
    assert "Interrupted" in (tmp_path / "summary.md").read_text()


def test_a_folder_where_the_system_makes_no_file_is_refused_at_once():
    with pytest.raises(fh.SettingsError, match="/proc takes no file"):
        ReportFolder(Path("/proc/x")).check()
