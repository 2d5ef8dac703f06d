"""What depth is taken for a face's, and what is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fercore.datasets.bu3dfe import Bu3dfe
from fercore.datasets.samples import sample_root
from fercore.geometry import MeshRenderer, OrthographicCamera, Pose
from fercore.geometry.plausibility import FaceMeasures, depth_doubt, measure_face
from fercore.structures import FaceBox, FloatArray, Intrinsics

CAMERA = Intrinsics(fx=600.0, fy=600.0, cx=319.5, cy=239.5, width=640, height=480)
BOX = FaceBox(247, 157, 393, 303, 0.9)  # 146 mm at 0.6 m, around the face


@pytest.fixture(scope="module")
def seen_m() -> FloatArray:
    """One of the samples, 0.6 m before a camera."""
    scan = Bu3dfe(sample_root()).scans()[0]
    return MeshRenderer(scan.mesh(), 1).pinhole(CAMERA, Pose.frontal(), 600.0).depth_m


def test_every_sample_is_a_face() -> None:
    for scan in Bu3dfe(sample_root()).scans():
        mesh = scan.mesh()
        camera = OrthographicCamera.framing(mesh.vertices_mm)
        depth_m = MeshRenderer(mesh, 1).orthographic(camera).depth_m
        half = 73 / camera.mm_per_pixel
        box = FaceBox(256 - half, 256 - half, 256 + half, 256 + half, 0.9)
        measures = measure_face(depth_m, box, None)
        assert measures.relief_mm is not None and 20 < measures.relief_mm < 60, scan.name
        assert depth_doubt(measures) == "", scan.name


def test_the_box_is_measured_at_the_faces_own_distance(seen_m: FloatArray) -> None:
    measures = measure_face(seen_m, BOX, CAMERA.fx)
    assert measures.width_mm == pytest.approx(146, abs=15)
    assert depth_doubt(measures) == ""
    assert measure_face(seen_m, BOX, None).width_mm is None


@pytest.mark.parametrize("factor", [0.1, 0.25, 4.0, 5.0, 10.0, 1000.0])
def test_a_wrong_unit_makes_no_face(seen_m: FloatArray, factor: float) -> None:
    assert "wide" in depth_doubt(measure_face(seen_m * np.float32(factor), BOX, CAMERA.fx))


def test_a_tilted_noisy_sheet_is_flat(seen_m: FloatArray) -> None:
    noise = np.random.default_rng(0).normal(0, 0.004, seen_m.shape)
    sheet = (0.6 + 0.0005 * np.arange(seen_m.shape[1]) + noise).astype(np.float32)
    assert depth_doubt(measure_face(sheet, replace(BOX, x0=240), CAMERA.fx)).startswith(
        "depth is flat"
    )


def test_a_mould_is_inside_out(seen_m: FloatArray) -> None:
    assert depth_doubt(measure_face(np.float32(1.2) - seen_m, BOX, CAMERA.fx)) == (
        "depth is inside out"
    )


def test_where_nothing_is_known_nothing_is_said(seen_m: FloatArray) -> None:
    unknown = np.full_like(seen_m, np.nan)
    outside = FaceBox(-300, -300, -100, -100, 0.9)
    tiny = FaceBox(300, 200, 305, 205, 0.9)
    for box in (BOX, outside, tiny):
        measures = measure_face(unknown, box, CAMERA.fx)
        assert measures == FaceMeasures(None, None, None)
        assert depth_doubt(measures) == ""
