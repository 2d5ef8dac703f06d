"""Videos of a run: what comes back of colour, depth and time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from app_doubles import analysis_of
from study_fixtures import record_run, textured_frame, write_study

from app.study.durable import PictureWriter
from fercore.structures import RGBDFrame
from fercore.study.media import colour_pictures, count_pictures, depth_maps, from_steps, to_steps
from fercore.study.predictions import read_predictions
from fercore.study.run_files import RunState, read_run_record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


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


def test_pictures_of_another_size_end_the_run_in_words(tmp_path: Path) -> None:
    frames = [textured_frame(0), textured_frame(1, 60, 80)]
    place = record_run(
        write_study(tmp_path / "s", "full"), analyses=[analysis_of(f) for f in frames], markers=()
    )
    record = read_run_record(place.session)
    assert record.state is RunState.STOPPED
    assert "pictures of 160×120, the source now gives 80×60" in record.problem
    assert count_pictures(place.colour) == 1


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
