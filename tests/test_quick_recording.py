"""Quick recording: a run without a study, whole or not at all."""

from __future__ import annotations

import re
import shutil
import time
import tomllib
from typing import TYPE_CHECKING

import pytest
from study_fixtures import equipment, made_up, no_faces

from app.study.quick_recording import MOMENT, QuickRecording, _new_folder
from fercore.errors import FercoreError
from fercore.study.events import read_events
from fercore.study.layout import RunPlace, runs_of
from fercore.study.media import count_pictures
from fercore.study.predictions import read_predictions
from fercore.study.recover import recover
from fercore.study.run_files import RunState, read_run_record
from fercore.study.study_file import Privacy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.study.run_state import Equipment


@pytest.fixture
def recording() -> Iterator[QuickRecording]:
    made = QuickRecording(equipment, no_faces)
    yield made
    made.stop()


def record(recording: QuickRecording, parent: Path, level: Privacy) -> RunPlace:
    """Record a few frames and a marker; return the run."""
    folder = recording.start(parent, level)
    start_s = time.monotonic()
    for number, analysis in enumerate(made_up(6)):
        recording.add(analysis, start_s + number / 30)
    recording.mark()
    assert recording.stop() is not None
    (place,) = runs_of(folder)
    return place


def test_the_folder_is_dated_and_a_study_that_all_tools_read(
    recording: QuickRecording, tmp_path: Path
) -> None:
    place = record(recording, tmp_path / "documents" / "fercore", Privacy.FULL)
    folder = place.folder.parents[2]
    assert folder.parent == tmp_path / "documents" / "fercore"
    assert re.fullmatch(r"recording-\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d", folder.name)
    assert place.folder.name == "sub-01_ses-1_task-quick_run-01"
    study = tomllib.loads((folder / "study.toml").read_text("utf-8"))
    assert study["privacy"] == "full" and study["title"].startswith("Quick recording 2")
    recorded = read_run_record(place.session)
    assert recorded.state is RunState.COMPLETE and recorded.counts.frames == 6
    assert recorded.source == "made-up frames" and recorded.synthetic
    assert len(read_predictions(place.predictions)) == 6
    assert count_pictures(place.colour) == count_pictures(place.depth) == 6


@pytest.mark.parametrize("level", list(Privacy))
def test_the_level_decides_what_is_kept(
    recording: QuickRecording, tmp_path: Path, level: Privacy
) -> None:
    place = record(recording, tmp_path, level)
    assert place.colour.exists() is level.keeps_colour
    assert place.depth.exists() is level.keeps_depth
    assert len(read_predictions(place.predictions)) == 6


def test_start_stop_and_marked_moments_are_events(
    recording: QuickRecording, tmp_path: Path
) -> None:
    place = record(recording, tmp_path, Privacy.DERIVED)
    events = [(event.type, event.name) for event in read_events(place.events)]
    assert ("run_start", "") in events and ("run_stop", "") in events
    assert ("marker", MOMENT) in events


def test_two_in_one_second_get_folders_of_their_own(
    recording: QuickRecording, tmp_path: Path
) -> None:
    folders = set()
    for _ in range(3):
        folders.add(recording.start(tmp_path, Privacy.DERIVED))
        recording.stop()
    assert len(folders) == 3 and set(tmp_path.iterdir()) == folders


def test_one_at_a_time(recording: QuickRecording, tmp_path: Path) -> None:
    recording.start(tmp_path, Privacy.DERIVED)
    with pytest.raises(FercoreError, match="begun already; stop it first"):
        recording.start(tmp_path, Privacy.DERIVED)
    assert len(list(tmp_path.iterdir())) == 1


def test_without_a_source_nothing_is_made(tmp_path: Path) -> None:
    def nothing() -> Equipment:
        raise FercoreError("No camera is open; open one in the menu Source first.")

    recording = QuickRecording(nothing, no_faces)
    with pytest.raises(FercoreError, match="No camera is open"):
        recording.start(tmp_path / "recordings", Privacy.DERIVED)
    assert not (tmp_path / "recordings").exists() and not recording.begun


def test_a_folder_that_cannot_be_made_is_named(recording: QuickRecording, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    with pytest.raises(FercoreError, match=r"file/below cannot be written \(.+menu Record\."):
        recording.start(tmp_path / "file" / "below", Privacy.DERIVED)
    assert not recording.begun


def test_too_little_room_leaves_nothing_behind(
    recording: QuickRecording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(FercoreError, match="nearly full"):
        recording.start(tmp_path, Privacy.DERIVED)
    assert not recording.begun and not list(tmp_path.iterdir())


def test_a_disk_that_fills_up_ends_it_and_what_is_written_is_valid(
    recording: QuickRecording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = recording.start(tmp_path, Privacy.DERIVED)
    for analysis in made_up(4):
        recording.add(analysis, time.monotonic())
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    deadline_s = time.monotonic() + 20
    while (progress := recording.progress()) is None or progress.active:
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    assert "nearly full" in progress.problem and recording.begun
    record = recording.stop()
    assert record is not None and record.state is RunState.STOPPED
    (place,) = runs_of(folder)
    assert len(read_predictions(place.predictions)) == 4


def test_recordings_of_one_second_have_folders_of_their_own(tmp_path: Path) -> None:
    folders = [_new_folder(tmp_path / "recordings", "now") for _ in range(101)]
    assert [each.name for each in folders[:3]] == ["now", "now-2", "now-3"]
    assert len(set(folders)) == 101


def test_a_moment_can_only_be_marked_while_recording(recording: QuickRecording) -> None:
    with pytest.raises(FercoreError, match="start a recording, then mark"):
        recording.mark()


def test_stopping_twice_and_before_the_start_is_harmless(recording: QuickRecording) -> None:
    assert recording.stop() is None and recording.progress() is None and recording.folder is None


def test_one_that_ended_well_needs_no_recovery(recording: QuickRecording, tmp_path: Path) -> None:
    assert not recover(record(recording, tmp_path, Privacy.FULL)).needed
