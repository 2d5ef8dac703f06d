"""Faces that stand askew in the picture are set upright; upright ones are left alone."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from fercore.datasets.bu3dfe import Bu3dfe
from fercore.datasets.opening import sample_root
from fercore.faces.cropping import crop_face
from fercore.faces.detection import MediapipeFaceDetector
from fercore.faces.head_angle import tilt_deg
from fercore.faces.upright import best_quarters, quarter_turned, upright_face
from fercore.geometry import MeshRenderer, Pose
from fercore.geometry.cameras import project_pinhole
from fercore.networks.preprocessing import Preprocessing
from fercore.structures import FaceBox, Intrinsics, RGBDFrame

CAMERA = Intrinsics(fx=600.0, fy=610.0, cx=300.0, cy=250.0, width=640, height=480)


@pytest.fixture(scope="module")
def frame():
    scan = Bu3dfe(sample_root()).find("F9001_HA04WH")
    view = MeshRenderer(scan.mesh(), 1).pinhole(CAMERA, Pose.frontal(), 600.0)
    return RGBDFrame(view.rgb, view.depth_m, CAMERA, 0.0, 0)


@pytest.fixture(scope="module")
def detector():
    with MediapipeFaceDetector() as found:
        yield found


def tilted(frame, degrees):
    """Return the frame turned counter-clockwise about its middle."""
    size = frame.rgb.shape[1::-1]
    matrix = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), degrees, 1.0)
    depth_m = cv2.warpAffine(
        frame.depth_m, matrix, size, flags=cv2.INTER_NEAREST, borderValue=(np.nan,)
    )
    rgb = cv2.warpAffine(frame.rgb, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    return replace(frame, rgb=rgb, depth_m=depth_m)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_sideways_picture_gives_the_frame_of_the_upright_one(frame, detector, turns):
    lying = quarter_turned(frame, turns)
    more, faces = best_quarters(lying.rgb, detector)
    assert (turns + more) % 4 == 0
    upright = quarter_turned(lying, more)
    assert faces and faces == detector.detect(upright.rgb)
    np.testing.assert_array_equal(upright.rgb, frame.rgb)
    np.testing.assert_array_equal(upright.depth_m, frame.depth_m)
    assert upright.intrinsics == frame.intrinsics
    assert bool(upright.remark) == bool(turns)


def test_the_camera_turns_with_its_picture(frame):
    point_mm = np.array([[30.0, -40.0, 600.0]])
    column, row = project_pinhole(point_mm, CAMERA)[0]
    turned = quarter_turned(frame, 1).intrinsics
    # Counter-clockwise: what was right is above.
    lying_mm = np.array([[-40.0, -30.0, 600.0]])
    np.testing.assert_allclose(project_pinhole(lying_mm, turned)[0], [row, 639 - column])


@pytest.mark.parametrize("degrees", [-55, -30, 25, 45, 60])
def test_a_tilted_face_is_cut_out_nearly_as_if_upright(frame, detector, degrees):
    parameters = Preprocessing()
    straight = crop_face(frame, detector.detect(frame.rgb)[0], parameters)
    askew = tilted(frame, degrees)
    box = detector.detect(askew.rgb)[0]
    found = upright_face(askew, box, tilt_deg(box), detector)
    assert "set upright" in found.remark
    pair = crop_face(askew, found.box, parameters, found.roll_deg)
    alike = np.corrcoef(pair.rgb.ravel(), straight.rgb.ravel())[0, 1]
    as_it_was = crop_face(askew, box, parameters).rgb
    assert alike > 0.75
    assert alike > np.corrcoef(as_it_was.ravel(), straight.rgb.ravel())[0, 1] + 0.1
    assert pair.valid_fraction == pytest.approx(straight.valid_fraction, abs=0.06)
    nearest = np.unravel_index(np.nanargmin(pair.depth_m), pair.depth_m.shape)
    assert np.abs(np.array(nearest) - 34).max() < 12
    middle = np.array([found.box.x0 + found.box.x1, found.box.y0 + found.box.y1]) / 2
    nose = np.unravel_index(np.nanargmin(askew.depth_m), askew.depth_m.shape)[::-1]
    assert np.linalg.norm(middle - nose) < 0.2 * found.box.width


@pytest.mark.parametrize("roll_deg", [None, 0.0, 14.0, -14.0])
def test_an_upright_face_is_not_touched(frame, detector, roll_deg):
    box = FaceBox(230, 160, 380, 310, 0.9)
    assert best_quarters(frame.rgb, detector) == (0, detector.detect(frame.rgb))
    assert quarter_turned(frame, 0) is frame
    found = upright_face(frame, box, roll_deg, detector)
    assert found == (box, 0.0, "")


def test_a_face_that_is_not_found_again_is_called_tilted(frame, detector):
    blank = replace(frame, rgb=np.full_like(frame.rgb, 90))
    box = FaceBox(230, 160, 380, 310, 0.9)
    assert upright_face(blank, box, 40.0, detector).remark == "face tilted by 40°"
