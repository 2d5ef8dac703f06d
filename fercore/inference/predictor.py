"""From a frame to three verdicts: detect, crop, infer.

`Predictor` is what the application, the `predict` command and a user's own
script call; it is meant for use from one thread. For a camera it follows one face
from frame to frame; single pictures are judged each by itself.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import numpy as np

from fercore.faces.cropping import crop_face
from fercore.faces.head_angle import tilt_deg
from fercore.faces.quality import contradiction, depth_defect
from fercore.faces.tracking import FaceTracker
from fercore.faces.upright import SURE_SCORE, best_quarters, quarter_turned, upright_face
from fercore.geometry.plausibility import depth_doubt, measure_face
from fercore.inference.engines import load_engine
from fercore.networks.checkpoints import shipped_checkpoint
from fercore.networks.paper import verdict_probabilities
from fercore.networks.preprocessing import depth_input, rgb_input
from fercore.runtime.stopwatch import Stopwatch
from fercore.structures import Analysis, FacePair, Prediction, RGBDFrame, Verdicts

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from fercore.faces.detection import FaceDetector
    from fercore.faces.tracking import TrackedFace
    from fercore.faces.upright import UprightFace
    from fercore.inference.engines import Engine
    from fercore.networks.checkpoints import ModelCard
    from fercore.networks.paper import Logits
    from fercore.structures import FaceBox, FloatArray

DETECT, CROP, INPUTS, NETWORKS = "detect", "crop", "inputs", "networks"
"""The stages that a predictor's stopwatch counts; an engine that measures adds its own."""

MOST_FACES = 4  # of a frame that are judged
NO_FACE = "no face found"
_LOOK_AROUND_EVERY = 5  # frames without a face: a sideways one is looked for, which takes longer
NO_COLOUR = "no colour, for the scan has no texture"


