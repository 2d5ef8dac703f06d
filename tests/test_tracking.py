"""Faces followed through frames, with a detector that knows where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from fercore.faces.detection import MarkedFace
from fercore.faces.head_angle import MEAN_FACE_MM
from fercore.faces.tracking import DETECT_EVERY, HOLD_S, FaceTracker
from fercore.geometry import Pose
from fercore.structures import FaceBox, RGBDFrame

if TYPE_CHECKING:
    from fercore.structures import FloatArray, UInt8Array

PERIOD_S = 1 / 30
TEXTURES = (
    np.random.default_rng(4).integers(0, 255, (3, 8, 8, 3), np.uint8).repeat(10, 1).repeat(10, 2)
)
SIDE = TEXTURES.shape[1]


class Scene:
    """Up to three faces on a wall; also the detector that sees them all."""

    def __init__(self) -> None:
        self.places: dict[int, tuple[int, int]] = {0: (60, 50)}
        self.distances_m: dict[int, float] = {}
        self.jitter = 0.0
        self.asked = 0
        self.closed = 0
        self.time_s = 0.0
        self.index = 0
        self._draws = np.random.default_rng(1)

    def frame(self, step_s: float = PERIOD_S) -> RGBDFrame:
        rgb = np.full((240, 320, 3), 90, np.uint8)
        depth_m = np.full((240, 320), np.nan, np.float32)
        for face, (x, y) in self.places.items():
            rgb[y : y + SIDE, x : x + SIDE] = TEXTURES[face][:, : 320 - x]
            depth_m[y : y + SIDE, x : x + SIDE] = self.distances_m.get(face, np.nan)
        self.time_s += step_s
        self.index += 1
        return RGBDFrame(rgb, depth_m, None, self.time_s, self.index)

    def detect(self, rgb: UInt8Array) -> list[FaceBox]:
        self.asked += 1
        off = self._draws.normal(0, self.jitter, (len(self.places), 4)) if self.jitter else None
        found = []
        for number, (x, y) in enumerate(self.places.values()):
            dx0, dy0, dx1, dy1 = (0, 0, 0, 0) if off is None else off[number]
            found.append(FaceBox(x + dx0, y + dy0, x + SIDE + dx1, y + SIDE + dy1, 0.9))
        return found

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def tracker(scene: Scene) -> FaceTracker:
    return FaceTracker(scene)


def followed(tracker: FaceTracker) -> int | None:
    return next((face.identity for face in tracker.faces if face.followed), None)


def test_the_detector_is_asked_every_few_frames_and_the_box_moves_on_between(
    scene: Scene, tracker: FaceTracker
) -> None:
    for step in range(12):
        scene.places[0] = (60 + 3 * step, 50 + 2 * step)
        box = tracker.follow(scene.frame())
        assert box is not None
        assert box.x0 == pytest.approx(60 + 3 * step, abs=4)
        assert box.y0 == pytest.approx(50 + 2 * step, abs=4)
        assert box.width == pytest.approx(SIDE, abs=1)
    assert scene.asked == 12 // DETECT_EVERY
    assert {face.identity for face in tracker.faces} == {1}


def test_a_jump_is_followed_at_once(scene: Scene, tracker: FaceTracker) -> None:
    tracker.follow(scene.frame())
    scene.places[0] = (180, 120)
    box = tracker.follow(scene.frame())
    assert box is not None
    assert (box.x0, box.y0) == (180, 120)
    assert scene.asked == 2


def test_the_box_is_calmer_than_the_detector(scene: Scene, tracker: FaceTracker) -> None:
    scene.jitter = 1.5
    boxes = [tracker.follow(scene.frame()) for _ in range(60)]
    edges = np.array([(box.x0, box.x1) for box in boxes if box is not None])
    assert len(edges) == 60
    assert np.abs(np.diff(edges, axis=0)).mean() < 0.5
    assert abs(edges.mean(0) - (60, 60 + SIDE)).max() < 1.5


def test_a_face_that_vanishes_is_gone_in_the_same_frame(scene: Scene, tracker: FaceTracker) -> None:
    for _ in range(4):
        assert tracker.follow(scene.frame()) is not None
    scene.places.clear()
    for _ in range(5):
        assert tracker.follow(scene.frame()) is None
        assert tracker.faces == ()


def test_a_face_leaving_over_the_edge_is_lost_without_an_error(
    scene: Scene, tracker: FaceTracker
) -> None:
    for x in range(200, 320, 12):
        scene.places[0] = (x, 50)
        box = tracker.follow(scene.frame())
        assert box is None or box.x0 < 320
    assert box is None


def test_identity_survives_a_short_loss_and_ends_with_a_long_one(
    scene: Scene, tracker: FaceTracker
) -> None:
    place = scene.places[0]
    tracker.follow(scene.frame())
    scene.places.clear()
    for _ in range(10):
        tracker.follow(scene.frame())
    scene.places[0] = place
    tracker.follow(scene.frame())
    assert followed(tracker) == 1
    scene.places.clear()
    for _ in range(round(HOLD_S / PERIOD_S) + 2):
        tracker.follow(scene.frame())
    scene.places[0] = place
    tracker.follow(scene.frame())
    assert followed(tracker) == 2


def two_faces(scene: Scene, near_m: float, far_m: float) -> None:
    scene.places = {0: (20, 60), 1: (200, 60)}
    scene.distances_m = {0: far_m, 1: near_m}


def test_the_nearest_face_is_followed_and_others_take_over_only_when_clearly_nearer(
    scene: Scene, tracker: FaceTracker
) -> None:
    two_faces(scene, near_m=0.6, far_m=1.2)
    box = tracker.follow(scene.frame())
    assert box is not None and box.x0 == 200
    assert [face.distance_m for face in tracker.faces] == [
        pytest.approx(0.6),
        pytest.approx(1.2),
    ]
    near = followed(tracker)
    scene.distances_m[0] = 0.55
    tracker.follow(scene.frame())
    assert followed(tracker) == near
    scene.distances_m[0] = 0.3
    tracker.follow(scene.frame())
    assert followed(tracker) != near


def test_without_depth_the_largest_face_is_followed(
    scene: Scene, tracker: FaceTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes = [FaceBox(0, 0, 60, 60, 0.9), FaceBox(100, 60, 220, 180, 0.8)]
    monkeypatch.setattr(scene, "detect", lambda rgb: boxes)
    rgb = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    assert tracker.detect(rgb) == [boxes[1], boxes[0]]


def test_while_the_followed_face_is_lost_for_a_moment_nobody_else_is_judged(
    scene: Scene, tracker: FaceTracker
) -> None:
    two_faces(scene, near_m=0.6, far_m=1.2)
    tracker.follow(scene.frame())
    del scene.places[1]
    assert tracker.follow(scene.frame()) is None
    assert [face.followed for face in tracker.faces] == [False]
    for _ in range(round(HOLD_S / PERIOD_S) + 2):
        box = tracker.follow(scene.frame())
    assert box is not None and box.x0 == pytest.approx(20, abs=0.5)


def test_a_click_chooses_a_face_for_good(scene: Scene, tracker: FaceTracker) -> None:
    two_faces(scene, near_m=0.6, far_m=1.2)
    tracker.follow(scene.frame())
    tracker.select(5, 5)  # nobody there
    tracker.follow(scene.frame())
    assert tracker.faces[0].distance_m == pytest.approx(0.6)
    tracker.select(40, 90)
    for _ in range(2 * DETECT_EVERY):
        box = tracker.follow(scene.frame())
    assert box is not None and box.x0 == pytest.approx(20, abs=0.5)


@pytest.mark.parametrize("step_s", [-5.0, 5.0])
def test_another_clip_starts_afresh(scene: Scene, tracker: FaceTracker, step_s: float) -> None:
    tracker.follow(scene.frame())
    tracker.follow(scene.frame())
    asked = scene.asked
    tracker.follow(scene.frame(step_s))
    assert scene.asked == asked + 1
    assert followed(tracker) == 2


def test_a_clock_that_stands_still_brings_no_lost_face_back(
    scene: Scene, tracker: FaceTracker
) -> None:
    tracker.follow(scene.frame(0.0))
    scene.places.clear()
    assert tracker.follow(scene.frame(0.0)) is None


def test_pictures_of_changing_size_and_empty_depth_do_no_harm(tracker: FaceTracker) -> None:
    unknown: FloatArray = np.full((240, 320), np.nan, np.float32)
    rgb = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    assert tracker.follow(RGBDFrame(rgb, unknown, None, 1.0, 0)) is not None
    assert tracker.faces[0].distance_m is None
    small = np.ascontiguousarray(rgb[:20, :20])
    assert tracker.follow(RGBDFrame(small, None, None, 1.03, 1)) is None


def marked(x: float, y: float, yaw_deg: float) -> MarkedFace:
    """Return a face as large as a texture, turned, with its points."""
    turned = MEAN_FACE_MM @ Pose.turned(yaw_deg).rotation.T.astype(np.float64)
    seen = turned[:, :2] * np.array([300, -300]) / (600 - turned[:, 2:])  # from 60 cm
    points = np.array([x + SIDE / 2, y + SIDE / 2]) + seen
    return MarkedFace(x, y, x + SIDE, y + SIDE, 0.9, tuple((a, b) for a, b in points.tolist()))


def test_the_heads_angle_follows_the_detections_calmly(
    scene: Scene, tracker: FaceTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    yaw_deg = 0.0
    monkeypatch.setattr(scene, "detect", lambda rgb: [marked(*scene.places[0], yaw_deg)])
    tracker.follow(scene.frame())
    first = tracker.faces[0].angle
    assert first is not None and first.yaw_deg == pytest.approx(0, abs=1)
    yaw_deg = 30.0
    shown = []
    for _ in range(12 * DETECT_EVERY):
        tracker.follow(scene.frame())
        angle = tracker.faces[0].angle
        assert angle is not None
        shown.append(angle.yaw_deg)
    assert 8 < max(shown[:DETECT_EVERY]) < 16
    assert shown == sorted(shown)
    assert shown[-1] == pytest.approx(30, abs=2)


def test_a_detector_without_points_gives_no_angle(scene: Scene, tracker: FaceTracker) -> None:
    tracker.follow(scene.frame())
    assert tracker.faces[0].angle is None


def test_closing_closes_the_detector(scene: Scene, tracker: FaceTracker) -> None:
    tracker.close()
    assert scene.closed == 1
