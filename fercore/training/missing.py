"""Faces without depth, and modality dropout: what a fusion must learn to do without.

What a batch lacks is told to the network (`fercore.networks.paper.Absent`). Where a face has no
depth, another face's stands in the array, so that batch normalisation sees real depth maps
only; being absent, it counts for nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from fercore.networks.paper import Absent

if TYPE_CHECKING:
    from numpy.random import Generator


def drawn_absence(lacks_depth: torch.Tensor, dropout: float, rng: Generator) -> Absent | None:
    """Draw which inputs of a batch to hide; None where nothing is missing.

    A share `dropout` of the faces loses one input, colour as often as depth; a face that
    lacks depth (N,) keeps its colour.
    """
    draw = torch.from_numpy(rng.random(len(lacks_depth))).to(lacks_depth.device)
    no_depth = lacks_depth | (draw < dropout / 2)
    no_rgb = (draw >= dropout / 2) & (draw < dropout) & ~no_depth
    if not (no_depth.any() or no_rgb.any()):
        return None
    return Absent(no_rgb, no_depth)


def filled(depth: torch.Tensor, lacks_depth: torch.Tensor) -> torch.Tensor:
    """Return depth (N, 1, D, D) with other faces' maps where there is none."""
    donors = torch.nonzero(~lacks_depth)[:, 0]
    takers = torch.nonzero(lacks_depth)[:, 0]
    if not len(takers) or not len(donors):
        return depth
    depth = depth.clone()
    depth[takers] = depth[donors[torch.arange(len(takers), device=depth.device) % len(donors)]]
    return depth
