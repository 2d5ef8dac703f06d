"""Where the face is: box and landmarks in a colour picture, by mediapipe's bundled models.

Everything else sees only the protocols, so another detector can take its place.
The models travel inside mediapipe's wheel; nothing is fetched.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

import cv2
import numpy as np

from fercore.runtime.processes import keep_decimal_point
from fercore.structures import FaceBox, FloatArray, UInt8Array

if TYPE_CHECKING:
    from collections.abc import Iterator

LANDMARK_COUNT = 468

_MIN_SCORE = 0.4
_BORDER_SHARE = 0.25  # of the longer side: brings a face that fills the picture into view
_MIN_INSIDE = 0.25  # share of a box that lies in the picture; faces in the border are made up
_SHORT_RANGE = 0  # mediapipe's model for faces within two metres

_MOST_SIDE_PX = 4096
"""Larger pictures are shrunk first. The models look at 256 pixels or fewer, but squares are made
of whole pictures: of a strip of 20,000 pixels they would have more bytes than the native code
counts in 32 bits, which ends the program."""

_NATIVE_NOISE = re.compile(
    rb"XNNPACK delegate|absl::InitializeLog|inference_feedback_manager|landmark_projection|^\s*$"
)
_stderr_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class MarkedFace(FaceBox):
    """A box with the points that BlazeFace finds along with it."""

    points_px: tuple[tuple[float, float], ...]  # (6, 2), as `fercore.faces.head_angle.POINTS`


class FaceDetector(Protocol):
    """Finds faces. Used from one thread at a time."""

    def detect(self, rgb: UInt8Array) -> list[FaceBox]:
        """Return the faces in a picture (H, W, 3), the best first; empty when there is none."""

    def close(self) -> None:
        """Release the model; may be called twice."""


class FaceLandmarker(Protocol):
    """Finds the landmarks of one face. Used from one thread at a time."""

    def landmarks(self, rgb: UInt8Array) -> FloatArray | None:
        """Return columns and rows (468, 2) in pixels of a picture (H, W, 3), None without face."""

    def close(self) -> None:
        """Release the model; may be called twice."""


class _MediapipeModel:
    """Owns one mediapipe solution from construction to `close`."""

    def __init__(self, solution: Any) -> None:
        self._solution: Any | None = solution

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the model; may be called twice."""
        solution, self._solution = self._solution, None
        if solution is not None:
            solution.close()

    def _process(self, rgb: UInt8Array) -> Any:
        if self._solution is None:
            raise ValueError("the face model has been closed")
        return self._solution.process(np.ascontiguousarray(rgb))


class MediapipeFaceDetector(_MediapipeModel):
    """BlazeFace, short range: about 3 ms a picture. Not thread-safe: one object per thread.

    A face that fills the whole picture is looked for again inside a wider border.
    """

    def __init__(self) -> None:
        keep_decimal_point()
        with _quiet_native_stderr():
            from mediapipe.python.solutions.face_detection import FaceDetection

            solution = FaceDetection(_MIN_SCORE, _SHORT_RANGE)
            solution.process(np.zeros((64, 64, 3), np.uint8))
        super().__init__(solution)

    def detect(self, rgb: UInt8Array) -> list[FaceBox]:
        """Return the faces in a picture (H, W, 3), the best first; empty when there is none.

        The best is the largest one, weighted by its score: whoever sits at the camera. Each is
        a `MarkedFace`.
        """
        small, shrunk = _bearable(rgb)
        found = self._faces(small) or self._faces_in_border(small)
        faces = [_enlarged(face, shrunk) for face in found] if shrunk > 1 else found
        return sorted(faces, key=lambda face: face.score * face.width * face.height, reverse=True)

    def _faces(self, rgb: UInt8Array) -> list[MarkedFace]:
        height, width = rgb.shape[:2]
        found = self._process(rgb).detections or []
        return [_marked_face(detection, width, height, 0, 0) for detection in found]

    def _faces_in_border(self, rgb: UInt8Array) -> list[MarkedFace]:
        square, left, top = _squared(rgb, _border(rgb))
        found = self._process(square).detections or []
        side = len(square)
        faces = [_marked_face(detection, side, side, left, top) for detection in found]
        return [face for face in faces if _share_inside(face, rgb) >= _MIN_INSIDE]


