"""Colours of depth and of expressions."""

from __future__ import annotations

import numpy as np

from app.drawing.colours import (
    UNKNOWN_DEPTH_RGB,
    VERDICT_COLOURS,
    DepthScale,
    depth_colours,
    fitted_scale,
    viridis,
)
from fercore.structures import FaceBox


def test_depth_colours_run_from_far_to_near() -> None:
    depth_m = np.array([[0.501, 0.45, 0.399, np.nan, 0.9, 0.1]], np.float32)
    picture = depth_colours(depth_m, DepthScale(400, 500))
    ends = viridis(np.array([[0, 255]], np.uint8))[0]
    assert (picture[0, 0] == ends[0]).all() and (picture[0, 2] == ends[1]).all()
    assert (picture[0, 4] == ends[0]).all() and (picture[0, 5] == ends[1]).all()
    assert tuple(picture[0, 3]) == UNKNOWN_DEPTH_RGB
    brightness = picture[0, :3].sum(axis=1).astype(int)
    assert (np.diff(brightness) > 0).all()


def test_depth_scale_stays_while_the_face_does() -> None:
    depth_m = np.full((40, 40), 0.451, np.float32)
    box = FaceBox(0, 0, 40, 40, 1)
    scale = fitted_scale(depth_m, box, None)
    assert scale == DepthScale(375, 525)
    assert fitted_scale(depth_m + np.float32(0.02), box, scale) is scale
    assert fitted_scale(depth_m + np.float32(0.2), box, scale) == DepthScale(575, 725)
    assert fitted_scale(np.full((40, 40), np.nan, np.float32), box, scale) is scale


def test_expression_colours_are_told_apart() -> None:
    assert len(set(VERDICT_COLOURS.values())) == len(VERDICT_COLOURS) == 7
