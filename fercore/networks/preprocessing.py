"""From face crops to the networks' inputs; one path for training and live use.

The parameters travel in the model card beside the weights. Depth is placed in a
fixed millimetre window around the face instead of being stretched between its
own extremes, so that one millimetre of a raised cheek means the same for every
subject and distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from fercore.structures import FloatArray, UInt8Array

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # torchvision's, per channel of RGB in 0..1
IMAGENET_STD = (0.229, 0.224, 0.225)

_MOST_PIXELS = 1024


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Parameters of face crops and network inputs; stored in every model card."""

    rgb_size: int = 96  # pixels, side of the colour crop
    depth_size: int = 64  # pixels, side of the depth crop (paper, section 4.3.1)
    box_scale: float = 1.05  # side of the square crop over the longer side of the face box
    depth_window_m: float = 0.04  # metres before and behind the face's reference plane

    def __post_init__(self) -> None:
        """Refuse what no crop can have; `ValueError` says which."""
        for size in (self.rgb_size, self.depth_size):
            if not 1 <= size <= _MOST_PIXELS:
                raise ValueError(f"a crop of {size} pixels a side; 1 to {_MOST_PIXELS} make sense")
        if not (0.1 <= self.box_scale <= 10 and 0 < self.depth_window_m <= 10):
            raise ValueError("box_scale or depth_window_m makes no sense")


def rgb_input(rgb: UInt8Array, size: int) -> torch.Tensor:
    """Normalise colour crops (N, S, S, 3) for a pretrained network: (N, 3, size, size) float32."""
    scaled = torch.from_numpy(rgb).permute(0, 3, 1, 2).float() / 255
    return normalise_rgb(resized(scaled, size))


def resized(rgb: torch.Tensor, size: int) -> torch.Tensor:
    """Resize RGB (N, 3, S, S) to (N, 3, size, size); of the right size, it comes back as it is."""
    if rgb.shape[-1] == size:
        return rgb
    return functional.interpolate(
        rgb, (size, size), mode="bilinear", antialias=True, align_corners=False
    )


def normalise_rgb(rgb: torch.Tensor) -> torch.Tensor:
    """Standardise RGB (N, 3, S, S) in 0..1 by ImageNet's mean and deviation."""
    mean = rgb.new_tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
    std = rgb.new_tensor(IMAGENET_STD).view(1, 3, 1, 1)
    return (rgb - mean) / std


def depth_input(depth_m: FloatArray, window_m: float) -> torch.Tensor:
    """Map depth crops (N, D, D) in metres to (N, 1, D, D) in -1..1, nearer is larger.

    0 is the face's reference plane, -1 also stands for unknown. The reference is
    the median depth of the crop's central half, where the face is.
    """
    quarter = depth_m.shape[-1] // 4
    centre = depth_m[:, quarter:-quarter, quarter:-quarter].reshape(len(depth_m), -1)
    reference_m = _median_or_zero(centre)[:, None, None]
    height = (reference_m - depth_m) / window_m
    values = np.nan_to_num(np.clip(height, -1, 1), nan=-1.0).astype(np.float32)
    return torch.from_numpy(values)[:, None]


def _median_or_zero(values: FloatArray) -> FloatArray:
    known = np.isfinite(values).any(axis=1)
    medians = np.zeros(len(values), np.float32)
    if known.any():
        medians[known] = np.nanmedian(values[known], axis=1)
    return medians
