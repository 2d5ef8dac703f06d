from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from app_doubles import analysis_of, prediction, sample_frame
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QApplication

from app.colours import (
    EXPRESSION_COLOURS,
    UNKNOWN_DEPTH_RGB,
    DepthScale,
    depth_colours,
    fitted_scale,
    viridis,
)
from app.overlay import age_text, draw_overlay, shown_text, verdict_text
from app.qimage import to_array, to_qimage
from app.widgets.banner import Banner
from app.widgets.picture_view import ColourView, DepthView
from app.widgets.probability_chart import ProbabilityChart
from app.widgets.quality_bar import QualityBar
from app.widgets.status_line import StatusLine
from app.widgets.theme import apply_theme, is_dark
from app.widgets.timeline import SPAN_S, Timeline
from app.widgets.transport import Transport
from fercore.expressions import EXPRESSIONS, Expression
from fercore.quality import UNKNOWN_QUALITY, Quality
from fercore.structures import Analysis, FaceBox, RGBDFrame, Verdicts
from fercore.tracking import TrackedFace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtWidgets import QWidget
    from pytestqt.qtbot import QtBot

    from fercore.structures import UInt8Array


def picture_of(widget: QWidget, width: int = 400, height: int = 300) -> UInt8Array:
    widget.resize(width, height)
    return to_array(widget.grab().toImage())


def count(picture: UInt8Array, colour: str, tolerance: int = 12) -> int:
    rgb = np.array(QColor(colour).getRgb()[:3])
    return int((np.abs(picture.astype(int) - rgb).max(axis=-1) <= tolerance).sum())


def test_pictures_survive_the_way_to_qt_and_back() -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (7, 5, 3), np.uint8)
    assert (to_array(to_qimage(rgb)) == rgb).all()
    assert (to_array(to_qimage(rgb[:, ::-1])) == rgb[:, ::-1]).all()


def test_an_image_owns_its_bytes() -> None:
    rgb = np.full((4, 4, 3), 200, np.uint8)
    image = to_qimage(rgb)
    rgb[:] = 0
    assert image.pixelColor(1, 1).red() == 200


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
    assert len(set(EXPRESSION_COLOURS.values())) == len(EXPRESSION_COLOURS) == 6


def test_verdict_text_says_right_or_wrong_only_where_truth_is_known() -> None:
    verdict = prediction(Expression.ANGER, 0.871)
    assert verdict_text(verdict) == "anger 87 %"
    assert verdict_text(verdict, Expression.ANGER) == "anger 87 % ✓"
    assert verdict_text(verdict, Expression.FEAR) == "anger 87 % ✗"
    assert verdict_text(None, Expression.FEAR) == "–"


def test_a_verdict_that_is_not_sure_says_so_and_is_neither_right_nor_wrong() -> None:
    verdict = prediction(Expression.ANGER, 0.41)
    assert shown_text(verdict, Expression.ANGER) == "not sure (anger 41 %)"
    assert shown_text(prediction(Expression.ANGER, 0.6), Expression.ANGER) == "anger 60 % ✓"
    assert shown_text(None) == "–"


def test_ages_are_in_the_unit_that_fits() -> None:
    assert (age_text(0.0484), age_text(1.24)) == ("48 ms old", "1.2 s old")


def overlaid(
    analysis: Analysis, faces: Sequence[TrackedFace] = (), age_s: float | None = None
) -> UInt8Array:
    image = QImage(to_qimage(analysis.frame.rgb))
    painter = QPainter(image)
    draw_overlay(painter, analysis, faces, age_s)
    painter.end()
    return to_array(image)


