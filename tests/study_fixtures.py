"""A small study, made-up analyses, and runs recorded from them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from app_doubles import analysis_of, sample_frame

from app.study.desk import Desk
from app.study.run_state import Equipment
from fercore.expressions import EXPRESSIONS, Expression
from fercore.structures import Analysis, FaceBox, FacePair, Prediction, RGBDFrame, Verdicts
from fercore.study.layout import RunPlace, run_place
from fercore.study.participants import enrol
from fercore.study.run_files import Weights
from fercore.study.study_file import load_study

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.structures import UInt8Array

STUDY = """
title = "Reading faces"
purpose = "Whether people read faces better after a film."
privacy = "{privacy}"
colour_codec = "{codec}"
smoothing_s = 0.3
baseline = {baseline}

[[task]]
label = "video"
instruction = "Watch the video."
duration_s = 1

[conditions]
names = ["calm", "happy"]
order = "balanced-latin-square"

[[field]]
name = "age"
kind = "integer"
description = "Age in years."

[[field]]
name = "hand"
kind = "choice"
choices = ["left", "right"]
required = false

[[marker]]
name = "stimulus"
key = "F5"
"""

TOKEN = "a-token-of-ours"  # of remote control


def write_study(
    folder: Path, privacy: str = "derived", codec: str = "ffv1", baseline: bool = False
) -> Path:
    """Write a study file into a new folder; return the folder."""
    folder.mkdir(parents=True)
    text = STUDY.format(privacy=privacy, codec=codec, baseline=str(baseline).lower())
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return folder


def equipment() -> Equipment:
    return Equipment("made-up frames", True, "source", (Weights("fusion-resnet50", "0" * 64),))


def no_faces(rgb: UInt8Array) -> Sequence[FaceBox]:
    return []


def open_desk(
    folder: Path, find_faces: Callable[[UInt8Array], Sequence[FaceBox]] | None = no_faces
) -> Desk:
    return Desk(folder, equipment, find_faces)


def record_run(
    folder: Path,
    subject: str = "01",
    condition: str = "calm",
    analyses: Sequence[Analysis] | None = None,
    markers: Sequence[int] = (5,),
    period_s: float = 1 / 30,
) -> RunPlace:
    """Record a run of frames that seem to come in at a steady rate; return where it lies."""
    desk = open_desk(folder)
    if not (folder / f"sub-{subject}").exists():
        enrol(folder, load_study(folder), subject, {"age": "30"})
    name = desk.start(subject, "1", "video", condition)
    start_s = time.monotonic()
    for number, analysis in enumerate(made_up(12) if analyses is None else analyses):
        host_s = start_s + number * period_s
        desk.add(analysis, host_s)
        if number in markers:
            desk.mark("stimulus", "key", host_s, 0.008)
        _let_write(desk)
    desk.stop()
    desk.close()
    return run_place(folder, name)


def record_two_participants(folder: Path) -> Path:
    """Record both conditions of two participants, and of one a run without a face."""
    study = write_study(folder)
    for subject in ("01", "02"):
        for condition in ("calm", "happy"):
            record_run(study, subject, condition)
    record_run(study, "02", "calm", analyses=[unseen(0), unseen(1)], markers=())
    return study


def _let_write(desk: Desk) -> None:
    """Wait while the picture lanes are busy: these frames come faster than a camera's."""
    for _ in range(200):
        progress = desk.progress()
        assert progress is not None
        counts = progress.counts
        if progress.problem or counts.frames - max(counts.colour_pictures, counts.depth_maps) < 10:
            return
        if not (counts.colour_pictures or counts.depth_maps):
            return
        time.sleep(0.005)


def made_up(number: int, shown: Expression = Expression.ANGER) -> list[Analysis]:
    return [analysis_of(sample_frame(index), fusion=shown) for index in range(number)]


def textured_frame(index: int = 0, height: int = 120, width: int = 160) -> RGBDFrame:
    """Return a frame of noise, with depth of 0.4 to 1.2 m except in the first ten rows."""
    rng = np.random.default_rng(index)
    rgb = rng.integers(0, 255, (height, width, 3), np.uint8)
    depth_m = rng.uniform(0.4, 1.2, (height, width)).astype(np.float32)
    depth_m[:10] = np.nan
    return RGBDFrame(rgb, depth_m, None, index / 30, index)


def neutral(index: int, probabilities: NDArray[np.float64], x_pixels: float = 0.0) -> Analysis:
    """Return an analysis in which all heads say the same of a face at a place."""
    frame = sample_frame(index)
    box = FaceBox(50 + x_pixels, 30, 110 + x_pixels, 90, 0.9)
    pair = FacePair(np.full((96, 96, 3), 120, np.uint8), None, 0.8, box, frame.timestamp_s)
    said = Prediction(np.asarray(probabilities, np.float32), frame.timestamp_s)
    return Analysis(frame, pair, Verdicts(said, said, said), "", 0.004)


def unseen(index: int) -> Analysis:
    """Return an analysis that found no face."""
    return Analysis(sample_frame(index), None, None, "no face found", 0.002)


def evenly() -> NDArray[np.float64]:
    return np.full(len(EXPRESSIONS), 1 / len(EXPRESSIONS))
