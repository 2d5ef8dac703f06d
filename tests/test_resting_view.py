"""The live window's resting face."""

from dataclasses import replace

import numpy as np
from app_doubles import sample_frame
from study_fixtures import neutral

from app.live.display import DURATION_S, RestingFace
from fercore.expressions import Expression
from fercore.structures import Analysis

STERN = np.array([0.5, 0.1, 0.1, 0.1, 0.1, 0.1]) * 0.6  # a face that looks angry at rest
AT_REST = np.append(STERN, 0.4)
SMILES = np.array([0.25, 0.05, 0.05, 0.55, 0.04, 0.04, 0.02])


def frame_at(time_s: float, said: np.ndarray = AT_REST) -> Analysis:
    analysis = neutral(0, said)
    return replace(analysis, frame=replace(sample_frame(0), timestamp_s=time_s))


def taken(face: int = 1) -> RestingFace:
    resting = RestingFace()
    resting.toggle()
    assert "at rest for 3 s" in resting.news
    for index in range(int(30 * DURATION_S) + 2):
        resting.shown(frame_at(index / 30), face)
    return resting


def test_verdicts_are_relative_to_the_face_that_was_taken() -> None:
    resting = taken()
    assert "relative to this resting face" in resting.news
    assert resting.remark == ", relative to the resting face"
    shown = resting.shown(frame_at(4), 1).verdicts
    assert shown is not None and shown.fusion is not None and shown.fusion.label == "calm"
    smiling = resting.shown(frame_at(5, SMILES), 1).verdicts
    assert smiling is not None and smiling.fusion is not None
    assert smiling.fusion.label == Expression.HAPPINESS


def test_the_key_again_or_another_face_ends_it() -> None:
    for end in (lambda r: r.toggle(), lambda r: r.shown(frame_at(4), 2)):
        resting = taken()
        end(resting)
        assert resting.remark == "" and resting.news
        judged = frame_at(5)
        assert resting.shown(judged, 2) is judged


def test_a_face_that_is_lost_for_a_moment_is_the_same() -> None:
    resting = taken()
    resting.shown(frame_at(4), None)
    resting.shown(frame_at(5), 1)
    assert resting.remark == ", relative to the resting face"


def test_a_face_that_moves_is_refused_with_a_reason() -> None:
    resting = RestingFace()
    resting.toggle()
    for index in range(95):
        moved = neutral(0, AT_REST, 2.0 * index)
        timed = replace(moved, frame=replace(sample_frame(0), timestamp_s=index / 30))
        resting.shown(timed, 1)
    assert resting.news.startswith("The head moved during the resting face")
    assert resting.remark == ""