def test_overlay_draws_the_box_in_the_verdicts_colour(qtbot: QtBot) -> None:
    frame = dataclasses.replace(
        sample_frame(), rgb=np.full((480, 640, 3), 96, np.uint8), depth_m=None
    )
    analysis = analysis_of(frame, fusion=Expression.SURPRISE)
    assert analysis.pair is not None
    picture = overlaid(analysis)
    left = round(analysis.pair.box.x0)
    edge = picture[200:280, left - 3 : left + 4]
    assert count(edge, EXPRESSION_COLOURS[Expression.SURPRISE], 30) > 80


def large_frame() -> RGBDFrame:
    return dataclasses.replace(
        sample_frame(), rgb=np.full((480, 640, 3), 96, np.uint8), depth_m=None
    )


def test_an_unsure_verdict_has_no_expressions_colour(qtbot: QtBot) -> None:
    analysis = analysis_of(large_frame(), None, None, None)
    verdicts = Verdicts(prediction(Expression.SURPRISE, 0.4), None, None)
    unsure = overlaid(dataclasses.replace(analysis, verdicts=verdicts))
    sure = overlaid(analysis_of(large_frame(), Expression.SURPRISE, None, None))
    colour = EXPRESSION_COLOURS[Expression.SURPRISE]
    assert count(unsure, colour) == 0 < count(sure, colour)


def test_other_faces_have_a_thin_box_and_the_judged_one_none_beside_its_own(qtbot: QtBot) -> None:
    analysis = analysis_of(large_frame())
    judged = TrackedFace(1, FaceBox(200, 300, 260, 360, 0.9), None, True)
    other = TrackedFace(2, FaceBox(500, 300, 560, 360, 0.9), None, False)
    plain, boxed = overlaid(analysis), overlaid(analysis, (judged, other))
    changed = np.argwhere((plain != boxed).any(axis=-1))
    assert changed[:, 1].min() > 490 and changed[:, 1].max() < 570
    assert 0 < len(changed) < 60 * 60 / 3


def test_the_age_adds_a_line_to_the_plate(qtbot: QtBot) -> None:
    analysis = analysis_of(large_frame())
    changed = np.argwhere((overlaid(analysis) != overlaid(analysis, (), 0.05)).any(axis=-1))
    assert changed[:, 0].min() > 70 and changed[:, 0].max() < 120


def test_overlay_without_a_face_says_why(qtbot: QtBot) -> None:
    frame = sample_frame()
    plain = overlaid(Analysis(frame, None, None, "", 0.0))
    noted = overlaid(Analysis(frame, None, None, "no face found", 0.0))
    assert (plain == frame.rgb).all()
    changed = np.argwhere((noted != plain).any(axis=-1))
    assert changed[:, 0].min() > 90


def test_colour_view_describes_what_it_shows(qtbot: QtBot) -> None:
    view = ColourView()
    qtbot.addWidget(view)
    blank = picture_of(view)
    view.show_analysis(analysis_of(sample_frame(truth=Expression.ANGER)))
    text = view.accessibleDescription()
    assert "Fusion: anger 75 % ✓" in text
    assert "RGB: fear 60 % ✗" in text
    assert "Depth: sadness 50 % ✗" in text
    assert "True expression: anger" in text
    assert (picture_of(view) != blank).any()


def test_a_click_says_which_pixel_of_the_picture_it_hit(qtbot: QtBot) -> None:
    view = ColourView()
    qtbot.addWidget(view)
    view.resize(400, 400)
    clicks: list[tuple[float, float]] = []
    view.clicked.connect(lambda x, y: clicks.append((x, y)))
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(200, 200))
    assert clicks == []
    view.show_analysis(analysis_of(sample_frame()))
    for place in (QPoint(200, 200), QPoint(100, 275)):
        qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseClick(view, Qt.MouseButton.RightButton, pos=QPoint(200, 200))
    assert clicks == [(80, 60), (40, 90)]


def test_the_age_stays_as_first_painted_until_it_grows(qtbot: QtBot) -> None:
    view = ColourView()
    qtbot.addWidget(view)
    view.show_analysis(analysis_of(sample_frame()), (), time.monotonic() - 5)
    first = picture_of(view)
    time.sleep(0.15)
    assert (picture_of(view) == first).all()
    view.grow_older()
    assert (picture_of(view) != first).any()


