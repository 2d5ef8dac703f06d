"""One run's recording: what is kept at which level, what happens when the disk does not follow."""

from __future__ import annotations

import errno
import io
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any

import av
import pytest
from app_doubles import analysis_of, sample_frame
from PIL import Image, UnidentifiedImageError
from study_fixtures import made_up, open_desk, record_run, textured_frame, write_study

from app.study import lanes, run_state
from app.study.durable import PictureWriter
from app.study.lane import Lane
from fercore.errors import FercoreError
from fercore.runtime.files import LOCK_FILE
from fercore.study.events import PROBLEM, RUN_STOP, Offset, read_events
from fercore.study.layout import run_place
from fercore.study.media import count_pictures
from fercore.study.participants import enrol
from fercore.study.predictions import read_predictions
from fercore.study.recover import recover
from fercore.study.run_files import RunState, read_run_record

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.study.layout import RunPlace

FILES = {"session.json", "predictions.tsv", "events.tsv", "clocks.tsv"}


def names(place: RunPlace) -> set[str]:
    return {path.name for path in place.folder.iterdir()} - {LOCK_FILE}


@pytest.mark.parametrize(
    ("privacy", "videos"),
    [
        ("derived", set()),
        ("depth", {"depth.mkv"}),
        ("blurred", {"colour.mkv"}),
        ("full", {"colour.mkv", "depth.mkv"}),
    ],
)
def test_each_level_keeps_its_files_and_no_others(
    privacy: str, videos: set[str], tmp_path: Path
) -> None:
    place = record_run(write_study(tmp_path / "s", privacy))
    assert names(place) == FILES | videos
    record = read_run_record(place.session)
    assert (record.state, record.privacy.value) == (RunState.COMPLETE, privacy)
    assert record.counts.frames == 12
    assert record.counts.colour_pictures == 12 * ("colour.mkv" in videos)
    assert record.counts.depth_maps == 12 * ("depth.mkv" in videos)
    assert record.privacy.statement in place.session.read_text()
    assert record.started_utc.endswith("Z")


def decodes_as_image(data: bytes) -> bool:
    try:
        Image.open(io.BytesIO(data)).load()
        return True
    except (UnidentifiedImageError, OSError, ValueError):
        pass
    try:
        with av.open(io.BytesIO(data), "r") as container:
            return any(True for _ in container.decode(video=0))
    except (av.error.FFmpegError, IndexError, ValueError):
        return False


def test_a_derived_run_holds_no_image(tmp_path: Path) -> None:
    frames = [textured_frame(index) for index in range(8)]
    record_run(write_study(tmp_path / "s"), analyses=[analysis_of(f) for f in frames])
    signatures = (b"\x89PNG", b"\xff\xd8\xff", b"\x1aE\xdf\xa3", b"ftyp", b"RIFF", b"BM6")
    files = [path for path in (tmp_path / "s").rglob("*") if path.is_file()]
    assert len(files) >= 6
    for path in files:
        data = path.read_bytes()
        data.decode("utf-8")  # text all through
        assert not decodes_as_image(data), path
        for signature in signatures:
            assert signature not in data, path
        for frame in frames:
            assert frame.rgb[50].tobytes() not in data
    # The scan itself must be able to find something.
    full = record_run(write_study(tmp_path / "f", "full"), analyses=made_up(4))
    assert decodes_as_image(full.colour.read_bytes())


def test_adding_never_waits_and_every_loss_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    write = PictureWriter.write

    def slowly(self: PictureWriter, picture: Any, onset_s: float) -> None:
        go_on.wait(10)
        write(self, picture, onset_s)

    monkeypatch.setattr(PictureWriter, "write", slowly)
    study = write_study(tmp_path / "s", "full")
    desk = open_desk(study)
    enrol(study, desk.study, "01", {"age": "3"})
    name = desk.start("01", "1", "video", "calm")
    analyses = made_up(80)
    started_s = time.perf_counter()
    for analysis in analyses:
        desk.add(analysis, time.monotonic())
    assert time.perf_counter() - started_s < 1.0
    progress = desk.progress()
    assert progress is not None
    assert progress.counts.dropped_colour >= 80 - lanes._PICTURES - 1
    go_on.set()
    record = desk.stop()
    assert record is not None
    counts = record.counts
    assert (counts.frames, counts.dropped_rows) == (80, 0)
    assert counts.colour_pictures + counts.dropped_colour == 80
    place = study / "sub-01" / "ses-1" / name.stem
    rows = read_predictions(place / "predictions.tsv")
    assert rows.colour_kept.sum() == counts.colour_pictures == count_pictures(place / "colour.mkv")


