"""Face boxes and landmarks on the sample scans' pictures."""

from __future__ import annotations

import types

import numpy as np
import pytest

from fercore.datasets.bu3dfe import Bu3dfe
from fercore.faces.detection import (
    LANDMARK_COUNT,
    MarkedFace,
    MediapipeFaceDetector,
    MediapipeFaceLandmarker,
)
from fercore.faces.head_angle import POINTS

NOSE_TIP, CHIN, LEFT_EYE, RIGHT_EYE = 4, 152, 263, 33
UPPER_LIP, LOWER_LIP = 13, 14


@pytest.fixture(scope="module")
def detector():
    with MediapipeFaceDetector() as found:
        yield found


@pytest.fixture(scope="module")
def landmarker():
    with MediapipeFaceLandmarker() as found:
        yield found


@pytest.fixture(scope="module")
def pictures(sample_root):
    return [scan.picture_rgb() for scan in Bu3dfe(sample_root).scans()]


@pytest.fixture
def picture(pictures):
    return pictures[0]


def relative_box(x: float, y: float, width: float, height: float):
    box = types.SimpleNamespace(xmin=x, ymin=y, width=width, height=height)
    points = [
        types.SimpleNamespace(x=x + width * share, y=y) for share in (0, 0.2, 0.4, 0.6, 0.8, 1)
    ]
    place = types.SimpleNamespace(relative_bounding_box=box, relative_keypoints=points)
    return types.SimpleNamespace(location_data=place, score=[0.9])


def test_pictures_of_any_size_and_shape_are_borne(detector, landmarker, picture):
    box, points = detector.detect(picture)[0], landmarker.landmarks(picture)
    large = np.repeat(np.repeat(picture, 12, 0), 12, 1)  # 6144 pixels a side
    (found,) = detector.detect(large)
    assert found.x0 / 12 == pytest.approx(box.x0, abs=12)
    assert found.width / 12 == pytest.approx(box.width, rel=0.06)
    np.testing.assert_allclose(landmarker.landmarks(large) / 12, points, atol=6)
    for shape in ((1, 20_000, 3), (20_000, 1, 3)):
        assert detector.detect(np.full(shape, 90, np.uint8)) == []
        assert landmarker.landmarks(np.full(shape, 90, np.uint8)) is None


