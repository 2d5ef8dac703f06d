from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from app_doubles import analysis_of, sample_frame

from app.live.display import TIME_CONSTANTS_S, Steadiness
from app.start.settings import SMOOTHNESSES
from fercore.expressions import Expression

if TYPE_CHECKING:
    from fercore.structures import Analysis


def said(expression: Expression, time_s: float) -> Analysis:
    frame = replace(sample_frame(), timestamp_s=time_s)
    return analysis_of(frame, expression, expression, None)


def share_of(analysis: Analysis, expression: Expression) -> float:
    assert analysis.verdicts is not None and analysis.verdicts.fusion is not None
    return float(analysis.verdicts.fusion.probabilities[expression.position])


def after_a_change(steadiness: Steadiness, rate_hz: float, seconds: float) -> float:
    """Return how much of the new verdict is shown so long after it came."""
    steadiness.calmed(said(Expression.ANGER, 0.0))
    shown = said(Expression.ANGER, 0.0)
    for frame in range(1, round(seconds * rate_hz) + 1):
        shown = steadiness.calmed(said(Expression.FEAR, frame / rate_hz))
    return share_of(shown, Expression.FEAR)


def test_off_changes_nothing() -> None:
    steadiness = Steadiness("off")
    analysis = said(Expression.ANGER, 0.0)
    assert steadiness.calmed(analysis) is analysis


@pytest.mark.parametrize("smoothness", ["light", "strong"])
def test_a_change_arrives_after_its_time_whatever_the_frame_rate(smoothness: str) -> None:
    word = next(s for s in SMOOTHNESSES if s == smoothness)
    seconds = TIME_CONSTANTS_S[word]
    slow, fast = (after_a_change(Steadiness(word), rate, seconds) for rate in (20, 100))
    assert slow == pytest.approx(0.05 + 0.7 * (1 - np.exp(-1)), abs=0.01)
    assert slow == pytest.approx(fast, abs=0.01)


def test_strong_is_slower_than_light() -> None:
    light, strong = (after_a_change(Steadiness(word), 30, 0.2) for word in ("light", "strong"))
    assert strong < light


def test_what_is_given_stays_raw_and_silent_heads_stay_silent() -> None:
    steadiness = Steadiness("strong")
    steadiness.calmed(said(Expression.ANGER, 0.0))
    raw = said(Expression.FEAR, 0.1)
    shown = steadiness.calmed(raw)
    assert share_of(raw, Expression.FEAR) == pytest.approx(0.75)
    assert share_of(shown, Expression.FEAR) < 0.5
    assert shown.verdicts is not None and shown.verdicts.depth is None
    assert shown.frame is raw.frame
    blind = replace(raw, verdicts=None, reason="no face found")
    assert steadiness.calmed(blind) is blind


@pytest.mark.parametrize("event", ["another face", "time runs backwards", "forgotten"])
def test_nobody_inherits_a_verdict(event: str) -> None:
    steadiness = Steadiness("strong")
    steadiness.calmed(said(Expression.ANGER, 5.0), 1)
    if event == "forgotten":
        steadiness.forget()
    time_s, face = (1.0 if event == "time runs backwards" else 5.1), 1 + (event == "another face")
    shown = steadiness.calmed(said(Expression.FEAR, time_s), face)
    assert share_of(shown, Expression.FEAR) == pytest.approx(0.75)
