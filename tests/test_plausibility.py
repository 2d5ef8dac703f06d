"""What depth is taken for a face's, and what is not."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from fercore.datasets.bu3dfe import Bu3dfe
from fercore.datasets.opening import sample_root
from fercore.geometry import MeshRenderer, OrthographicCamera, Pose
from fercore.geometry.plausibility import FaceMeasures, depth_doubt, measure_face
from fercore.structures import FaceBox, FloatArray, Intrinsics
from fercore.synthesis.sensors import CAMERAS, DepthSensor

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
        assert measures == FaceMeasures(None, None, None, None, None)
        assert depth_doubt(measures) == ""


@pytest.mark.parametrize("name", CAMERAS)
def test_a_cameras_noise_hides_neither_a_face_nor_a_photograph(name: str) -> None:
    camera, rng = CAMERAS[name], np.random.default_rng(0)
    fx = camera.focals_px[0]
    intrinsics = replace(CAMERA, fx=fx, fy=fx)
    renderer = MeshRenderer(Bu3dfe(sample_root()).scans()[0].mesh(), 1)
    for distance_m in (0.3, 0.45, 0.6, 0.9):
        half = 0.073 * fx / distance_m
        box = FaceBox(320 - half, 230 - half, 320 + half, 230 + half, 0.9)
        face_m = renderer.pinhole(intrinsics, Pose.turned(yaw_deg=15), 1000 * distance_m).depth_m
        seen_m = _noisy(camera.sensor, face_m, rng)
        assert depth_doubt(measure_face(seen_m, box, fx)) == "", distance_m
        if distance_m < 0.7:  # further off, some cameras' noise is as deep as a face
            sheet_m = np.full_like(face_m, distance_m) + np.linspace(0, 0.1, 640, dtype=np.float32)
            doubt = depth_doubt(measure_face(_noisy(camera.sensor, sheet_m, rng), box, fx))
            assert doubt == "depth is flat, as of a photograph"


def _noisy(sensor: DepthSensor, depth_m: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return depth with the sensor's noise of disparity, which neighbours share, and steps."""
    noise = cv2.GaussianBlur(rng.normal(0, 1, depth_m.shape), (0, 0), 2.0)
    disparity = sensor.disparity_px(depth_m) + sensor.noise_px * noise / noise.std()
    steps = np.round(disparity * 32) / 32
    return (sensor.focal_px * sensor.baseline_m / steps).astype(np.float32)
