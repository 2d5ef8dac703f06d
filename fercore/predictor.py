"""From a frame to three verdicts: detect, crop, infer.

`Predictor` is what the application, the `predict` command and a user's own
script call; it is meant for use from one thread.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import torch

from fercore.checkpoints import ModelCard, load_checkpoint, shipped_checkpoint
from fercore.cropping import crop_face
from fercore.preprocessing import depth_input, rgb_input
from fercore.quality import depth_defect
from fercore.structures import Analysis, FacePair, Prediction, RGBDFrame, Verdicts

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.detection import FaceDetector
    from fercore.models import Logits, Pipeline

NO_FACE = "no face found"


class Predictor:
    """A trained pipeline and a face detector."""

    def __init__(self, network: Pipeline, card: ModelCard, detector: FaceDetector) -> None:
        self.card = card
        self._network = network.eval()
        self._detector = detector

    @classmethod
    def from_pipeline(cls, pipeline: str) -> Predictor:
        """Load the weights that come with the project.

        Raises:
            CheckpointError: there are none of this pipeline, or they are damaged.
        """
        return cls.from_checkpoint(shipped_checkpoint(pipeline))

    @classmethod
    def from_checkpoint(cls, path: Path) -> Predictor:
        """Load a checkpoint (.safetensors beside its card).

        Raises:
            CheckpointError: it is missing, damaged or does not fit.
        """
        from fercore.detection import MediapipeFaceDetector

        network, card = load_checkpoint(path)
        return cls(network, card, MediapipeFaceDetector())

    def analyse(self, frame: RGBDFrame) -> Analysis:
        """Find the best face of a frame and judge it; no face is no error."""
        started_s = time.perf_counter()
        boxes = self._detector.detect(frame.rgb)
        if not boxes:
            return Analysis(frame, None, None, NO_FACE, time.perf_counter() - started_s)
        pair = crop_face(frame, boxes[0], self.card.preprocessing)
        verdicts, reason = self.judge(pair)
        return Analysis(frame, pair, verdicts, reason, time.perf_counter() - started_s)

    def judge(self, pair: FacePair) -> tuple[Verdicts | None, str]:
        """Return the verdicts on one face, and why a head is silent (empty: none is).

        Without usable depth only the RGB head is asked: what the others would say
        of a made-up depth map means nothing.
        """
        reason = depth_defect(pair)
        logits = self.logits([pair])
        verdicts = Verdicts(
            fusion=None if reason else _prediction(logits.fusion, pair.timestamp_s),
            rgb=_prediction(logits.rgb, pair.timestamp_s),
            depth=None if reason else _prediction(logits.depth, pair.timestamp_s),
        )
        return (verdicts, reason) if verdicts.best() else (None, reason)

    def logits(self, pairs: list[FacePair]) -> Logits:
        """Run the network on a batch of face crops."""
        parameters = self.card.preprocessing
        size = parameters.depth_size
        unknown = np.full((size, size), np.nan, np.float32)
        depth_m = np.stack([unknown if p.depth_m is None else p.depth_m for p in pairs])
        with torch.inference_mode():
            logits: Logits = self._network(
                rgb_input(np.stack([p.rgb for p in pairs]), parameters.rgb_size),
                depth_input(depth_m, parameters.depth_window_m),
            )
        return logits

    def close(self) -> None:
        """Release the detector; safe to call twice."""
        self._detector.close()


def _prediction(logits: torch.Tensor | None, timestamp_s: float) -> Prediction | None:
    if logits is None:
        return None
    return Prediction(torch.softmax(logits[0], 0).numpy(), timestamp_s)
