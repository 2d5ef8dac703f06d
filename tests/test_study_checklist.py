"""The study's checklist and equipment: what is red, by which figures, of which camera."""

from __future__ import annotations

import time

import numpy as np
import pytest
from app_doubles import TickSource, analysis_of, sample_frame

from app.live.inference import Judged
from app.sources.base import Arrival, Condition, Health
from app.window.study.checks import ClockWatch, LiveFigures, Observed, Surroundings, all_checks
from app.window.study.mode import equipment_of
from fercore.errors import FercoreError
from fercore.faces.quality import measure
from fercore.structures import Analysis, FaceBox, FacePair
from fercore.study.predictions import Flag, flags_of

GREEN = Observed(30.0, 1.0, 0.6, 120.0, 0.9)
AROUND = Surroundings(None, 50_000_000_000, False, "", False, ())


class Camera(TickSource):
    """A live source in a given condition."""

    name = "camera 7"

    def __init__(self, health: Health = Health.GOOD) -> None:
        super().__init__()
        self.condition = Condition(health, "" if health is Health.GOOD else "It is covered.")


def red(observed: Observed, around: Surroundings) -> set[str]:
    return {check.item for check in all_checks(observed, around) if not check.passed}


@pytest.mark.parametrize(
    ("observed", "around", "items"),
    [
        (GREEN, AROUND._replace(source=Camera()), set()),
        (GREEN, AROUND, {"camera"}),
        (GREEN, AROUND._replace(source=Camera(Health.DOUBTFUL)), {"camera"}),
        (GREEN, AROUND._replace(source=TickSource()), {"camera"}),
        (Observed(), AROUND, {"camera", "distance", "light", "valid depth", "frame rate"}),
        (GREEN._replace(distance_m=1.4, brightness=20.0), AROUND, {"camera", "distance", "light"}),
        (
            GREEN._replace(brightness=250.0, valid_share=0.1),
            AROUND,
            {"camera", "light"} | {"valid depth"},
        ),
        (
            GREEN,
            AROUND._replace(bytes_free=10**8, clock="the date is wrong"),
            {"camera", "disk", "clock"},
        ),
        (GREEN, AROUND._replace(bytes_free=5 * 10**9, keeps_videos=True), {"camera", "disk"}),
        (GREEN, AROUND._replace(lsl_on=True, lsl_missing=("PsychoPy",)), {"camera", "LSL"}),
    ],
)
def test_the_checklist_is_red_where_something_is_wrong(
    observed: Observed, around: Surroundings, items: set[str]
) -> None:
    assert red(observed, around) == items


@pytest.mark.parametrize(
    ("face", "background", "word"),
    [(40, 140, "too dark"), (120, 10, "good"), (230, 90, "too bright")],
)
def test_bar_checklist_and_flags_measure_the_same(face: int, background: int, word: str) -> None:
    """The face fills the middle of its crop; what lies around it is not the face's light."""
    rgb = np.full((96, 96, 3), background, np.uint8)
    rgb[16:80, 16:80] = face
    depth_m = np.full((64, 64), 3.0, np.float32)
    depth_m[12:52, 12:52] = 0.6
    pair = FacePair(rgb, depth_m, 0.9, FaceBox(10, 10, 110, 110, 0.9), 0.0)
    analysis = Analysis(sample_frame(), pair, None, "", 0.0)
    bar = {one.name: one.word for one in measure(pair).indicators()}
    figures = LiveFigures()
    figures.add(Judged(Arrival(sample_frame(), TickSource(), 0, time.monotonic()), analysis))
    failing = red(figures.observed(), AROUND._replace(source=Camera())) - {"frame rate"}
    recorded = {Flag.DARK, Flag.BRIGHT}.intersection(flags_of(analysis))
    assert (bar["Light"], bar["Distance"]) == (word, "good")
    assert failing == (set() if word == "good" else {"light"})
    expected = {"too dark": {Flag.DARK}, "good": set(), "too bright": {Flag.BRIGHT}}
    assert recorded == expected[word]


def test_a_clock_that_is_set_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    watch = ClockWatch()
    assert watch.problem() == ""
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3600)
    assert "set by +3600.0 s" in watch.problem()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert "the date is wrong" in watch.problem()


def test_figures_are_those_of_the_last_seconds() -> None:
    import time

    figures = LiveFigures()
    assert figures.observed() == Observed()
    now_s = time.monotonic()
    for age_s in (5.0, 0.2, 0.1):
        arrival = Arrival(sample_frame(), TickSource(), 0, now_s - age_s)
        figures.add(Judged(arrival, analysis_of(sample_frame())))
    observed = figures.observed()
    assert (observed.frames_per_second, observed.face_share) == (1.0, 1.0)
    assert (observed.brightness, observed.distance_m, observed.valid_share) == (0.0, None, None)


def test_equipment_names_source_and_clock() -> None:
    equipment = equipment_of(Camera(), ())
    assert (equipment.source, equipment.synthetic) == ("camera 7", False)
    assert equipment.device_clock == "source"
    with pytest.raises(FercoreError, match="No camera is open"):
        equipment_of(None, ())
