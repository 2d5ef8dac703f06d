"""Random changes of training crops: the same motion for colour and depth, then each its own.

Colour meets other light and cameras, depth meets noise and holes. All
randomness comes from the generator that is passed in.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

ROTATION_RAD = math.radians(6)  # largest in-plane turn
SHIFT = 0.04  # largest shift, share of the crop's side
SCALE = 0.06  # largest relative change of size
DEPTH_NOISE_M = 0.0003  # largest standard deviation; a crop pixel averages many of a sensor's
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
    return _relight(moved_rgb, generator), _degrade_depth(moved_depth_m, generator)


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
    gamma = torch.exp(_uniform(count, -0.3, 0.3, generator)).view(count, 1, 1, 1)
    gain = torch.exp(_uniform(3 * count, -0.15, 0.15, generator)).view(count, 3, 1, 1)
    exposure = torch.exp(_uniform(count, -0.4, 0.2, generator)).view(count, 1, 1, 1)
    side = torch.linspace(-1, 1, width).view(1, 1, 1, width)
    ramp = 1 + _uniform(count, -0.25, 0.25, generator).view(count, 1, 1, 1) * side
    lit = rgb.clamp(0, 1) ** gamma * gain * exposure * ramp
    lit = _sometimes_grey(lit, generator)
    sigma = _uniform(count, 0, 0.02, generator).view(count, 1, 1, 1)
    noise = sigma * torch.randn(rgb.shape, generator=generator)
    return _sometimes_blurred((lit + noise).clamp(0, 1), generator)


def _sometimes_grey(rgb: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    grey = rgb.mean(1, keepdim=True).expand_as(rgb)
    chosen = _uniform(len(rgb), 0, 1, generator) < 0.15
    return torch.where(chosen.view(-1, 1, 1, 1), grey, rgb)


def _sometimes_blurred(rgb: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    blurred = functional.avg_pool2d(rgb, 3, 1, 1, count_include_pad=False)
    chosen = _uniform(len(rgb), 0, 1, generator) < 0.3
    return torch.where(chosen.view(-1, 1, 1, 1), blurred, rgb)


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
