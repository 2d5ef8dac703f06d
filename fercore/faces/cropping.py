"""From a frame and a face box to a face crop; one path for data sets and live use.

Colour and depth are cut out with the same square box, so that both networks see
the same part of the face (paper, section 4.2). Depth is cleaned at the sensor's
resolution before it is made small: interior holes filled, speckle smoothed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch.nn import functional

from fercore.geometry.repairs import fill_interior_holes, median3
from fercore.structures import FaceBox, FacePair, FloatArray, RGBDFrame

if TYPE_CHECKING:
    from fercore.networks.preprocessing import Preprocessing


def crop_face(
    frame: RGBDFrame, box: FaceBox, parameters: Preprocessing, roll_deg: float = 0.0
) -> FacePair:
    """Cut the face out of colour and depth with one square box.

    Where the square reaches over the picture, colour repeats the edge and depth
    is unknown. A face that is tilted counter-clockwise by `roll_deg` is set upright, about
    the middle of the square.

    Raises:
        ValueError: the box lies outside the picture or is empty.
    """
    square = square_box(box, parameters.box_scale)
    upright, within = (frame, square) if roll_deg == 0 else _set_upright(frame, square, roll_deg)
    rgb = _cut(torch.from_numpy(upright.rgb).permute(2, 0, 1), within, "replicate")
    rgb_small = _resize(rgb, parameters.rgb_size).round().clamp(0, 255).to(torch.uint8)
    depth_m, valid_fraction = _crop_depth(upright.depth_m, within, parameters.depth_size)
    return FacePair(
        rgb=np.ascontiguousarray(rgb_small.permute(1, 2, 0).numpy()),
        depth_m=depth_m,
        valid_fraction=valid_fraction,
        box=square,
        timestamp_s=frame.timestamp_s,
        roll_deg=roll_deg,
    )


def square_box(box: FaceBox, scale: float) -> FaceBox:
    """Return the square around the box's centre, `scale` times its longer side, in whole pixels."""
    side = max(1, round(max(box.width, box.height) * scale))
    x0 = round((box.x0 + box.x1 - side) / 2)
    y0 = round((box.y0 + box.y1 - side) / 2)
    return FaceBox(x0, y0, x0 + side, y0 + side, box.score)


def turned_around(frame: RGBDFrame, box: FaceBox, roll_deg: float, side: int) -> RGBDFrame:
    """Return the square (side, side) around a box's middle, turned clockwise by a roll."""
    middle = (box.x0 + box.x1 - 1) / 2, (box.y0 + box.y1 - 1) / 2
    matrix = cv2.getRotationMatrix2D(middle, -roll_deg, 1.0)
    matrix[:, 2] += (side - 1) / 2 - np.array(middle)
    rgb = cv2.warpAffine(
        frame.rgb, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    depth_m = None
    if frame.depth_m is not None:
        depth_m = cv2.warpAffine(
            frame.depth_m,
            matrix,
            (side, side),
            flags=cv2.INTER_NEAREST,  # between a face and the wall there is nothing
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(np.nan,),
        )
    return replace(frame, rgb=np.asarray(rgb, np.uint8), depth_m=depth_m)


def _set_upright(frame: RGBDFrame, square: FaceBox, roll_deg: float) -> tuple[RGBDFrame, FaceBox]:
    side = int(square.x1 - square.x0)
    return turned_around(frame, square, roll_deg, side), FaceBox(0, 0, side, side, square.score)


def _crop_depth(
    depth_m: FloatArray | None, square: FaceBox, size: int
) -> tuple[FloatArray | None, float]:
    if depth_m is None:
        return None, 0.0
    measured = _cut(torch.from_numpy(depth_m)[None], square, "unknown")[0].numpy()
    crop = torch.from_numpy(median3(fill_interior_holes(measured)))[None, None]
    # Averaging depth and validity apart keeps an unknown pixel from spreading.
    weight = functional.interpolate(torch.isfinite(crop).float(), (size, size), mode="area")
    total = functional.interpolate(torch.nan_to_num(crop, nan=0.0), (size, size), mode="area")
    mean = torch.where(weight >= 0.5, total / weight.clamp(min=1e-6), torch.nan)
    return mean[0, 0].numpy(), float(np.isfinite(measured).mean())


def _cut(image: torch.Tensor, square: FaceBox, border: str) -> torch.Tensor:
    """Cut the square out of (C, H, W) as float32, filling what lies outside the picture."""
    height, width = image.shape[1:]
    x0, y0, x1, y1 = (int(v) for v in (square.x0, square.y0, square.x1, square.y1))
    inner = image[:, max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)].float()
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