class TestDetector:
    def test_finds_the_one_face_of_every_sample(self, detector, pictures):
        for rgb in pictures:
            boxes = detector.detect(rgb)
            assert len(boxes) == 1
            assert 0.4 <= boxes[0].score <= 1
            assert 180 < boxes[0].width < 512

    def test_box_lies_on_the_face(self, detector, landmarker, picture):
        box = detector.detect(picture)[0]
        points = landmarker.landmarks(picture)
        for x, y in points[[NOSE_TIP, LEFT_EYE, RIGHT_EYE]]:
            assert box.x0 < x < box.x1
            assert box.y0 < y < box.y1

    def test_points_lie_where_the_mesh_has_them(self, detector, landmarker, picture):
        (face,) = detector.detect(picture)
        assert isinstance(face, MarkedFace)
        assert len(face.points_px) == len(POINTS)
        marks = dict(zip(POINTS, np.array(face.points_px), strict=True))
        mesh = landmarker.landmarks(picture)
        near = 0.12 * face.width
        assert np.linalg.norm(marks["nose"] - mesh[NOSE_TIP]) < near
        assert np.linalg.norm(marks["mouth"] - mesh[[UPPER_LIP, LOWER_LIP]].mean(axis=0)) < near
        for name, corners in (("right eye", (33, 133)), ("left eye", (263, 362))):
            assert np.linalg.norm(marks[name] - mesh[list(corners)].mean(axis=0)) < near
        assert marks["right ear"][0] < marks["nose"][0] < marks["left ear"][0]

    def test_points_follow_a_face_that_fills_the_picture(self, detector, picture):
        whole = detector.detect(picture)[0]
        left, top = max(int(whole.x0), 0), max(int(whole.y0), 0)
        found = detector.detect(picture[top : int(whole.y1), left : int(whole.x1)])[0]
        there = np.array(found.points_px) + np.array([left, top])
        assert np.median(np.abs(there - np.array(whole.points_px))) < 0.08 * whole.width

    def test_finds_a_face_that_fills_the_picture(self, detector, picture):
        box = detector.detect(picture)[0]
        left, top, right, bottom = (int(v) for v in (box.x0, box.y0, box.x1, box.y1))
        close_up = picture[max(top, 0) : bottom, max(left, 0) : right]
        found = detector.detect(close_up)
        assert found
        assert found[0].width > 0.6 * close_up.shape[1]

    def test_finds_a_small_face_in_a_wide_picture(self, detector, picture):
        room = np.full((480, 640, 3), 96, np.uint8)
        room[200:328, 400:528] = picture[::4, ::4]
        box = detector.detect(room)[0]
        assert 400 < (box.x0 + box.x1) / 2 < 528
        assert 200 < (box.y0 + box.y1) / 2 < 328

    def test_larger_of_two_faces_comes_first(self, detector, picture):
        room = np.full((480, 640, 3), 96, np.uint8)
        room[180:308, 40:168] = picture[::4, ::4]
        room[100:356, 320:576] = picture[::2, ::2]
        boxes = detector.detect(room)
        assert len(boxes) == 2
        assert boxes[0].x0 > 320 > boxes[1].x1

    def test_empty_picture_has_no_face(self, detector):
        assert detector.detect(np.full((480, 640, 3), 96, np.uint8)) == []

    def test_faces_made_up_in_the_border_are_dropped(self, detector, monkeypatch):
        """The second search sees 200 × 100 pixels in the middle of 300 × 300."""
        left_of_picture = relative_box(0.0, 0.4, 0.2, 0.2)  # 10 of 60 columns inside
        over_the_edge = relative_box(0.1, 0.4, 0.2, 0.2)  # 40 of 60 columns inside
        above_picture = relative_box(0.5, 0.0, 0.2, 0.2)
        answers = iter([None, [left_of_picture, over_the_edge, above_picture]])
        monkeypatch.setattr(
            detector, "_process", lambda _: types.SimpleNamespace(detections=next(answers))
        )
        (box,) = detector.detect(np.zeros((100, 200, 3), np.uint8))
        assert (box.x0, box.y0, box.x1, box.y1) == pytest.approx((-20, 20, 40, 80))
        assert isinstance(box, MarkedFace)
        assert box.points_px[0] == pytest.approx((-20, 20))
        assert box.points_px[5] == pytest.approx((40, 20))

    def test_answers_are_repeatable(self, detector, picture):
        assert detector.detect(picture) == detector.detect(picture)


class TestLandmarker:
    def test_points_are_where_they_belong(self, landmarker, pictures):
        for rgb in pictures:
            points = landmarker.landmarks(rgb)
            assert points.shape == (LANDMARK_COUNT, 2)
            assert points.dtype == np.float32
            right_eye, left_eye, nose, chin = points[[RIGHT_EYE, LEFT_EYE, NOSE_TIP, CHIN]]
            assert right_eye[0] < nose[0] < left_eye[0]
            assert max(right_eye[1], left_eye[1]) < nose[1] < chin[1]

    def test_points_follow_the_cut_of_the_picture(self, landmarker, picture):
        whole = landmarker.landmarks(picture)
        part = landmarker.landmarks(picture[20:, 30:]) + np.array([30, 20])
        assert np.median(np.linalg.norm(whole - part, axis=1)) < 4

    def test_no_face_no_points(self, landmarker):
        assert landmarker.landmarks(np.full((200, 300, 3), 96, np.uint8)) is None


@pytest.mark.parametrize("model", [MediapipeFaceDetector, MediapipeFaceLandmarker])
class TestLifetime:
    def test_may_be_closed_twice_and_then_refuses(self, model, picture):
        found = model()
        found.close()
        found.close()
        use = found.detect if model is MediapipeFaceDetector else found.landmarks
        with pytest.raises(ValueError, match="closed"):
            use(picture)

    def test_says_nothing_on_the_terminal(self, model, picture, capfd):
        with model() as found:
            use = found.detect if model is MediapipeFaceDetector else found.landmarks
            assert use(picture) is not None
        output = capfd.readouterr()
        assert output.out + output.err == ""
