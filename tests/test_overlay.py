"""What is drawn over the colour picture, and said of a verdict."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
from app_doubles import analysis_of, calm_prediction, prediction, sample_frame
from grabbed_pictures import count
from PySide6.QtGui import QColor, QImage, QPainter

from app.drawing.colours import VERDICT_COLOURS
from app.drawing.overlay import (
    age_text,
    colour_of,
    draw_overlay,
    mark_of,
    shown_text,
    verdict_text,
)
from app.drawing.qimage import to_array, to_qimage
from fercore.expressions import CALM, Expression
from fercore.faces.tracking import TrackedFace
from fercore.structures import Analysis, FaceBox, RGBDFrame, Verdicts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytestqt.qtbot import QtBot

    from fercore.structures import UInt8Array


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
    assert shown_text(prediction(Expression.ANGER, 0.4969)) == "not sure (anger 49 %)"
    assert shown_text(None) == "–"


def test_a_verdict_just_below_the_limit_never_reads_as_if_it_were_sure() -> None:
    assert shown_text(prediction(Expression.ANGER, 0.497)) == "not sure (anger 49 %)"
    assert shown_text(prediction(Expression.ANGER, 0.503)) == "anger 50 %"


def test_calm_is_a_verdict_like_any_other() -> None:
    verdict = calm_prediction(0.8)
    assert shown_text(verdict, Expression.ANGER) == "calm 80 % ✗"
    assert shown_text(verdict, CALM) == "calm 80 % ✓"
    assert shown_text(calm_prediction(0.4)) == "not sure (calm 40 %)"
    assert colour_of(verdict).name().upper() == VERDICT_COLOURS[CALM]
    assert mark_of(prediction(Expression.ANGER), CALM) == ""  # it could not have said calm


def test_ages_are_in_the_unit_that_fits() -> None:
    assert (age_text(0.0484), age_text(1.24)) == ("48 ms ago", "1.2 s ago")


def overlaid(
    analysis: Analysis, faces: Sequence[TrackedFace] = (), age_s: float | None = None
) -> UInt8Array:
    image = QImage(to_qimage(analysis.frame.rgb))
    painter = QPainter(image)
    draw_overlay(painter, analysis, faces, age_s)
    painter.end()
    return to_array(image)


def test_on_a_small_picture_the_plate_leaves_the_face_free(qtbot: QtBot) -> None:
    frame = dataclasses.replace(
        sample_frame(), rgb=np.full((480, 640, 3), 200, np.uint8), depth_m=None
    )
    heights = {}
    for scale in (1.0, 0.55):  # as large as it is, and in a window of 900 by 600
        image = QImage(round(640 * scale), round(480 * scale), QImage.Format.Format_RGB32)
        image.fill(QColor(200, 200, 200))
        painter = QPainter(image)
        painter.scale(scale, scale)
        draw_overlay(painter, dataclasses.replace(analysis_of(frame), pair=None), (), 0.05)
        painter.end()
        dark = np.flatnonzero((to_array(image)[:, round(20 * scale)] < 120).all(axis=-1))
        heights[scale] = dark.max() / image.height()
    assert heights[1.0] == pytest.approx((8 + 4 * 23 + 8) / 480, abs=0.02)
    assert heights[0.55] < 0.18


def test_a_verdict_that_does_not_fit_the_picture_is_elided(qtbot: QtBot) -> None:
    written: list[str] = []

    class Painter(QPainter):
        def drawText(self, *arguments: object) -> None:
            written.append(str(arguments[-1]))

    frame = dataclasses.replace(
        sample_frame(), rgb=np.full((480, 640, 3), 200, np.uint8), depth_m=None
    )
    unsure = prediction(Expression.HAPPINESS, 0.41)
    analysis = dataclasses.replace(
        analysis_of(frame), pair=None, verdicts=Verdicts(unsure, None, None)
    )
    for scale in (1.0, 0.2):
        image = QImage(round(640 * scale), round(480 * scale), QImage.Format.Format_RGB32)
        painter = Painter(image)
        painter.scale(scale, scale)
        draw_overlay(painter, analysis)
        painter.end()
    assert "not sure (happiness 41 %)" in written
    assert written[-1].endswith("…")


def test_overlay_draws_the_box_in_the_verdicts_colour(qtbot: QtBot) -> None:
    frame = dataclasses.replace(
        sample_frame(), rgb=np.full((480, 640, 3), 96, np.uint8), depth_m=None
    )
    analysis = analysis_of(frame, fusion=Expression.SURPRISE)
    assert analysis.pair is not None
    picture = overlaid(analysis)
    left = round(analysis.pair.box.x0)
    edge = picture[200:280, left - 3 : left + 4]
    assert count(edge, VERDICT_COLOURS[Expression.SURPRISE], 30) > 80


def large_frame() -> RGBDFrame:
    return dataclasses.replace(
        sample_frame(), rgb=np.full((480, 640, 3), 96, np.uint8), depth_m=None
    )


def test_an_unsure_verdict_has_no_expressions_colour(qtbot: QtBot) -> None:
    analysis = analysis_of(large_frame(), None, None, None)
    verdicts = Verdicts(prediction(Expression.SURPRISE, 0.4), None, None)
    unsure = overlaid(dataclasses.replace(analysis, verdicts=verdicts))
    sure = overlaid(analysis_of(large_frame(), Expression.SURPRISE, None, None))
    colour = VERDICT_COLOURS[Expression.SURPRISE]
    assert count(unsure, colour) == 0 < count(sure, colour)


def test_of_several_faces_each_has_a_card_and_the_others_a_thin_box(qtbot: QtBot) -> None:
    analysis = analysis_of(large_frame())
    judged = TrackedFace(1, FaceBox(200, 300, 260, 360, 0.9), None, True)
    other = TrackedFace(2, FaceBox(500, 300, 560, 360, 0.9), None, False)
    plain, boxed = overlaid(analysis), overlaid(analysis, (judged, other))
    changed = np.argwhere((plain != boxed).any(axis=-1))
    rows, columns = changed[:, 0], changed[:, 1]
    beside_cards, left = (rows > 290) & (rows < 358), columns < 400
    assert not (beside_cards & left).any()  # the judged face's own box stands there already
    assert 0 < (beside_cards & ~left).sum() < 60 * 60 / 3
    assert (left & ~beside_cards).any() and (~left & ~beside_cards).any()


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
