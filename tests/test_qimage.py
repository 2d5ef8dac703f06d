"""Pictures on their way to Qt and back."""

from __future__ import annotations

import numpy as np

from app.drawing.qimage import to_array, to_qimage


def test_pictures_survive_the_way_to_qt_and_back() -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (7, 5, 3), np.uint8)
    assert (to_array(to_qimage(rgb)) == rgb).all()
    assert (to_array(to_qimage(rgb[:, ::-1])) == rgb[:, ::-1]).all()


def test_an_image_owns_its_bytes() -> None:
    rgb = np.full((4, 4, 3), 200, np.uint8)
    image = to_qimage(rgb)
    rgb[:] = 0
    assert image.pixelColor(1, 1).red() == 200
