"""From a frame and a face box to the networks' inputs; one path for training and live use.

The parameters travel in the model card beside the weights. Colour and depth are
cut out with the same square box, so that both networks see the same part of the
face (paper, section 4.2). Depth is placed in a fixed millimetre window around
the face instead of being stretched between its own extremes, so that one
millimetre of a raised cheek means the same for every subject and distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from fercore.structures import FaceBox, FacePair, FloatArray, RGBDFrame, UInt8Array

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # torchvision's, per channel of RGB in 0..1
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Parameters of face crops and network inputs; stored in every model card."""

    rgb_size: int = 96  # pixels, side of the colour crop
    depth_size: int = 64  # pixels, side of the depth crop (paper, section 4.3.1)
    box_scale: float = 1.2  # side of the square crop over the longer side of the face box
    depth_window_m: float = 0.06  # metres before and behind the face's reference plane


def crop_face(frame: RGBDFrame, box: FaceBox, parameters: Preprocessing) -> FacePair:
    """Cut the face out of colour and depth with one square box.

    Where the square reaches over the picture, colour repeats the edge and depth
    is unknown.

    Raises:
        ValueError: the box lies outside the picture or is empty.
    """
    square = square_box(box, parameters.box_scale)
    rgb = _cut(torch.from_numpy(frame.rgb).permute(2, 0, 1).float(), square, "replicate")
    rgb_small = _resize(rgb, parameters.rgb_size).round().clamp(0, 255).to(torch.uint8)
    depth_m, valid_fraction = _crop_depth(frame.depth_m, square, parameters.depth_size)
    return FacePair(
        rgb=np.ascontiguousarray(rgb_small.permute(1, 2, 0).numpy()),
        depth_m=depth_m,
        valid_fraction=valid_fraction,
        box=square,
        timestamp_s=frame.timestamp_s,
    )


def square_box(box: FaceBox, scale: float) -> FaceBox:
    """Return the square around the box's centre, `scale` times its longer side, in whole pixels."""
    side = max(1, round(max(box.width, box.height) * scale))
    x0 = round((box.x0 + box.x1 - side) / 2)
    y0 = round((box.y0 + box.y1 - side) / 2)
    return FaceBox(x0, y0, x0 + side, y0 + side, box.score)


def rgb_input(rgb: UInt8Array, size: int) -> torch.Tensor:
    """Normalise colour crops (N, S, S, 3) for a pretrained network: (N, 3, size, size) float32."""
    scaled = torch.from_numpy(rgb).permute(0, 3, 1, 2).float() / 255
    if scaled.shape[-1] != size:
        scaled = functional.interpolate(
            scaled, (size, size), mode="bilinear", antialias=True, align_corners=False
        )
    return normalise_rgb(scaled)


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


def _crop_depth(
    depth_m: FloatArray | None, square: FaceBox, size: int
) -> tuple[FloatArray | None, float]:
    if depth_m is None:
        return None, 0.0
    crop = _cut(torch.from_numpy(depth_m)[None], square, "unknown")
    valid = torch.isfinite(crop)
    # Averaging depth and validity apart keeps an unknown pixel from spreading.
    weight = functional.interpolate(valid.float()[None], (size, size), mode="area")[0]
    total = functional.interpolate(
        torch.nan_to_num(crop, nan=0.0)[None], (size, size), mode="area"
    )[0]
    mean = torch.where(weight >= 0.5, total / weight.clamp(min=1e-6), torch.nan)
    return mean[0].numpy(), float(valid.float().mean())


def _cut(image: torch.Tensor, square: FaceBox, border: str) -> torch.Tensor:
    """Cut the square out of (C, H, W), filling what lies outside the picture."""
    height, width = image.shape[1:]
    x0, y0, x1, y1 = (int(v) for v in (square.x0, square.y0, square.x1, square.y1))
    inner = image[:, max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
    if inner.numel() == 0:
        raise ValueError(f"face box {square} lies outside the {width}x{height} picture")
    padding = (max(-x0, 0), max(x1 - width, 0), max(-y0, 0), max(y1 - height, 0))
    if border == "unknown":
        return functional.pad(inner, padding, value=torch.nan)
    return functional.pad(inner[None], padding, mode="replicate")[0]


def _resize(image: torch.Tensor, size: int) -> torch.Tensor:
    return functional.interpolate(
        image[None], (size, size), mode="bilinear", antialias=True, align_corners=False
    )[0]
