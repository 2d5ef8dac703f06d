"""The types that pass between the layers: meshes, frames, faces, verdicts.

All are frozen; arrays inside them must not be written to. Units stand in the
names, shapes and value ranges in the field comments. Depth is NaN where unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fercore.expressions import EXPRESSIONS, VERDICT_LABELS, Expression

UInt8Array = NDArray[np.uint8]
Int32Array = NDArray[np.int32]
FloatArray = NDArray[np.float32]

MIN_CONFIDENCE = 0.5
"""A verdict whose probability is lower is shown as not sure: it would more likely be wrong."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """A triangle mesh in millimetres: x to the image's right, y up, z towards the camera."""

    vertices_mm: FloatArray  # (V, 3)
    triangles: Int32Array  # (T, 3), indices into vertices_mm
    uv: FloatArray | None = None  # (U, 2), 0..1, v runs upward
    uv_triangles: Int32Array | None = None  # (T, 3), indices into uv
    texture_rgb: UInt8Array | None = None  # (H, W, 3)
    texture_names: tuple[str, ...] = ()  # addresses of its picture as the mesh file gives them
    vertex_rgb: UInt8Array | None = None  # (V, 3), where the mesh file gives each vertex a colour

    @property
    def texture_name(self) -> str | None:
        """The first address of the texture's picture, None where the mesh file gives none."""
        return next(iter(self.texture_names), None)

    @property
    def is_textured(self) -> bool:
        """Whether it has a picture, and a place in that for each corner."""
        return not (self.uv is None or self.uv_triangles is None or self.texture_rgb is None)

    @property
    def is_coloured(self) -> bool:
        """Whether it has colours of any kind; else only its shape can be seen."""
        return self.is_textured or self.vertex_rgb is not None

    def __post_init__(self) -> None:
        _require_indices(self.triangles, len(self.vertices_mm), "vertex")
        if self.uv_triangles is not None:
            uv_count = 0 if self.uv is None else len(self.uv)
            _require_indices(self.uv_triangles, uv_count, "texture coordinate")
            if self.uv_triangles.shape != self.triangles.shape:
                raise ValueError("texture triangles do not pair with triangles")
        if self.vertex_rgb is not None and self.vertex_rgb.shape != self.vertices_mm.shape:
            raise ValueError("vertex colours do not pair with vertices")


@dataclass(frozen=True, slots=True)
class Intrinsics:
    """A pinhole camera without distortion, OpenCV's axes: x right, y down, z forward."""

    fx: float  # pixels
    fy: float  # pixels
    cx: float  # pixels, column of the optical axis
    cy: float  # pixels, row of the optical axis
    width: int  # pixels
    height: int  # pixels


@dataclass(frozen=True, slots=True)
class RGBDFrame:
    """One colour picture with the depth map aligned to it.

    Raises:
        ValueError: the picture is not (H, W, 3) uint8, or the depth map does not fit it.
    """

    rgb: UInt8Array  # (H, W, 3), channel order R, G, B
    depth_m: FloatArray | None  # (H, W), metres, NaN where unknown; None: no depth sensor
    intrinsics: Intrinsics | None  # None: orthographic rendering
    timestamp_s: float  # seconds on the source's own clock
    index: int  # running number of the frame in its source, from 0
    truth: Expression | None = None  # the true expression, where the source knows it
    origin: str = ""  # where it came from, such as a scan's name
    has_colour: bool = True  # False: rgb only shows the shape, in grey, to find the face by
    remark: str = ""  # what was converted or left out when it was read; empty: nothing

    def __post_init__(self) -> None:
        if self.rgb.ndim != 3 or self.rgb.shape[2] != 3 or self.rgb.dtype != np.uint8:
            raise ValueError(f"rgb must be (H, W, 3) uint8, got {self.rgb.shape} {self.rgb.dtype}")
        if self.depth_m is None:
            return
        if self.depth_m.shape != self.rgb.shape[:2] or self.depth_m.dtype != np.float32:
            raise ValueError(
                f"depth_m must be {self.rgb.shape[:2]} float32, "
                f"got {self.depth_m.shape} {self.depth_m.dtype}"
            )


@dataclass(frozen=True, slots=True)
class FaceBox:
    """A face's bounding box in pixels of the colour picture; may reach over its edge."""

    x0: float  # left
    y0: float  # top
    x1: float  # right, exclusive
    y1: float  # bottom, exclusive
    score: float  # the detector's confidence, 0..1

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.y1 - self.y0


@dataclass(frozen=True, slots=True)
class FacePair:
    """A face cut out of colour and depth with the same box, at the networks' input sizes."""

    rgb: UInt8Array  # (S, S, 3)
    depth_m: FloatArray | None  # (D, D), metres, NaN where unknown; None: no depth sensor
    valid_fraction: float  # share of the face's box with measured depth, 0..1
    box: FaceBox  # the square that was cut out
    timestamp_s: float  # of the frame
    roll_deg: float = 0.0  # by which the square was turned clockwise, to set the face upright


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one head says."""

    probabilities: FloatArray  # (6,) or (7,), in the order of VERDICT_LABELS, sums to 1
    timestamp_s: float  # of the frame

    @property
    def label(self) -> str:
        """The most probable verdict: an expression's name, or calm."""
        return VERDICT_LABELS[int(self.probabilities.argmax())]

    @property
    def confidence(self) -> float:
        """Probability of the most probable verdict, 0..1."""
        return float(self.probabilities.max())

    @property
    def is_sure(self) -> bool:
        """Whether it is sure enough to be called a verdict."""
        return self.confidence >= MIN_CONFIDENCE

    @property
    def calm(self) -> float | None:
        """Probability that the face is calm, 0..1; None of networks that do not know calm."""
        return float(self.probabilities[-1]) if len(self.probabilities) > len(EXPRESSIONS) else None

    @property
    def conditional(self) -> FloatArray:
        """Probabilities (6,) of the expressions, given that there is one: the paper's softmax."""
        six = self.probabilities[: len(EXPRESSIONS)]
        return np.asarray(six / max(six.sum(), np.finfo(np.float32).tiny), np.float32)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The three heads' predictions for one face; None where a head has no usable input."""

    fusion: Prediction | None
    rgb: Prediction | None
    depth: Prediction | None

    def best(self) -> Prediction | None:
        """Return the verdict to act on: fusion, else RGB, else depth."""
        return self.fusion or self.rgb or self.depth


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything known about one frame after detection, cropping and inference."""

    frame: RGBDFrame
    pair: FacePair | None  # None: no face found
    verdicts: Verdicts | None  # None: no verdict, `reason` says why
    reason: str  # why a head is silent, and the frame's remark; empty: there is nothing to say
    latency_s: float  # seconds from receiving the frame to the verdict


def _require_indices(indices: Int32Array, count: int, what: str) -> None:
    if indices.ndim != 2 or indices.shape[1] != 3:
        raise ValueError(f"{what} indices must be (T, 3), got {indices.shape}")
    if indices.size and (indices.min() < 0 or indices.max() >= count):
        raise ValueError(f"{what} index out of range 0..{count - 1}")
