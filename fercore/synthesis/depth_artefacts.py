"""What geometry and matching do to a true depth map, whatever the camera's principle.

Surfaces that the second eye does not see are lost, nearer surfaces bleed over their
outline, and details finer than the matching window are averaged away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray


def hidden_from(depth_m: FloatArray, focal_px: float, offset_m: float) -> NDArray[np.bool_]:
    """Tell which pixels (H, W) a second camera, `offset_m` to the picture's right, does not see.

    Something nearer stands in between. `depth_m` is inf where nothing is.
    """
    if offset_m == 0:
        return np.zeros(depth_m.shape, bool)
    mirrored = depth_m[:, ::-1] if offset_m < 0 else depth_m
    columns = np.arange(mirrored.shape[1], dtype=np.float32)
    there = columns - np.float32(focal_px * abs(offset_m)) / mirrored
    # Nearer things shift farther: whoever lands left of its left neighbour stands before it.
    ahead = np.minimum.accumulate(there[:, ::-1], axis=1)[:, ::-1]
    hidden = np.zeros(there.shape, bool)
    hidden[:, :-1] = ahead[:, 1:] < there[:, :-1]
    return hidden[:, ::-1] if offset_m < 0 else hidden


def bleed(
    nearness: FloatArray, reach_px: float, jump: float, where: NDArray[np.bool_]
) -> FloatArray:
    """Let near surfaces grow over far ones by `reach_px`, where asked and the gap exceeds `jump`.

    `nearness` (H, W) grows towards the camera, such as disparity.
    """
    size = 2 * round(reach_px) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    grown = np.asarray(cv2.dilate(nearness, kernel), np.float32)
    return np.where(where & (grown - nearness > jump), grown, nearness)


def averaged(nearness: FloatArray, sigma_px: float, jump: float) -> FloatArray:
    """Average over the matching window (sigma in pixels), but not across gaps of `jump`."""
    smooth = np.asarray(cv2.GaussianBlur(nearness, (0, 0), sigma_px), np.float32)
    return np.where(np.abs(smooth - nearness) < jump / 2, smooth, nearness)


def outline_share(nearness: FloatArray, reach_px: float, jump: float) -> FloatArray:
    """Return 1 beside gaps of `jump`, falling to 0 at `reach_px` (H, W)."""
    thin = cv2.morphologyEx(nearness, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    edge = (np.asarray(thin) > jump).astype(np.float32)
    size = 2 * round(reach_px) + 1
    return np.asarray(cv2.blur(cv2.dilate(edge, np.ones((3, 3))), (size, size)), np.float32)


def resampled(image: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Return an image (H, W) at another size (width, height), each pixel its nearest's value."""
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_NEAREST_EXACT), np.float32)


def shifted(depth_m: FloatArray, right_px: float, down_px: float, scale: float) -> FloatArray:
    """Return a depth map (H, W) moved and scaled about its middle; NaN comes in at the edges."""
    height, width = depth_m.shape
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    start = middle - scale * middle + (right_px, down_px)
    matrix = np.array([[scale, 0, start[0]], [0, scale, start[1]]])
    moved = cv2.warpAffine(
        depth_m,
        matrix,
        (width, height),
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=float("nan"),
    )
    return np.asarray(moved, np.float32)
