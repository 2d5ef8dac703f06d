"""Random changes of training crops, and faces that lack depth: what verdicts must not hang on.

Colour meets other light, cameras, compression and things before the face, depth meets noise
and holes, and both a face's place in its box: a verdict must not hang on them. All randomness
comes from the generator that is passed in.

What a batch lacks is told to the network (`fercore.networks.paper.Absent`). Where a face has no
depth, another face's stands in the array, so that batch normalisation sees real depth maps
only; being absent, it counts for nothing.
"""

from __future__ import annotations

import math
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from fercore.networks.paper import Absent

if TYPE_CHECKING:
    from numpy.random import Generator

    from fercore.structures import UInt8Array

ROTATION_RAD = math.radians(15)  # largest in-plane turn
SHIFT = 0.1  # largest shift, share of the crop's side
SCALE = 0.12  # largest relative change of size
GAMMA = 0.35  # largest logarithm of the exponent
GAIN = 0.15  # largest logarithm of a channel's gain
EXPOSURE = (-0.9, 0.25)  # logarithm of the gain: down to 0.4 of the light
COLOUR_NOISE = 0.025  # largest standard deviation, share of white
GREY_SHARE, BLURRED_SHARE, COMPRESSED_SHARE, HIDDEN_SHARE = 0.15, 0.3, 0.3, 0.2  # of the faces
QUALITY = (12, 60)  # of JPEG
HIDDEN_SIDE = (0.15, 0.4)  # of what hides a part, share of the crop's side
DEPTH_NOISE_M = 0.0008  # largest standard deviation; a crop pixel averages many of a sensor's
HOLE_PROBABILITY = 0.15


def augment(
    rgb: torch.Tensor, depth_m: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return changed copies of RGB (N, 3, S, S) in 0..1 and depth (N, 1, D, D) in metres."""
    theta = _motions(len(rgb), generator)
    grid_rgb = functional.affine_grid(theta, list(rgb.shape), align_corners=False)
    grid_depth = functional.affine_grid(theta, list(depth_m.shape), align_corners=False)
    moved_rgb = functional.grid_sample(rgb, grid_rgb, padding_mode="border", align_corners=False)
    moved_depth_m = functional.grid_sample(
        depth_m, grid_depth, mode="nearest", padding_mode="border", align_corners=False
    )
    seen = _compressed(_hidden(_relight(moved_rgb, generator), generator), generator)
    return seen, _degrade_depth(moved_depth_m, generator)


def _motions(count: int, generator: torch.Generator) -> torch.Tensor:
    """Draw affine matrices (N, 2, 3): mirror, turn, scale, shift."""
    angle = _uniform(count, -ROTATION_RAD, ROTATION_RAD, generator)
    scale = _uniform(count, 1 - SCALE, 1 + SCALE, generator)
    mirror = 1 - 2 * (_uniform(count, 0, 1, generator) < 0.5).float()
    cos, sin = scale * angle.cos(), scale * angle.sin()
    shift_x = _uniform(count, -2 * SHIFT, 2 * SHIFT, generator)
    shift_y = _uniform(count, -2 * SHIFT, 2 * SHIFT, generator)
    rows = (cos * mirror, -sin, shift_x, sin * mirror, cos, shift_y)
    return torch.stack(rows, 1).view(count, 2, 3)


def _relight(rgb: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    count, width = len(rgb), rgb.shape[-1]
    gamma = torch.exp(_uniform(count, -GAMMA, GAMMA, generator)).view(count, 1, 1, 1)
    gain = torch.exp(_uniform(3 * count, -GAIN, GAIN, generator)).view(count, 3, 1, 1)
    exposure = torch.exp(_uniform(count, *EXPOSURE, generator)).view(count, 1, 1, 1)
    side = torch.linspace(-1, 1, width).view(1, 1, 1, width)
    ramp = 1 + _uniform(count, -0.25, 0.25, generator).view(count, 1, 1, 1) * side
    lit = rgb.clamp(0, 1) ** gamma * gain * exposure * ramp
    lit = _sometimes_grey(lit, generator)
    sigma = _uniform(count, 0, COLOUR_NOISE, generator).view(count, 1, 1, 1)
    noise = sigma * torch.randn(rgb.shape, generator=generator)
    return _sometimes_blurred((lit + noise).clamp(0, 1), generator)


def _sometimes_grey(rgb: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    grey = rgb.mean(1, keepdim=True).expand_as(rgb)
    chosen = _uniform(len(rgb), 0, 1, generator) < GREY_SHARE
    return torch.where(chosen.view(-1, 1, 1, 1), grey, rgb)


def _sometimes_blurred(rgb: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    blurred = functional.avg_pool2d(rgb, 3, 1, 1, count_include_pad=False)
    chosen = _uniform(len(rgb), 0, 1, generator) < BLURRED_SHARE
    return torch.where(chosen.view(-1, 1, 1, 1), blurred, rgb)


def _hidden(rgb: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Lay an evenly coloured rectangle over a part of some faces."""
    count, _, height, width = rgb.shape
    chosen = _uniform(count, 0, 1, generator) < HIDDEN_SHARE
    inside = []
    for side in (height, width):
        place = (torch.arange(side) + 0.5) / side
        centre = _uniform(count, 0, 1, generator)[:, None]
        half = _uniform(count, *HIDDEN_SIDE, generator)[:, None] / 2
        inside.append((place - centre).abs() < half)  # N, side
    covered = inside[0][:, :, None] & inside[1][:, None, :] & chosen[:, None, None]
    colour = torch.rand((count, 3, 1, 1), generator=generator)
    return torch.where(covered[:, None], colour, rgb)


def _compressed(rgb: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Let JPEG's artefacts into some of the pictures."""
    chosen = torch.nonzero(_uniform(len(rgb), 0, 1, generator) < COMPRESSED_SHARE)[:, 0]
    qualities = torch.randint(QUALITY[0], QUALITY[1] + 1, (len(chosen),), generator=generator)
    compressed = rgb.clone()
    for face, quality in zip(chosen.tolist(), qualities.tolist(), strict=True):
        picture = (rgb[face].permute(1, 2, 0) * 255).round().byte().numpy()
        decoded = torch.from_numpy(through_jpeg(picture, quality).copy())
        compressed[face] = decoded.permute(2, 0, 1).float() / 255
    return compressed


def through_jpeg(picture: UInt8Array, quality: int) -> UInt8Array:
    """Return a picture (H, W) or (H, W, 3) as JPEG of this quality, 1 to 95, gives it back."""
    file = BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file), np.uint8)


def _degrade_depth(depth_m: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    count, _, height, width = depth_m.shape
    sigma = _uniform(count, 0, DEPTH_NOISE_M, generator).view(count, 1, 1, 1)
    noisy = depth_m + sigma * torch.randn(depth_m.shape, generator=generator)
    chosen = _uniform(count, 0, 1, generator) < HOLE_PROBABILITY
    row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    centre_y = _uniform(count, 0, height, generator).view(count, 1, 1)
    centre_x = _uniform(count, 0, width, generator).view(count, 1, 1)
    radius = _uniform(count, 0, height / 8, generator).view(count, 1, 1)
    hole = (row - centre_y) ** 2 + (column - centre_x) ** 2 < radius**2
    hole = hole[:, None] & chosen.view(-1, 1, 1, 1)
    return noisy.masked_fill(hole, torch.nan)


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> torch.Tensor:
    return low + (high - low) * torch.rand(count, generator=generator)


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