def test_quality_is_shown_in_words_and_marks(qtbot: QtBot) -> None:
    bar = QualityBar()
    qtbot.addWidget(bar)
    assert bar.text().startswith("– Distance: not known | – Depth: not known")
    bar.show_indicators(Quality(1.42, 0.8, 0.9, 128, 0.001).indicators())
    assert bar.text() == (
        "⚠ Distance: too far, 1.42 m | ✓ Depth 80 % | ✓ Sharpness 0.90 | ✓ Light 128"
        " | ✓ Timing +1 ms"
    )
    assert "too far (1.42 m); good is 0.25 to 1.2 m" in bar.accessibleDescription()
    bar.show_indicators(UNKNOWN_QUALITY.indicators())
    assert "Timing" not in bar.text() and "⚠" not in bar.text()


def test_depth_view_shows_colours_and_its_scale(qtbot: QtBot) -> None:
    view = DepthView()
    qtbot.addWidget(view)
    view.show_analysis(analysis_of(sample_frame()))
    assert view.accessibleDescription() == "Depth from 375 to 525 millimetres"
    picture = picture_of(view)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 100


def test_depth_view_without_depth_says_so(qtbot: QtBot) -> None:
    view = DepthView()
    qtbot.addWidget(view)
    view.show_analysis(analysis_of(dataclasses.replace(sample_frame(), depth_m=None)))
    assert view.accessibleDescription() == "This source gives no depth"
    assert picture_of(view).std() > 0


def test_chart_bars_are_as_long_as_the_probabilities(qtbot: QtBot) -> None:
    chart = ProbabilityChart("Fusion")
    qtbot.addWidget(chart)
    lengths = []
    for share in (0.4, 0.8):
        chart.show_prediction(prediction(Expression.SADNESS, share), None)
        lengths.append(count(picture_of(chart), EXPRESSION_COLOURS[Expression.SADNESS]))
    assert lengths[1] / lengths[0] == pytest.approx(2, rel=0.15)
    assert chart.accessibleDescription() == "sadness 80 %"


def test_chart_without_a_verdict_has_no_bars(qtbot: QtBot) -> None:
    chart = ProbabilityChart("Depth")
    qtbot.addWidget(chart)
    chart.show_prediction(None, Expression.FEAR)
    picture = picture_of(chart)
    assert all(count(picture, colour) == 0 for colour in EXPRESSION_COLOURS.values())
    assert chart.accessibleDescription() == "–"


def test_timeline_keeps_its_span_and_starts_afresh(qtbot: QtBot) -> None:
    timeline = Timeline()
    qtbot.addWidget(timeline)
    for index in range(450):
        timeline.add(index / 30, prediction(Expression.FEAR), Expression.FEAR)
    assert timeline.length_s == pytest.approx(SPAN_S, abs=0.05)
    timeline.redraw()
    assert count(picture_of(timeline, 600, 200), EXPRESSION_COLOURS[Expression.FEAR], 40) > 100
    timeline.add(0.0, None, None)
    assert timeline.length_s == 0


def test_banner_names_truth_verdict_and_mark(qtbot: QtBot) -> None:
    banner = Banner()
    qtbot.addWidget(banner)
    banner.show_analysis(analysis_of(sample_frame(truth=Expression.ANGER)), True)
    assert banner.text() == "True expression: anger | Fusion: anger 75 % | ✓ correct"
    banner.show_analysis(analysis_of(sample_frame(truth=Expression.FEAR)), True)
    assert banner.text().endswith("| ✗ incorrect")
    banner.show_analysis(analysis_of(sample_frame()), True)
    assert banner.text() == "True expression: neutral | Fusion: anger 75 %"
    banner.show_analysis(analysis_of(sample_frame()), False)
    assert banner.text().startswith("True expression: not known")
    unsure = Verdicts(prediction(Expression.ANGER, 0.4), None, None)
    analysis = analysis_of(sample_frame(truth=Expression.ANGER))
    banner.show_analysis(dataclasses.replace(analysis, verdicts=unsure), True)
    assert banner.text() == "True expression: anger | Fusion: not sure (anger 40 %)"


