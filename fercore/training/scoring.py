"""What a finished network is worth on faces it has never seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from fercore.metrics import subject_interval
from fercore.networks.checkpoints import Measure
from fercore.networks.layers import CLASSES
from fercore.networks.paper import Absent
from fercore.networks.preprocessing import depth_input, rgb_input
from fercore.training.losses import join

if TYPE_CHECKING:
    from fercore.networks.paper import Logits, Pipeline
    from fercore.networks.preprocessing import Preprocessing
    from fercore.training.faces import LabelledFaces

BATCH = 64


def logits_of(network: Pipeline, faces: LabelledFaces, parameters: Preprocessing) -> Logits:
    """Return the logits (N, 6 or 7) of all faces; a face without depth is told to be so."""
    network.eval()
    parts = []
    with torch.inference_mode():
        for start in range(0, len(faces), BATCH):
            rows = slice(start, start + BATCH)
            rgb = rgb_input(faces.rgb[rows], parameters.rgb_size)
            depth = depth_input(faces.depth_m[rows], parameters.depth_window_m)
            lacks_depth = torch.from_numpy(faces.lacks_depth[rows])
            absent = Absent(torch.zeros_like(lacks_depth), lacks_depth)
            parts.append(network(rgb, depth, absent))
    return join(parts)


def measure(logits: Logits, faces: LabelledFaces, test_set: str) -> tuple[Measure, ...]:
    """Return every head's accuracy on expressive `faces`, which `test_set` describes."""
    return tuple(
        _measure(head, scores, faces, test_set)
        for head, scores in logits._asdict().items()
        if scores is not None
    )


def _measure(head: str, scores: torch.Tensor, faces: LabelledFaces, test_set: str) -> Measure:
    correct = scores[:, :CLASSES].argmax(1).numpy() == faces.labels
    low, high = subject_interval(correct, faces.subjects)
    return Measure(
        head,
        test_set,
        round(float(correct.mean()), 4),
        round(low, 4),
        round(high, 4),
        len(faces),
        len(faces.subject_names),
    )
