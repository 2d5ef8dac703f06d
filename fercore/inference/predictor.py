"""From a frame to three verdicts: detect, crop, infer.

`Predictor` is what the application, the `predict` command and a user's own
script call; it is meant for use from one thread. For a camera it follows one face
from frame to frame; single pictures are judged each by itself.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

import numpy as np

from fercore.faces.cropping import crop_face
from fercore.faces.quality import depth_defect
from fercore.faces.tracking import FaceTracker
from fercore.inference.engines import load_engine
from fercore.networks.branches import verdict_probabilities
from fercore.networks.checkpoints import shipped_checkpoint
from fercore.networks.preprocessing import depth_input, rgb_input
from fercore.runtime.stopwatch import Stopwatch
from fercore.structures import Analysis, FacePair, Prediction, RGBDFrame, Verdicts

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from fercore.faces.detection import FaceDetector
    from fercore.faces.tracking import TrackedFace
    from fercore.inference.engines import Engine
    from fercore.networks.branches import Logits
    from fercore.networks.checkpoints import ModelCard
    from fercore.structures import FaceBox, FloatArray

DETECT, CROP, INPUTS, NETWORKS = "detect", "crop", "inputs", "networks"
"""The stages that a predictor's stopwatch counts; an engine that measures adds its own."""

NO_FACE = "no face found"


class Predictor:
    """A trained pipeline on an engine, and a face detector."""

    def __init__(self, engine: Engine, card: ModelCard, detector: FaceDetector) -> None:
        self.card = card
        self.engine = engine
        self.stopwatch = Stopwatch()
        self._detector = detector
        self._tracker: FaceTracker | None = None

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
        """Take the coming frames for one stream, and keep to one face in it.

        Until this is called, every frame is looked at as if it were the only one.
        """
        self._tracker = FaceTracker(self._detector)

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
        started_s = time.perf_counter()
        with self.stopwatch.stage(DETECT):
            box = self._find_face(frame)
        if box is None:
            return Analysis(frame, None, None, NO_FACE, time.perf_counter() - started_s)
        with self.stopwatch.stage(CROP):
            pair = crop_face(frame, box, self.card.preprocessing)
        verdicts, reason = self.judge(pair)
        return Analysis(frame, pair, verdicts, reason, time.perf_counter() - started_s)

    def judge(self, pair: FacePair) -> tuple[Verdicts | None, str]:
        """Return the verdicts on one face, and why a head is silent (empty: none is).

        Without usable depth only the RGB head is asked: what the others would say
        of a made-up depth map means nothing.
        """
        reason = depth_defect(pair)
        logits = self._run([pair], with_depth=not reason)
        verdicts = Verdicts(
            fusion=_prediction(logits.fusion, pair.timestamp_s),
            rgb=_prediction(logits.rgb, pair.timestamp_s),
            depth=_prediction(logits.depth, pair.timestamp_s),
        )
        return (verdicts, reason) if verdicts.best() else (None, reason)

    def logits(self, pairs: list[FacePair]) -> Logits:
        """Run the network on a batch of face crops; missing depth counts as unknown."""
        return self._run(pairs, with_depth=True)

    def close(self) -> None:
        """Release detector and network; safe to call twice."""
        self._detector.close()
        self.engine.close()

    def _find_face(self, frame: RGBDFrame) -> FaceBox | None:
        if self._tracker is not None:
            return self._tracker.follow(frame)
        return next(iter(self._detector.detect(frame.rgb)), None)

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


def _prediction(logits: torch.Tensor | None, timestamp_s: float) -> Prediction | None:
    if logits is None:
        return None
    return Prediction(verdict_probabilities(logits[:1])[0].numpy(), timestamp_s)