def test_stopping_waits_for_no_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    write = PictureWriter.write

    def slowly(self: PictureWriter, picture: Any, onset_s: float) -> None:
        go_on.wait(20)
        write(self, picture, onset_s)

    monkeypatch.setattr(PictureWriter, "write", slowly)
    study = write_study(tmp_path / "s", "full")
    desk = open_desk(study)
    enrol(study, desk.study, "01", {"age": "3"})
    name = desk.start("01", "1", "video", "calm")
    for analysis in made_up(5):
        desk.add(analysis, time.monotonic())
    started_s = time.perf_counter()
    assert not desk.stop_aside()
    assert time.perf_counter() - started_s < 5 and desk.finishing and not desk.recording
    go_on.set()
    record = desk.stop()
    assert record is not None and record.state is RunState.COMPLETE and not desk.finishing
    assert record.counts.colour_pictures == 5
    stopped = read_events(run_place(study, name).events)[-1]
    assert (stopped.type, stopped.name) == (RUN_STOP, "")  # not at its planned end


def test_an_outlet_that_raises_costs_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def __init__(self, source_id: str) -> None:
            self.offset = Offset(0.0, "lsl", 0.0, None)

        def measure(self) -> Offset:
            return self.offset

        def push_frame(self, *_: object) -> None:
            raise RuntimeError("the outlet is gone")

        push_event = push_frame

        def close(self) -> None:
            pass

    monkeypatch.setattr("app.study.streams.Link", Broken)
    study = write_study(tmp_path / "s")
    desk = open_desk(study)
    enrol(study, desk.study, "01", {"age": "3"})
    desk.switch_lsl(True)
    desk.start("01", "1", "video", "calm")
    for analysis in made_up(5):
        desk.add(analysis, time.monotonic())
    desk.mark("stimulus", "key")
    record = desk.stop()
    desk.close()
    assert record is not None and record.counts.frames == 5 and record.counts.events == 4
    assert caplog.text.count("cannot send (the outlet is gone); recording goes on") == 1


def test_a_full_lane_counts_rows_and_keeps_pictures_in_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Lane, "full", property(lambda lane: lane.name == "rows"))
    place = record_run(write_study(tmp_path / "s", "full"), analyses=made_up(5), markers=())
    record = read_run_record(place.session)
    assert (record.counts.frames, record.counts.dropped_rows) == (0, 5)
    assert record.counts.colour_pictures == 0


class FullDisk:
    """Stands in for os.write: takes so many bytes in all, then no more."""

    def __init__(self, room: int) -> None:
        self.room = room
        self._write = os.write

    def __call__(self, descriptor: int, data: Any) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        part = bytes(data)[: self.room]
        self.room -= len(part)
        return self._write(descriptor, part)


@pytest.mark.parametrize("room", [9_000, 30_000, 60_000])
def test_a_full_disk_stops_the_recording_and_spoils_nothing(
    room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    study = write_study(tmp_path / "s", "full")
    desk = open_desk(study)
    enrol(study, desk.study, "01", {"age": "3"})
    name = desk.start("01", "1", "video", "calm")
    monkeypatch.setattr(os, "write", FullDisk(room))
    with caplog.at_level(logging.ERROR):
        for index in range(400):
            desk.add(analysis_of(textured_frame(index)))
            time.sleep(0.003)
            if not desk.recording:
                break
    assert not desk.recording
    monkeypatch.undo()
    assert "No space left on device" in caplog.text
    assert "what is written so far is valid" in caplog.text
    desk.add(analysis_of(sample_frame(0)))  # the application lives
    with pytest.raises(FercoreError, match="No run is being recorded"):
        desk.mark("late", "key")
    record = desk.stop()
    assert record is not None
    assert record.state is RunState.STOPPED
    place = run_place(study, name)
    rows = read_predictions(place.predictions)
    assert place.predictions.read_bytes().endswith(b"\n")
    assert len(rows) == record.counts.frames
    kept = count_pictures(place.colour)
    recovery = recover(place)
    assert recovery.needed
    assert read_run_record(place.session).state is RunState.RECOVERED
    assert count_pictures(place.colour) == kept if kept else not place.colour.exists()
    assert desk.start("01", "1", "video", "happy").run == 2
    desk.close()


def test_recording_stops_before_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = write_study(tmp_path / "s")
    desk = open_desk(study)
    enrol(study, desk.study, "01", {"age": "3"})
    name = desk.start("01", "1", "video", "calm")
    monkeypatch.setattr(run_state, "RESERVE_BYTES", 1 << 60)
    deadline_s = time.monotonic() + 5
    while desk.recording and time.monotonic() < deadline_s:
        desk.add(analysis_of(sample_frame(0)))
        time.sleep(0.02)
    progress = desk.progress()
    assert progress is not None
    assert "is nearly full" in progress.problem
    desk.stop()
    place = run_place(study, name)
    assert PROBLEM in [event.type for event in read_events(place.events)]
    assert read_run_record(place.session).state is RunState.STOPPED
    with pytest.raises(FercoreError, match="is nearly full"):
        desk.start("01", "1", "video", "calm")
    assert [path.name for path in place.folder.parent.iterdir()] == [name.stem]