class MediapipeFaceLandmarker(_MediapipeModel):
    """Face mesh on single pictures: about 10 ms each. Not thread-safe: one object per thread."""

    def __init__(self) -> None:
        keep_decimal_point()
        with _quiet_native_stderr():
            from mediapipe.python.solutions.face_mesh import FaceMesh

            solution = FaceMesh(
                static_image_mode=True,
                max_num_faces=1,
                refine_landmarks=True,  # the model that looks closer at eyes and lips
                min_detection_confidence=_MIN_SCORE,
            )
            solution.process(np.zeros((64, 64, 3), np.uint8))
        super().__init__(solution)
        self._has_spoken = False

    def landmarks(self, rgb: UInt8Array) -> FloatArray | None:
        """Return columns and rows (468, 2) in pixels of a picture (H, W, 3), None without face."""
        small, shrunk = _bearable(rgb)
        square, left, top = _squared(small, _border(small))
        faces = self._faces(square)
        if not faces:
            return None
        points = np.array([(p.x, p.y) for p in faces[0].landmark[:LANDMARK_COUNT]], np.float32)
        # mediapipe counts from the picture's corner, we from the first pixel's centre.
        corners = points * len(square) - np.array([left, top])
        pixels: FloatArray = corners * shrunk - 0.5
        return pixels.astype(np.float32)

    def _faces(self, square: UInt8Array) -> Any:
        # The mesh model comments on its first face, which no warm-up picture can be.
        with contextlib.nullcontext() if self._has_spoken else _quiet_native_stderr():
            faces = self._process(square).multi_face_landmarks
        self._has_spoken = self._has_spoken or bool(faces)
        return faces


def _marked_face(detection: Any, width: int, height: int, left: int, top: int) -> MarkedFace:
    """Return a detection in a picture of this size, in pixels right of `left` and below `top`."""
    place = detection.location_data
    box = place.relative_bounding_box
    x0, y0 = box.xmin * width - left, box.ymin * height - top
    x1, y1 = x0 + box.width * width, y0 + box.height * height
    points = tuple((p.x * width - left, p.y * height - top) for p in place.relative_keypoints)
    return MarkedFace(x0, y0, x1, y1, float(detection.score[0]), points)


def _bearable(rgb: UInt8Array) -> tuple[UInt8Array, float]:
    """Return a picture that is not too large for the models, and how often it is smaller."""
    height, width = rgb.shape[:2]
    shrunk = max(height, width) / _MOST_SIDE_PX
    if shrunk <= 1:
        return rgb, 1.0
    size = max(1, round(width / shrunk)), max(1, round(height / shrunk))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8), shrunk


def _enlarged(face: MarkedFace, times: float) -> MarkedFace:
    """Return a face found in a smaller picture as it lies in the larger one."""
    points = tuple((x * times, y * times) for x, y in face.points_px)
    x0, y0, x1, y1 = (side * times for side in (face.x0, face.y0, face.x1, face.y1))
    return MarkedFace(x0, y0, x1, y1, face.score, points)


def _share_inside(box: FaceBox, rgb: UInt8Array) -> float:
    height, width = rgb.shape[:2]
    columns = min(box.x1, width) - max(box.x0, 0)
    rows = min(box.y1, height) - max(box.y0, 0)
    return max(columns, 0) * max(rows, 0) / (box.width * box.height)


def _border(rgb: UInt8Array) -> int:
    return round(max(rgb.shape[:2]) * _BORDER_SHARE)


def _squared(rgb: UInt8Array, border: int) -> tuple[UInt8Array, int, int]:
    """Return the picture in the middle of a square, and its left and top edge there.

    The mesh model projects its landmarks correctly only from a square picture.
    """
    height, width = rgb.shape[:2]
    side = max(height, width) + 2 * border
    left, top = (side - width) // 2, (side - height) // 2
    sides = (top, side - height - top, left, side - width - left)
    square = cv2.copyMakeBorder(rgb, *sides, cv2.BORDER_REPLICATE)
    return np.asarray(square, np.uint8), left, top


@contextlib.contextmanager
def _quiet_native_stderr() -> Iterator[None]:
    """Drop the start-up chatter that mediapipe's native code writes straight to stderr.

    It heeds no environment variable. Whatever else arrives meanwhile is passed on.
    """
    with _stderr_lock, tempfile.TemporaryFile() as caught:
        stderr = os.dup(2)
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            caught.seek(0)
            for line in caught:
                if not _NATIVE_NOISE.search(line):
                    os.write(stderr, line)
            os.close(stderr)