class Predictor:
    """A trained pipeline on an engine, and a face detector."""

    def __init__(self, engine: Engine, card: ModelCard, detector: FaceDetector) -> None:
        self.card = card
        self.engine = engine
        self.stopwatch = Stopwatch()
        self._detector = detector
        self._tracker: FaceTracker | None = None
        self._quarters = 0  # by which the frames of a stream are turned
        self._without_face = 0  # frames of a stream, until now

    @classmethod
    def from_pipeline(cls, pipeline: str) -> Self:
        """Load the weights that come with the project, see `from_checkpoint`.

        Raises:
            CheckpointError: there are none of this pipeline, or they are damaged.
        """
        return cls.from_checkpoint(shipped_checkpoint(pipeline))

    @classmethod
    def from_checkpoint(cls, path: Path) -> Self:
        """Load a checkpoint (.safetensors beside its card) into the machine's best engine.

        Raises:
            CheckpointError: it is missing, damaged or does not fit.
        """
        engine, card = load_engine(path)
        return cls.on_engine(engine, card)

    @classmethod
    def on_engine(cls, engine: Engine, card: ModelCard) -> Self:
        """Join an engine that was chosen by hand with the face detector."""
        from fercore.faces.detection import MediapipeFaceDetector

        return cls(engine, card, MediapipeFaceDetector())

    def follow_faces(self) -> None:
        """Take the coming frames for one new stream, and keep to one face in it.

        Until this is called, every frame is looked at as if it were the only one.
        """
        self._tracker = FaceTracker(self._detector)
        self._quarters = self._without_face = 0

    def look_at_each(self) -> None:
        """Look at every coming frame as if it were the only one."""
        self._tracker = None

    @property
    def faces(self) -> tuple[TrackedFace, ...]:
        """The faces in the last frame of a stream, the judged one first."""
        return self._tracker.faces if self._tracker else ()

    def select_face(self, x: float, y: float) -> None:
        """Judge the face at this pixel from the next frame on; any thread may call this."""
        if self._tracker is not None:
            self._tracker.select(x, y)

    def analyse(self, frame: RGBDFrame) -> Analysis:
        """Find the best face of a frame and judge it; no face is no error."""
        return self._analyse_first(frame)[0]

    def analyse_all(self, frame: RGBDFrame) -> list[tuple[int, Analysis]]:
        """Judge every face of a frame, at most MOST_FACES, each with its number.

        First comes the one that `analyse` judges; in a stream a face keeps its number. Without any
        face there is one analysis that says so, of number 0.
        """
        first, boxes = self._analyse_first(frame)
        if first.pair is None:
            return [(0, first)]
        if self._tracker is not None:
            seen = self._tracker.faces[:MOST_FACES]
            rolls = [(face.box, face.angle.roll_deg if face.angle else None) for face in seen]
            numbers = [face.identity for face in seen]
        else:
            rolls = [(box, tilt_deg(box)) for box in boxes[:MOST_FACES]]
            numbers = list(range(1, len(rolls) + 1))
        further = [self._analyse_further(first.frame, box, roll) for box, roll in rolls[1:]]
        return list(zip(numbers, [first, *further], strict=True))

    def analyse_face(self, frame: RGBDFrame, face: TrackedFace) -> Analysis:
        """Judge a face of the last frame of a stream, such as one that is not followed.

        `frame` is that of its analysis, which may have been turned.
        """
        roll_deg = face.angle.roll_deg if face.angle else None
        return self._analyse_further(frame, face.box, roll_deg)

    def _analyse_first(self, frame: RGBDFrame) -> tuple[Analysis, list[FaceBox]]:
        """Return the analysis of the best face, and the boxes of all faces, its own first."""
        started_s = time.perf_counter()
        with self.stopwatch.stage(DETECT):
            frame, found, boxes = self._find_face(frame)
        if found is None:
            reason = "; ".join(filter(None, (NO_FACE, frame.remark)))
            return Analysis(frame, None, None, reason, time.perf_counter() - started_s), boxes
        return self._analysed(frame, found, started_s), boxes

    def _analyse_further(self, frame: RGBDFrame, box: FaceBox, roll_deg: float | None) -> Analysis:
        started_s = time.perf_counter()
        found = upright_face(frame, box, roll_deg, self._detector)
        return self._analysed(frame, found, started_s)

    def _analysed(self, frame: RGBDFrame, found: UprightFace, started_s: float) -> Analysis:
        with self.stopwatch.stage(CROP):
            believed = _believed(frame, found.box)
            pair = crop_face(believed, found.box, self.card.preprocessing, found.roll_deg)
        verdicts, reason = self.judge(pair, with_colour=frame.has_colour)
        if pair.depth_m is None and "depth" in believed.remark:
            reason = ""  # the remark says it more exactly
        reason = "; ".join(filter(None, (reason, believed.remark, found.remark)))
        return Analysis(frame, pair, verdicts, reason, time.perf_counter() - started_s)

    def judge(self, pair: FacePair, *, with_colour: bool = True) -> tuple[Verdicts | None, str]:
        """Return the verdicts on one face, and why a head is silent (empty: none is).

        Without usable depth only the RGB head is asked, without colour only the depth head: what
        the others would say of a made-up depth map or of grey shading means nothing. Depth that
        contradicts a well seen colour picture is not believed, and colour speaks alone.
        """
        defect = depth_defect(pair)
        reason = "; ".join(filter(None, (defect, "" if with_colour else NO_COLOUR)))
        if defect and not with_colour:
            return None, reason
        logits = self._run([pair], with_depth=not defect)
        verdicts = Verdicts(
            fusion=_prediction(logits.fusion if with_colour else None, pair.timestamp_s),
            rgb=_prediction(logits.rgb if with_colour else None, pair.timestamp_s),
            depth=_prediction(logits.depth, pair.timestamp_s),
        )
        doubt = contradiction(verdicts, pair)
        if doubt:
            verdicts, reason = replace(verdicts, fusion=None, depth=None), doubt
        return (verdicts, reason) if verdicts.best() else (None, reason)

    def logits(self, pairs: list[FacePair]) -> Logits:
        """Run the network on a batch of face crops; missing depth counts as unknown."""
        return self._run(pairs, with_depth=True)

    def close(self) -> None:
        """Release detector and network; safe to call twice."""
        self._detector.close()
        self.engine.close()

    def _find_face(self, frame: RGBDFrame) -> tuple[RGBDFrame, UprightFace | None, list[FaceBox]]:
        """Return the frame, turned where it lies on its side, and the face to judge in it.

        The boxes are those of all faces in that frame, the one to judge first.
        """
        if self._tracker is not None:
            turned, found = self._follow_face(frame, self._tracker)
            return turned, found, [face.box for face in self._tracker.faces]
        quarters, boxes = best_quarters(frame.rgb, self._detector)
        frame = quarter_turned(frame, quarters)
        if not boxes:
            return frame, None, []
        return frame, upright_face(frame, boxes[0], tilt_deg(boxes[0]), self._detector), boxes

    def _follow_face(
        self, frame: RGBDFrame, tracker: FaceTracker
    ) -> tuple[RGBDFrame, UprightFace | None]:
        turned = quarter_turned(frame, self._quarters)
        box = tracker.follow(turned)
        self._without_face = 0 if box else self._without_face + 1
        unsure = box is not None and box.score < SURE_SCORE
        if unsure or self._without_face % _LOOK_AROUND_EVERY == 1:
            more, _ = best_quarters(turned.rgb, self._detector)
            if more:
                self._quarters = (self._quarters + more) % 4
                tracker.forget()
                turned = quarter_turned(frame, self._quarters)
                box = tracker.follow(turned)
        if box is None:
            return turned, None
        angle = tracker.faces[0].angle
        roll_deg = None if angle is None else angle.roll_deg
        return turned, upright_face(turned, box, roll_deg, self._detector)

    def _run(self, pairs: list[FacePair], *, with_depth: bool) -> Logits:
        parameters = self.card.preprocessing
        with self.stopwatch.stage(INPUTS):
            rgb = rgb_input(np.stack([p.rgb for p in pairs]), parameters.rgb_size)
            depth = depth_input(self._depth_m(pairs), parameters.depth_window_m)
        with self.stopwatch.stage(NETWORKS):
            logits = self.engine.logits(rgb, depth if with_depth else None)
        for part, seconds in self.engine.last_pass_s.items():
            self.stopwatch.add(part, seconds)
        return logits

    def _depth_m(self, pairs: list[FacePair]) -> FloatArray:
        size = self.card.preprocessing.depth_size
        unknown = np.full((size, size), np.nan, np.float32)
        return np.stack([unknown if p.depth_m is None else p.depth_m for p in pairs])


def _believed(frame: RGBDFrame, box: FaceBox) -> RGBDFrame:
    """Return the frame, without its depth where that cannot be a face's; the remark says why."""
    if frame.depth_m is None:
        return frame
    fx = None if frame.intrinsics is None else frame.intrinsics.fx
    doubt = depth_doubt(measure_face(frame.depth_m, box, fx))
    if not doubt:
        return frame
    remark = "; ".join(filter(None, (doubt, frame.remark)))
    return replace(frame, depth_m=None, remark=remark)


def _prediction(logits: torch.Tensor | None, timestamp_s: float) -> Prediction | None:
    if logits is None:
        return None
    return Prediction(verdict_probabilities(logits[:1])[0].numpy(), timestamp_s)
