"""Widgets one by one: what they draw and what they say of it."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from app_doubles import analysis_of, calm_prediction, prediction, sample_frame
from grabbed_pictures import count, picture_of
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QLabel

from app.drawing.colours import VERDICT_COLOURS
from app.window.widgets.banner import Banner
from app.window.widgets.lines import QualityBar, StatusLine
from app.window.widgets.picture_view import ColourView, DepthView
from app.window.widgets.probability_chart import ProbabilityChart
from app.window.widgets.theme import apply_theme, is_dark
from app.window.widgets.timeline import SPAN_S, Timeline
from fercore.expressions import CALM, Expression
from fercore.faces.head_angle import HeadAngle
from fercore.faces.quality import UNKNOWN_QUALITY, Quality
from fercore.structures import Analysis, Verdicts

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


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
    assert bar.text().startswith("– Distance: not known | – Angle: not known | – Depth: not known")
    angle = HeadAngle(-31.2, 4.4, -0.4)
    bar.show_indicators(Quality(1.42, 0.8, 0.9, 128, 0.001, angle).indicators())
    assert bar.text() == (
        "⚠ Distance: too far, 1.42 m | ⚠ Angle: turned away, -31/+4/+0° | ✓ Depth 80 %"
        " | ✓ Sharpness 0.90 | ✓ Light 128 | ✓ Timing +1 ms"
    )
    assert "(-31/+4/+0°); good is yaw/pitch/roll within 25/25/15°" in bar.accessibleDescription()
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
        lengths.append(count(picture_of(chart), VERDICT_COLOURS[Expression.SADNESS]))
    assert lengths[1] / lengths[0] == pytest.approx(2, rel=0.15)
    assert chart.accessibleDescription() == "sadness 80 %"


def test_calm_has_a_bar_and_a_curve_where_it_is_known(qtbot: QtBot) -> None:
    chart, timeline = ProbabilityChart("Fusion"), Timeline()
    qtbot.addWidget(chart)
    qtbot.addWidget(timeline)
    found = []
    for said in (prediction(Expression.SADNESS, 0.8), calm_prediction(0.8)):
        chart.show_prediction(said, None)
        timeline.clear()
        for index in range(300):
            timeline.add(index / 30, said, None)
        timeline.redraw()
        pictures = picture_of(chart), picture_of(timeline, 600, 200)
        found.append([count(picture, VERDICT_COLOURS[CALM], 40) for picture in pictures])
    assert found[0] == [0, 0]
    assert min(found[1]) > 100
    assert chart.accessibleDescription() == "calm 80 %"


def test_chart_without_a_verdict_has_no_bars(qtbot: QtBot) -> None:
    chart = ProbabilityChart("Depth")
    qtbot.addWidget(chart)
    chart.show_prediction(None, Expression.FEAR)
    picture = picture_of(chart)
    assert all(count(picture, colour) == 0 for colour in VERDICT_COLOURS.values())
    assert chart.accessibleDescription() == "–"


def test_timeline_shows_its_span_or_all_and_starts_afresh(qtbot: QtBot) -> None:
    timeline = Timeline()
    qtbot.addWidget(timeline)
    for index in range(450):
        timeline.add(index / 30, prediction(Expression.FEAR), Expression.FEAR)
    assert timeline.length_s == pytest.approx(449 / 30)
    for whole, shown_s in ((True, timeline.length_s), (False, SPAN_S)):
        timeline.show_whole(whole)
        first_s, last_s = timeline.shown_s
        assert last_s - first_s == pytest.approx(shown_s)
    assert timeline.heading == "Fusion: anger, disgust, fear, happiness, sadness, surprise"
    assert count(picture_of(timeline, 600, 200), VERDICT_COLOURS[Expression.FEAR], 40) > 100
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


def test_banner_leaves_its_line_to_a_cameras_verdict(qtbot: QtBot) -> None:
    banner = Banner()
    qtbot.addWidget(banner)
    (truth,) = (
        label
        for label in banner.findChildren(QLabel)
        if label.accessibleName() == "True expression"
    )
    banner.show_camera("good", "live", "")
    banner.show_analysis(analysis_of(sample_frame()), False)
    assert truth.isHidden()
    banner.show_camera("good", "", "")
    banner.show_analysis(analysis_of(sample_frame()), False)
    assert not truth.isHidden()


def test_banner_falls_back_to_rgb_and_says_why(qtbot: QtBot) -> None:
    banner = Banner()
    qtbot.addWidget(banner)
    analysis = analysis_of(sample_frame(), None, Expression.FEAR, None, "no depth from this source")
    banner.show_analysis(analysis, False)
    assert "RGB: fear 60 % (no depth from this source)" in banner.text()
    banner.show_analysis(Analysis(sample_frame(), None, None, "no face found", 0.0), False)
    assert "no face found" in banner.text()


def test_status_line_keeps_long_messages_from_widening_the_window(qtbot: QtBot) -> None:
    status = StatusLine()
    qtbot.addWidget(status)
    status.show_state("playing")
    status.show_message("x" * 1000)
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


def test_a_timeline_of_a_recording_keeps_all_in_the_order_of_places(qtbot: QtBot) -> None:
    timeline = Timeline()
    qtbot.addWidget(timeline)
    timeline.set_length(60.0)
    for time_s in (30.0, 31.0, 2.0, 30.0):
        timeline.add(time_s, None, Expression.FEAR)
    timeline.set_events([(5.0, "stimulus"), (5.2, "answer")])
    first, second = timeline._event_lines
    assert first.label.orthoPos != second.label.orthoPos  # neighbours can both be read
    timeline.show_whole(True)
    times = [line.split("\t")[0] for line in timeline.table().splitlines()[1:]]
    assert times == ["2.0000", "30.0000", "31.0000"] and timeline.length_s == 29
