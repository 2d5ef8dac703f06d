from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from app_doubles import analysis_of
from PySide6.QtCore import QPoint, Qt

from app.drawing.point_cloud import GROUND_RGB, MOST_POINTS, PointCloud, face_cloud, rendered
from app.drawing.qimage import to_array
from app.window.widgets.cloud_view import CloudDock, CloudView
from fercore.structures import Analysis, FaceBox, Intrinsics, RGBDFrame

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

CAMERA = Intrinsics(600.0, 600.0, 320.0, 240.0, 640, 480)
BOX = FaceBox(220, 140, 420, 340, 0.9)


def ball_frame() -> RGBDFrame:
    """Return a red ball of 8 cm radius half a metre away, before a wall."""
    rows, columns = np.mgrid[0:480, 0:640]
    x, y = (columns - 320) * 0.5 / 600, (rows - 240) * 0.5 / 600
    reach = 0.08**2 - x**2 - y**2
    depth_m = np.where(reach > 0, 0.5 - np.sqrt(np.maximum(reach, 0)), 1.3).astype(np.float32)
    rgb = np.where((reach > 0)[..., None], (200, 30, 30), (90, 90, 90)).astype(np.uint8)
    return RGBDFrame(rgb, depth_m, CAMERA, 0.0, 0)


def seen(picture: np.ndarray) -> np.ndarray:
    """Return where there is something, (side, side)."""
    return np.asarray((picture != np.array(GROUND_RGB)).any(axis=-1))


def test_points_are_the_faces_in_metres_and_the_wall_is_left_out() -> None:
    cloud = face_cloud(ball_frame(), BOX)
    assert cloud is not None
    assert 1000 < len(cloud.points_m) <= MOST_POINTS
    assert (cloud.rgb == (200, 30, 30)).all()
    assert np.abs(cloud.points_m[:, :2]).max() == pytest.approx(0.08, abs=0.012)
    assert np.ptp(cloud.points_m[:, 2]) == pytest.approx(0.08, abs=0.02)


def test_without_depth_there_are_no_points() -> None:
    frame = ball_frame()
    assert face_cloud(replace(frame, depth_m=None), BOX) is None
    unknown = np.full((480, 640), np.nan, np.float32)
    assert face_cloud(replace(frame, depth_m=unknown), BOX) is None
    assert face_cloud(frame, FaceBox(-300, -300, -100, -100, 0.9)) is None


def test_an_unknown_camera_gives_a_face_of_usual_size() -> None:
    cloud = face_cloud(replace(ball_frame(), intrinsics=None), BOX)
    assert cloud is not None
    assert 0.1 < np.ptp(cloud.points_m[:, 0]) <= 0.2


def test_the_nearest_point_hides_the_others() -> None:
    points = np.array([[0, 0, 0.05], [0, 0, -0.05], [0, 0, 0.01]], np.float32)
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    cloud = PointCloud(points, colours, 0.01)
    assert tuple(rendered(cloud, 101, 0, 0)[50, 50]) == (0, 255, 0)
    assert tuple(rendered(cloud, 101, 180, 0)[50, 50]) == (255, 0, 0)


def test_turning_moves_what_is_near_to_the_side() -> None:
    tip = PointCloud(np.array([[0, 0, -0.08]], np.float32), np.array([[9, 250, 9]], np.uint8), 0.01)

    def place(yaw: float, pitch: float) -> tuple[float, float]:
        rows, columns = np.nonzero(seen(rendered(tip, 101, yaw, pitch)))
        return float(columns.mean()), float(rows.mean())

    assert place(0, 0) == pytest.approx((50, 50), abs=1)
    assert place(60, 0)[0] > 65 and place(-60, 0)[0] < 35
    assert place(0, 45)[1] > 65


def test_points_outside_the_picture_are_left_out() -> None:
    far = PointCloud(np.array([[5, 5, 0]], np.float32), np.array([[9, 9, 250]], np.uint8), 0.01)
    assert not seen(rendered(far, 64, 0, 0)).any()


@pytest.fixture
def view(qtbot: QtBot) -> CloudView:
    widget = CloudView()
    qtbot.addWidget(widget)
    widget.resize(300, 300)
    widget.show()
    return widget


def ball_analysis(time_s: float = 0.0) -> Analysis:
    analysis = analysis_of(replace(ball_frame(), timestamp_s=time_s))
    assert analysis.pair is not None
    return replace(analysis, pair=replace(analysis.pair, box=BOX))


def test_the_view_shows_the_face_and_says_when_there_is_none(view: CloudView) -> None:
    assert view.accessibleDescription() == "No face in depth"
    view.show_analysis(ball_analysis())
    assert view.accessibleDescription().endswith("points")
    picture = to_array(view.grab().toImage())
    assert (np.abs(picture.astype(int) - (200, 30, 30)).max(axis=-1) < 12).sum() > 2000
    view.show_analysis(replace(ball_analysis(1.0), pair=None))
    assert view.accessibleDescription() == "No face in depth"


def test_dragging_and_arrows_turn_it_and_home_turns_it_back(qtbot: QtBot, view: CloudView) -> None:
    view.show_analysis(ball_analysis())
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(100, 100))
    qtbot.mouseMove(view, QPoint(160, 140))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(160, 140))
    assert (view.yaw_deg, view.pitch_deg) == pytest.approx((30, 20))
    qtbot.keyClick(view, Qt.Key.Key_Down)
    assert view.pitch_deg == pytest.approx(30)
    for _ in range(30):
        qtbot.keyClick(view, Qt.Key.Key_Left)
    assert view.yaw_deg == -90
    qtbot.keyClick(view, Qt.Key.Key_Home)
    assert (view.yaw_deg, view.pitch_deg) == (0, 0)


def test_it_takes_few_frames_and_none_while_hidden(view: CloudView) -> None:
    view.show_analysis(ball_analysis(0.0))
    view.show_analysis(replace(ball_analysis(0.03), pair=None))
    assert view.accessibleDescription().endswith("points")
    view.clear()
    view.hide()
    view.show_analysis(ball_analysis(5.0))
    assert view.accessibleDescription() == "No face in depth"


def test_the_dock_is_hidden_until_asked_for(qtbot: QtBot) -> None:
    dock = CloudDock()
    qtbot.addWidget(dock)
    assert dock.isHidden()
    assert dock.toggleViewAction().shortcut().toString() == "Ctrl+3"
