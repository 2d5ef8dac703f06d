"""Several people in view: each has a number and a verdict; a recording says whose its rows are."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from app_doubles import TickSource, analysis_of, sample_frame
from PySide6.QtGui import QImage, QPainter
from study_fixtures import open_desk, write_study

from app.drawing.colours import VERDICT_COLOURS
from app.drawing.overlay import card_text, draw_overlay
from app.drawing.qimage import to_array
from app.live.capture import Latest
from app.live.inference import Inference, Judged, OtherFaces
from app.sources.base import Arrival
from fercore.expressions import Expression
from fercore.faces.tracking import TrackedFace
from fercore.structures import FaceBox
from fercore.study.layout import run_place
from fercore.study.participants import enrol
from fercore.study.predictions import COLUMNS, Flag, read_predictions
from fercore.study.study_file import load_study

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.structures import Analysis, RGBDFrame


def face(identity: int, followed: bool = False) -> TrackedFace:
    x = 30.0 * identity
    return TrackedFace(identity, FaceBox(x, 20, x + 25, 50, 0.9), 0.5, followed)


FOUR = (face(1, followed=True), face(2), face(3), face(4))
SAID = {2: Expression.FEAR, 3: Expression.SADNESS, 4: Expression.SURPRISE}


class Crowd:
    """Follows face 1; the others say each what is theirs."""

    def __init__(self) -> None:
        self.faces: tuple[TrackedFace, ...] = ()
        self.asked: list[int] = []

    def follow_faces(self) -> None:
        """Do so anyway."""

    def select_face(self, x: float, y: float) -> None:
        """Stay with the first."""

    def analyse(self, frame: RGBDFrame) -> Analysis:
        self.faces = FOUR
        return analysis_of(frame, fusion=Expression.ANGER)

    def analyse_face(self, frame: RGBDFrame, face: TrackedFace) -> Analysis:
        self.asked.append(face.identity)
        return analysis_of(frame, fusion=SAID[face.identity])

    def close(self) -> None:
        """Hold nothing."""


def test_others_are_judged_in_turn_and_forgotten_when_they_leave() -> None:
    crowd = Crowd()
    others = OtherFaces(crowd)
    for _ in range(6):
        others.look(sample_frame(), FOUR)
    assert crowd.asked == [2, 3, 4, 2, 3, 4]
    told = {face.identity: face.verdict for face in others.told(FOUR)}
    assert told[1] is None and [told[n].label for n in SAID if told[n]] == list(SAID.values())
    others.look(sample_frame(), FOUR[:2])
    others.look(sample_frame(), (*FOUR, face(5)))
    assert crowd.asked[6:] == [2, 3]
    others.look(sample_frame(), FOUR[:1])
    assert crowd.asked[8:] == [] and others.told(FOUR)[1].verdict is None


def test_a_face_alone_costs_one_judgement() -> None:
    crowd, frames, results = Crowd(), Latest[Arrival](), Latest[Judged]()
    inference = Inference(lambda: crowd, frames, results)
    inference.start()
    shown = []
    for number in range(5):
        frames.put(Arrival(sample_frame(number), TickSource(), 0, time.monotonic()))
        shown.append(results.take(20.0))
    inference.stop()
    inference.join(20.0)
    assert crowd.asked[:4] == [2, 3, 4, 2]
    last = shown[-1]
    assert last is not None
    assert [f.verdict.label if f.verdict else None for f in last.faces] == [None, *SAID.values()]
    lonely = OtherFaces(crowd)
    before = len(crowd.asked)
    lonely.look(sample_frame(), FOUR[:1])
    assert len(crowd.asked) == before


def test_each_face_has_a_card_in_its_colour(qapp: object) -> None:
    analysis = analysis_of(sample_frame())
    told = [replace(f, verdict=_said(f)) for f in FOUR]
    assert card_text(told[1], told[1].verdict) == "2  fear 75 %"
    image = QImage(640, 480, QImage.Format.Format_RGB32)
    image.fill(0)
    painter = QPainter(image)
    painter.scale(4, 4)
    draw_overlay(painter, analysis, told)
    painter.end()
    pixels = to_array(image).astype(int)
    for expression in SAID.values():
        colour = [int(VERDICT_COLOURS[expression][at : at + 2], 16) for at in (1, 3, 5)]
        assert (np.abs(pixels - colour).max(axis=2) < 12).sum() > 60


def test_a_run_records_the_followed_face_alone_and_flags_the_others(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study")
    enrol(study, load_study(study), "01", {"age": "30"})
    desk = open_desk(study)
    name = desk.start("01", "1", "video", "calm")
    analysis, now_s = analysis_of(sample_frame()), time.monotonic()
    for number, faces in enumerate(((), FOUR[:1], FOUR)):
        desk.add(analysis, now_s + number / 30, None, faces)
    desk.stop()
    desk.close()
    rows = read_predictions(run_place(study, name).predictions)
    assert np.array_equal(rows.faces, [np.nan, 1, 1], equal_nan=True)
    assert [Flag.OTHER_FACES in flags for flags in rows.flags] == [False, False, True]


def test_tables_without_the_column_stay_readable() -> None:
    assert next(column for column in COLUMNS if column.name == "face").added


def _said(face: TrackedFace) -> object:
    verdicts = analysis_of(sample_frame(), fusion=SAID.get(face.identity)).verdicts
    return verdicts.fusion if verdicts else None
