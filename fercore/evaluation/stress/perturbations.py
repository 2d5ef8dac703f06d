"""All that is done to prepared face crops, each with its unit and its severities.

A perturbation takes crops, a severity and one generator for each face, and returns
changed crops. It is pure: the same arguments give the same crops. Severity 0 is exactly
the identity; where severities have both signs, both directions get worse.

| name             | unit               | what                                               |
|------------------|--------------------|----------------------------------------------------|
| gain             | stops              | exposure of the colour picture                     |
| gamma            | log2(exponent)     | tone curve of the colour picture                   |
| side-light       | share              | light from one lamp at the side, by the normals    |
| colour-cast      | mired              | lamp warmer (+) or bluer (-) than the balance      |
| depth-noise      | mm                 | RMS of smooth noise                                |
| depth-noise-D415 | m                  | a RealSense camera at a distance; also D435, D455  |
| depth-holes      | holes              | round holes in depth, 20 mm wide                   |
| depth-loss       | share              | known pixels of depth lost, in clumps              |
| ...-filled       | as before          | the two, enclosed gaps filled as live crops are    |
| blur             | px                 | sigma of the colour crop's blur                    |
| resolution       | halvings           | of the face's side in pixels, colour and depth     |
| occlusion        | share              | face covered, in colour and depth                  |
| occlusion-colour | share              | the same, in colour alone                          |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fercore.evaluation.stress.crops import Crops, generators
from fercore.evaluation.stress.depth_faults import (
    D415,
    D435,
    D455,
    add_noise,
    camera_noise,
    filled,
    lose_depth,
    punch_holes,
)
from fercore.evaluation.stress.light import cast_colour, change_gain, change_gamma, light_from_side
from fercore.evaluation.stress.sight import blur_colour, cover, cover_colour, lower_resolution

Change = Callable[[Crops, float, Sequence[np.random.Generator]], Crops]


@dataclass(frozen=True, slots=True)
class Perturbation:
    """One way in which crops get worse."""

    name: str
    unit: str  # of the severities
    severities: tuple[float, ...]  # ascending, without 0, which is measured for all at once
    change: Change
    stream: str = ""  # whose draws it shares; empty: its own name's

    def apply(self, crops: Crops, severity: float, seed: int) -> Crops:
        """Return changed crops; arrays that do not change may be the same objects."""
        draws = generators(crops, seed, self.stream or self.name)
        return self.change(crops, severity, draws)


_DISTANCES_M = (0.5, 0.75, 1.0, 1.5, 2.0)
_HOLES = (1, 2, 4, 8, 16)
_LOSSES = (0.1, 0.25, 0.5, 0.75, 0.9)
_COVERED = (0.1, 0.2, 0.3, 0.5)

PERTURBATIONS = (
    Perturbation("gain", "stops", (-6, -4, -2, -1, 1, 2), change_gain),
    Perturbation("gamma", "log2(exponent)", (-1.5, -0.75, 0.75, 1.5), change_gamma),
    Perturbation("side-light", "share", (0.25, 0.5, 0.75, 1.0), light_from_side),
    Perturbation("colour-cast", "mired", (-100, -50, 50, 100, 200), cast_colour),
    Perturbation("depth-noise", "mm", (0.25, 0.5, 1, 2, 4), add_noise),
    *(
        Perturbation(
            f"depth-noise-{camera.name}", "m", _DISTANCES_M, camera_noise(camera), "depth-noise"
        )
        for camera in (D415, D435, D455)
    ),
    Perturbation("depth-holes", "holes", _HOLES, punch_holes),
    Perturbation("depth-holes-filled", "holes", _HOLES, filled(punch_holes), "depth-holes"),
    Perturbation("depth-loss", "share", _LOSSES, lose_depth),
    Perturbation("depth-loss-filled", "share", _LOSSES, filled(lose_depth), "depth-loss"),
    Perturbation("blur", "px", (0.5, 1, 2, 4), blur_colour),
    Perturbation("resolution", "halvings", (1, 1.5, 2, 2.5, 3), lower_resolution),
    Perturbation("occlusion", "share", _COVERED, cover),
    Perturbation("occlusion-colour", "share", _COVERED, cover_colour, "occlusion"),
)
