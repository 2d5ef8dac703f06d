"""Faces made unrecognisable before a picture is kept."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from app_doubles import analysis_of
from study_fixtures import open_desk, textured_frame, write_study

from app.study.faces import FaceBlur, pixelated
from fercore.structures import FaceBox
from fercore.study.media import colour_pictures
from fercore.study.participants import enrol

if TYPE_CHECKING:
    from pathlib import Path


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
    desk = open_desk(study, None)
    enrol(study, desk.study, "01", {"age": "3"})
    with pytest.raises(ValueError, match="finds faces"):
        desk.start("01", "1", "video", "calm")
