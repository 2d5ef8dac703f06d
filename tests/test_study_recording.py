"""One run's recording: what is kept at which level, what happens when the disk does not follow."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from app_doubles import analysis_of, sample_frame
from PIL import Image, UnidentifiedImageError
from study_fixtures import made_up, open_desk, record_run, write_study

from app.study import durable, lanes, recording
from app.study.faces import FaceBlur, pixelated
from app.study.lane import Lane
from app.study.writers import PictureWriter
from fercore.errors import FercoreError
from fercore.structures import FaceBox, RGBDFrame
from fercore.study.events import PROBLEM, read_events
from fercore.study.media import colour_pictures, count_pictures, depth_maps, from_steps, to_steps
from fercore.study.participants import enrol
from fercore.study.predictions import read_predictions
from fercore.study.recover import recover
from fercore.study.run_files import Check, RunState, read_run_record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fercore.study.layout import RunPlace

FILES = {"session.json", "predictions.tsv", "events.tsv", "clocks.tsv"}


def textured_frame(index: int = 0, height: int = 120, width: int = 160) -> RGBDFrame:
    rng = np.random.default_rng(index)
    rgb = rng.integers(0, 255, (height, width, 3), np.uint8)
    depth_m = rng.uniform(0.4, 1.2, (height, width)).astype(np.float32)
    depth_m[:10] = np.nan
    return RGBDFrame(rgb, depth_m, None, index / 30, index)


def names(place: RunPlace) -> set[str]:
    return {path.name for path in place.folder.iterdir()}


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
        with av.open(io.BytesIO(data)) as container:
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


def test_lossless_videos_give_back_every_pixel_and_its_time(tmp_path: Path) -> None:
    frames = [textured_frame(index) for index in range(6)]
    place = record_run(
        write_study(tmp_path / "s", "full"), analyses=[analysis_of(f) for f in frames]
    )
    rows = read_predictions(place.predictions)
    record = read_run_record(place.session)
    colours = list(colour_pictures(place.colour))
    depths = list(depth_maps(place.depth, record.depth_unit_m))
    assert len(colours) == len(depths) == len(rows) == 6
    for frame, colour, depth, time_s in zip(frames, colours, depths, rows.time_s, strict=True):
        assert np.array_equal(colour[1], frame.rgb)
        assert frame.depth_m is not None
        assert np.nanmax(np.abs(depth[1] - frame.depth_m)) <= 0.51 * record.depth_unit_m
        assert np.array_equal(np.isnan(depth[1]), np.isnan(frame.depth_m))
        assert colour[0] == pytest.approx(time_s, abs=0.0011)
        assert depth[0] == pytest.approx(time_s, abs=0.0011)


def test_a_cameras_own_depth_steps_come_back_exactly() -> None:
    native = np.arange(0, 4000, dtype=np.uint16).reshape(40, 100)
    depth_m = from_steps(native, 1e-3)
    steps, beyond = to_steps(depth_m, 1e-4)
    assert beyond == 0
    assert np.array_equal(from_steps(steps, 1e-4), depth_m, equal_nan=True) or np.allclose(
        from_steps(steps, 1e-4), depth_m, rtol=3e-7, atol=0, equal_nan=True
    )
    assert to_steps(np.array([[7.0, np.inf, 0.5]], np.float32), 1e-4)[1] == 2


@pytest.mark.parametrize("codec", ["h264", "mjpeg"])
def test_lossy_colour_is_near(codec: str, tmp_path: Path) -> None:
    smooth = np.linspace(40, 200, 161).astype(np.uint8)  # odd: the last column goes
    rgb = np.broadcast_to(smooth[None, :, None], (121, 161, 3)).copy()
    frames = [RGBDFrame(rgb, None, None, index / 30, index) for index in range(5)]
    study = write_study(tmp_path / "s", "full", codec)
    place = record_run(study, analyses=[analysis_of(f) for f in frames])
    pictures = [picture for _, picture in colour_pictures(place.colour)]
    assert len(pictures) == 5
    assert pictures[0].shape == (120, 160, 3)
    assert np.abs(pictures[4].astype(int) - rgb[:120, :160]).mean() < 6
    assert not place.depth.exists()


def test_faces_are_pixelated_where_found_and_everything_where_none_is(tmp_path: Path) -> None:
    second = FaceBox(5, 5, 45, 45, 0.8)
    frames = [textured_frame(index) for index in range(3)]
    analyses = [analysis_of(frame) for frame in frames]
    study = write_study(tmp_path / "s", "blurred")
    desk = open_desk(study, lambda rgb: [second])
    enrol(study, desk.study, "01", {"age": "3"})
    name = desk.start("01", "1", "video", "calm")
    for analysis in analyses:
        desk.add(analysis, time.monotonic())
    desk.close()
    video = study / "sub-01" / "ses-1" / name.stem / "colour.mkv"
    pictures = [picture for _, picture in colour_pictures(video)]
    for picture, frame in zip(pictures, frames, strict=True):
        changed = (picture != frame.rgb).any(axis=2)
        assert changed[30:90, 48:112].mean() > 0.99  # the analysed face
        assert changed[5:45, 5:45].mean() > 0.99  # the other one
        assert not changed[119, 159]
        assert len(np.unique(picture[10:40, 10:40].reshape(-1, 3), axis=0)) < 100
    nobody = FaceBlur(lambda rgb: [])
    blurred = nobody.apply(frames[0].rgb, None, 0.0)
    assert len(np.unique(blurred.reshape(-1, 3), axis=0)) <= 16 * 12
    assert (blurred != frames[0].rgb).any(axis=2).mean() > 0.99


def test_a_face_missed_for_a_moment_stays_pixelated() -> None:
    first, other = FaceBox(5, 5, 45, 45, 0.9), FaceBox(100, 60, 140, 100, 0.9)
    found: list[list[FaceBox]] = [[first, other], [other], [other]]
    rgb = textured_frame().rgb
    blur = FaceBlur(lambda _: found.pop(0))
    shown = [blur.apply(rgb, None, time_s) for time_s in (0.0, 0.5, 2.0)]
    changed = [(picture[10:40, 10:40] != rgb[10:40, 10:40]).any(axis=2).mean() for picture in shown]
    assert changed[0] > 0.99
    assert changed[1] > 0.99
    assert changed[2] == 0


def test_pixels_are_means_of_their_blocks() -> None:
    rgb = textured_frame(1, 40, 60).rgb
    blocks = pixelated(rgb, 10)
    assert np.array_equal(blocks[:10, :10], np.broadcast_to(blocks[0, 0], (10, 10, 3)))
    assert blocks[0, 0] == pytest.approx(rgb[:10, :10].mean(axis=(0, 1)), abs=0.51)
    assert pixelated(rgb, 1000).shape == rgb.shape


def test_blurring_without_a_detector_is_a_mistake_in_the_program(tmp_path: Path) -> None:
    study = write_study(tmp_path / "s", "blurred")
    desk = open_desk(study, None)  # type: ignore[arg-type]
    enrol(study, desk.study, "01", {"age": "3"})
    with pytest.raises(ValueError, match="finds faces"):
        desk.start("01", "1", "video", "calm")


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
    monkeypatch.setattr(durable.os, "write", FullDisk(room))
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
    place = _place(study, name.stem)
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


def _place(study: Path, stem: str) -> RunPlace:
    from fercore.study.layout import RunPlace

    return RunPlace(study / "sub-01" / "ses-1" / stem)


def test_recording_stops_before_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = write_study(tmp_path / "s")
    desk = open_desk(study)
    enrol(study, desk.study, "01", {"age": "3"})
    name = desk.start("01", "1", "video", "calm")
    monkeypatch.setattr(recording, "RESERVE_BYTES", 1 << 60)
    deadline_s = time.monotonic() + 5
    while desk.recording and time.monotonic() < deadline_s:
        desk.add(analysis_of(sample_frame(0)))
        time.sleep(0.02)
    progress = desk.progress()
    assert progress is not None
    assert "is nearly full" in progress.problem
    desk.stop()
    place = _place(study, name.stem)
    assert PROBLEM in [event.type for event in read_events(place.events)]
    assert read_run_record(place.session).state is RunState.STOPPED
    with pytest.raises(FercoreError, match="is nearly full"):
        desk.start("01", "1", "video", "calm")
    assert [path.name for path in place.folder.parent.iterdir()] == [name.stem]


def test_pictures_of_another_size_end_the_run_in_words(tmp_path: Path) -> None:
    frames = [textured_frame(0), textured_frame(1, 60, 80)]
    place = record_run(
        write_study(tmp_path / "s", "full"), analyses=[analysis_of(f) for f in frames], markers=()
    )
    record = read_run_record(place.session)
    assert record.state is RunState.STOPPED
    assert "pictures of 160×120, the source now gives 80×60" in record.problem
    assert count_pictures(place.colour) == 1


def test_a_run_in_progress_is_left_alone(tmp_path: Path) -> None:
    study = write_study(tmp_path / "s")
    desk = open_desk(study)
    enrol(study, desk.study, "01", {"age": "3"})
    name = desk.start("01", "1", "video", "calm")
    with pytest.raises(FercoreError, match="is being recorded at present"):
        recover(_place(study, name.stem))
    with pytest.raises(FercoreError, match="A run is being recorded"):
        desk.start("01", "1", "video", "calm")
    desk.close()
    desk.close()
    assert not recover(_place(study, name.stem)).needed


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("02", "1", "video", "calm"), "enrol the participant first"),
        (("01", "1", "rest", "calm"), "'rest' is no task of the study; take video"),
        (("01", "1", "video", "sad"), "'sad' is no condition of the study; take calm, happy"),
        (("01", "1_2", "video", "calm"), "no usable session label"),
    ],
)
def test_a_run_that_the_study_does_not_know_does_not_start(
    arguments: tuple[str, str, str, str], complaint: str, tmp_path: Path
) -> None:
    study = write_study(tmp_path / "s")
    desk = open_desk(study)
    enrol(study, desk.study, "01", {"age": "3"})
    with pytest.raises(FercoreError, match=complaint):
        desk.start(*arguments)
    assert not list(study.glob("sub-01/ses-*"))


def test_the_checklist_is_green_or_overridden_with_a_reason(tmp_path: Path) -> None:
    study = write_study(tmp_path / "s")
    desk = open_desk(study)
    enrol(study, desk.study, "01", {"age": "3"})
    red = Check("light", False, "mean 31 of 255")
    with pytest.raises(FercoreError, match=r"light: mean 31 of 255; mend it or give a reason"):
        desk.start("01", "1", "video", "calm", [red])
    overridden = Check("light", False, "mean 31 of 255", "night condition")
    name = desk.start("01", "1", "video", "calm", [overridden, Check("disk", True, "80 GB")])
    desk.close()
    place = _place(study, name.stem)
    assert read_run_record(place.session).checklist[0] == overridden
    assert "light overridden: night condition" in [e.name for e in read_events(place.events)]


def test_a_study_with_baseline_needs_one_and_logs_corrected_values(tmp_path: Path) -> None:
    study = write_study(tmp_path / "s", baseline=True)
    desk = open_desk(study)
    enrol(study, desk.study, "01", {"age": "3"})
    with pytest.raises(FercoreError, match="record the baseline first"):
        desk.start("01", "1", "video", "calm")
    desk.begin_baseline()
    for number, analysis in enumerate(made_up(30)):
        desk.add(analysis, number / 30)
    desk.finish_baseline("01", "1")
    with pytest.raises(FercoreError, match="No baseline was begun"):
        desk.finish_baseline("01", "1")
    name = desk.start("01", "1", "video", "calm")
    desk.add(made_up(1)[0], time.monotonic())
    desk.close()
    place = _place(study, name.stem)
    assert read_predictions(place.predictions).corrected[0, 0] == pytest.approx(1 / 6, abs=1e-5)
    stored = json.loads(place.session.read_text())["baseline"]
    assert "p'_k" in stored["formula"]
    assert read_run_record(place.session).baseline is not None


def test_frames_from_before_the_start_are_not_part_of_the_run(tmp_path: Path) -> None:
    study = write_study(tmp_path / "s")
    desk = open_desk(study)
    enrol(study, desk.study, "01", {"age": "3"})
    before_s = time.monotonic()
    name = desk.start("01", "1", "video", "calm")
    desk.add(made_up(1)[0], before_s)
    desk.add(made_up(1)[0], time.monotonic())
    desk.close()
    assert len(read_predictions(_place(study, name.stem).predictions)) == 1


def test_a_writer_replaces_nothing(tmp_path: Path) -> None:
    path = tmp_path / "colour.mkv"
    path.write_bytes(b"precious")
    writer = PictureWriter(path, "ffv1")
    with pytest.raises(FileExistsError):
        writer.write(textured_frame().rgb, 0.0)
    writer.close()
    assert path.read_bytes() == b"precious"


def test_two_pictures_of_one_millisecond_are_both_kept(tmp_path: Path) -> None:
    path = tmp_path / "colour.mkv"
    writer = PictureWriter(path, "ffv1")
    for onset_s in (0.0, 0.0, 0.0001, 0.033):
        writer.write(textured_frame().rgb, onset_s)
    writer.close()
    times: Sequence[float] = [time_s for time_s, _ in colour_pictures(path)]
    assert times == [0.0, 0.001, 0.002, 0.033]