def test_banner_falls_back_to_rgb_and_says_why(qtbot: QtBot) -> None:
    banner = Banner()
    qtbot.addWidget(banner)
    analysis = analysis_of(sample_frame(), None, Expression.FEAR, None, "no depth from this source")
    banner.show_analysis(analysis, False)
    assert "RGB: fear 60 % (no depth from this source)" in banner.text()
    banner.show_analysis(Analysis(sample_frame(), None, None, "no face found", 0.0), False)
    assert "no face found" in banner.text()


CLIPS = [(s, str(e)) for s in ("F9001", "M9002") for e in EXPRESSIONS]


def test_transport_chooses_subject_and_scan(qtbot: QtBot) -> None:
    transport = Transport()
    qtbot.addWidget(transport)
    transport.set_clips(CLIPS)
    chosen: list[int] = []
    transport.clip_chosen.connect(chosen.append)
    actions = {action.text(): action for action in transport.playback_actions()}
    for text in ("Next scan", "Next subject", "Previous scan", "First scan", "Previous scan"):
        actions[text].trigger()
    assert chosen == [1, 6, 5, 0, 11]
    assert transport.chosen() == ("M9002", "surprise")


def test_transport_follows_the_source(qtbot: QtBot) -> None:
    transport = Transport()
    qtbot.addWidget(transport)
    transport.set_clips(CLIPS)
    transport.set_clip(8)
    assert transport.chosen() == ("M9002", "fear")
    transport.set_clip(99)
    assert transport.chosen() == ("M9002", "fear")


def test_transport_without_clips_offers_nothing_to_choose(qtbot: QtBot) -> None:
    transport = Transport()
    qtbot.addWidget(transport)
    enabled = {a.text() for a in transport.playback_actions() if a.isEnabled()}
    assert enabled == {"Play", "Step one frame", "Slower", "Faster"}


def test_speed_goes_in_steps_and_stops_at_both_ends(qtbot: QtBot) -> None:
    transport = Transport()
    qtbot.addWidget(transport)
    speeds: list[float] = []
    transport.speed_chosen.connect(speeds.append)
    for _ in range(3):
        transport.slower.trigger()
    for _ in range(4):
        transport.faster.trigger()
    assert speeds == [0.5, 0.25, 0.5, 1.0, 2.0]


def test_every_button_tells_its_key(qtbot: QtBot) -> None:
    transport = Transport()
    qtbot.addWidget(transport)
    for action in transport.playback_actions():
        assert action.shortcut().toString() in action.toolTip()


def test_status_line_keeps_long_messages_from_widening_the_window(qtbot: QtBot) -> None:
    status = StatusLine()
    qtbot.addWidget(status)
    status.show_state("playing")
    status.show_trouble("x" * 1000)
    status.show_figures(29.6, 0.0214, 3)
    assert "30 frames/s" in status.text()
    assert "latency 21 ms" in status.text()
    assert "3 dropped" in status.text()
    assert status.minimumSizeHint().width() < 600


@pytest.mark.parametrize(("theme", "dark"), [("dark", True), ("light", False)])
def test_both_themes_reach_the_widgets(qtbot: QtBot, theme: str, dark: bool) -> None:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    before = application.palette()
    apply_theme(application, "dark" if dark else "light")
    chart = ProbabilityChart("Fusion")
    qtbot.addWidget(chart)
    assert is_dark(chart) is dark
    assert bool(picture_of(chart).mean() < 128) is dark
    application.setPalette(before)
