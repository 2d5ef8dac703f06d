"""Faces followed from frame to frame: stable identities, calm boxes, few full detections.

The detector looks at every third frame. In between a face is found by its own picture, a
small grey patch searched for around its last place, which costs a third; when it is not found
there, the detector is asked at once, so that nobody is judged who has left. Measured on
640x480: looking for a face in a part of the frame is no cheaper than in all of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fercore.faces.detection import MarkedFace
from fercore.faces.head_angle import HeadAngle, head_angle
from fercore.structures import FaceBox

if TYPE_CHECKING:
    from fercore.faces.detection import FaceDetector
    from fercore.structures import FloatArray, Prediction, RGBDFrame, UInt8Array

_SIDE = 40  # pixels, longer side of a patch
_MARGIN = 0.35  # of the box, how far a face is searched for beside its last place
_LEAST_SIDE = 0.3  # share of a face that must lie in the picture, across and down
_MIN_LIKENESS = 0.75  # normalised correlation below which it is another picture
DETECT_EVERY = 3  # frames
HOLD_S = 1.0  # a lost face keeps its identity so long, and nobody else is followed meanwhile

_SAME_PLACE = 2.0  # of the box's side: a face found so near to a lost one is the same
_SAME_SIZE = 1.6  # and within this factor of its size
_NEARER = 0.8  # another face is followed instead once it is at so small a share of the distance
_USUAL_FACE_PX_M = 100.0  # a face of 16 cm, as a camera of 615 pixels focal length sees it
_CALM = 0.25  # share of a small step that the box takes
_STRIDE = 0.1  # of the box: larger steps are taken whole
_TURN = 0.4  # share of a new angle that is taken: a single one is off by several degrees


@dataclass(frozen=True, slots=True)
class FacePatch:
    """A face's picture, small and grey, to find it again by."""

    grey: UInt8Array  # (h, w), the part of the box inside the picture
    left: int  # of that part in the picture
    top: int
    scale: float  # of `grey` over the picture
    box: FaceBox  # as detected


def cut_patch(rgb: UInt8Array, box: FaceBox) -> FacePatch | None:
    """Return what to find a face again by, None where too little of it is in the picture."""
    height, width = rgb.shape[:2]
    left, top = max(0, int(box.x0)), max(0, int(box.y0))
    inner = rgb[top : min(height, int(box.y1)), left : min(width, int(box.x1))]
    if min(inner.shape[:2]) < _LEAST_SIDE * max(box.width, box.height):
        return None
    scale = _SIDE / max(inner.shape[:2])
    return FacePatch(_small_grey(inner, scale), left, top, scale, box)


def search_patch(rgb: UInt8Array, patch: FacePatch, last: FaceBox) -> FaceBox | None:
    """Return where a face's picture lies now, None if it is not there."""
    margin = _MARGIN * max(last.width, last.height)
    x0, y0 = max(0, int(last.x0 - margin)), max(0, int(last.y0 - margin))
    around = rgb[y0 : max(y0, int(last.y1 + margin)), x0 : max(x0, int(last.x1 + margin))]
    if around.size == 0:
        return None
    window = _small_grey(around, patch.scale)
    if window.shape[0] < patch.grey.shape[0] or window.shape[1] < patch.grey.shape[1]:
        return None
    likeness = cv2.matchTemplate(window, patch.grey, cv2.TM_CCOEFF_NORMED)
    _, best, _, (column, row) = cv2.minMaxLoc(likeness)
    if not best >= _MIN_LIKENESS:
        return None
    right = x0 + (column + _summit(likeness[row], column)) / patch.scale - patch.left
    down = y0 + (row + _summit(likeness[:, column], row)) / patch.scale - patch.top
    box = patch.box
    return FaceBox(box.x0 + right, box.y0 + down, box.x1 + right, box.y1 + down, box.score)


def _small_grey(rgb: UInt8Array, scale: float) -> UInt8Array:
    height, width = rgb.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def _summit(values: FloatArray, peak: int) -> float:
    """Return how far the top of the parabola through a peak and its neighbours lies beside it."""
    if not 0 < peak < len(values) - 1:
        return 0.0
    before, top, after = (float(v) for v in values[peak - 1 : peak + 2])
    bend = before - 2 * top + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """A face that is seen in the present frame."""

    identity: int  # counted from 1; the same as long as it is not lost for longer than HOLD_S
    box: FaceBox  # smoothed
    distance_m: float | None  # of its middle; None: no depth
    followed: bool  # the one that is judged
    angle: HeadAngle | None = None  # smoothed, at the last detection; None: not known
    verdict: Prediction | None = None  # the last one on a face that is not followed


@dataclass(slots=True)
class _Track:
    """What is remembered of a face."""

    identity: int
    box: FaceBox  # smoothed
    distance_m: float | None
    seen_s: float  # when it was last found
    seen_frame: int  # in which frame, since clocks may stand still
    patch: FacePatch  # of the last detection
    angle: HeadAngle | None = None  # smoothed, of the last detection


class FaceTracker:
    """A `FaceDetector` with a memory; owns the detector that it asks.

    Follows the nearest face (the largest where there is no depth) until another is clearly
    nearer, or until one is chosen by `select`, which stays until it is lost.
    """

    def __init__(self, detector: FaceDetector) -> None:
        self._detector = detector
        self._tracks: list[_Track] = []
        self._followed: int | None = None
        self._chosen = False
        self._point: tuple[float, float] | None = None
        self._since_detection = DETECT_EVERY
        self._last_s = 0.0
        self._frame = 0
        self._count = 0
        self.faces: tuple[TrackedFace, ...] = ()  # of the last frame; other threads may read it

    def detect(self, rgb: UInt8Array) -> list[FaceBox]:
        """Return the faces of the next picture (H, W, 3), the followed one first."""
        return [face.box for face in self._advance(rgb, None, self._last_s + 1 / 30)]

    def follow(self, frame: RGBDFrame) -> FaceBox | None:
        """Return the followed face of the next frame, None while it is not seen."""
        faces = self._advance(frame.rgb, frame.depth_m, frame.timestamp_s)
        return next((face.box for face in faces if face.followed), None)

    def select(self, x: float, y: float) -> None:
        """Follow the face at this pixel from the next frame on; any thread may call this."""
        self._point = (x, y)

    def forget(self) -> None:
        """Forget all faces, such as those of another source."""
        self._tracks, self.faces = [], ()
        self._followed, self._chosen, self._since_detection = None, False, DETECT_EVERY

    def close(self) -> None:
        """Release the detector; may be called twice."""
        self._detector.close()

    def _advance(
        self, rgb: UInt8Array, depth_m: FloatArray | None, now_s: float
    ) -> list[TrackedFace]:
        if not 0 <= now_s - self._last_s <= HOLD_S:
            self.forget()  # another clip, or a pause in which anything may have happened
        self._last_s = now_s
        self._frame += 1
        if not self._search(rgb, now_s):
            self._detect(rgb, now_s)
        for track in self._seen():
            track.distance_m = _distance_m(depth_m, track.box)
        self._tracks = [track for track in self._tracks if now_s - track.seen_s <= HOLD_S]
        self._choose()
        faces = [
            TrackedFace(t.identity, t.box, t.distance_m, t.identity == self._followed, t.angle)
            for t in self._seen()
        ]
        faces.sort(key=lambda face: (not face.followed, -face.box.width * face.box.height))
        self.faces = tuple(faces)
        return faces

    def _seen(self) -> list[_Track]:
        return [track for track in self._tracks if track.seen_frame == self._frame]

    def _search(self, rgb: UInt8Array, now_s: float) -> bool:
        """Find all faces by their pictures; False when the detector must be asked."""
        self._since_detection += 1
        if self._since_detection >= DETECT_EVERY or not self._tracks:
            return False
        found = [search_patch(rgb, track.patch, track.box) for track in self._tracks]
        if any(box is None for box in found):
            return False
        for track, box in zip(self._tracks, found, strict=True):
            if box is not None:
                track.box = _calmed(track.box, box)
                track.seen_s, track.seen_frame = now_s, self._frame
        return True

    def _detect(self, rgb: UInt8Array, now_s: float) -> None:
        self._since_detection = 0
        patches = [cut_patch(rgb, box) for box in self._detector.detect(rgb)]
        usable = [patch for patch in patches if patch is not None]
        known = _paired([track.box for track in self._tracks], [patch.box for patch in usable])
        for number, patch in enumerate(usable):
            if number in known:
                track = self._tracks[known[number]]
                track.box = _calmed(track.box, patch.box)
            else:
                self._count += 1
                track = _Track(self._count, patch.box, None, now_s, self._frame, patch)
                self._tracks.append(track)
            track.seen_s, track.seen_frame, track.patch = now_s, self._frame, patch
            track.angle = _calmed_angle(track.angle, patch.box)

    def _choose(self) -> None:
        """Decide who is followed."""
        seen = self._seen()
        point, self._point = self._point, None
        picked = next((t for t in seen if point and _covers(t.box, point)), None)
        if picked is not None:
            self._followed, self._chosen = picked.identity, True
            return
        present = next((t for t in self._tracks if t.identity == self._followed), None)
        if present is None:
            self._chosen = False
        elif self._chosen or present not in seen:
            return
        nearest = min(seen, key=_remoteness, default=None)
        if nearest is None:
            return
        if present is None or _remoteness(nearest) < _NEARER * _remoteness(present):
            self._followed = nearest.identity


def _paired(old: list[FaceBox], new: list[FaceBox]) -> dict[int, int]:
    """Return which old box each new one belongs to, by their numbers; the nearest come first."""
    pairs = [(_apart(a, b), i, j) for i, a in enumerate(old) for j, b in enumerate(new)]
    found: dict[int, int] = {}
    for _, i, j in sorted(pairs):
        if i not in found.values() and j not in found and _are_same(old[i], new[j]):
            found[j] = i
    return found


def _calmed(shown: FaceBox, found: FaceBox) -> FaceBox:
    """Return the box to show: small steps are damped, large ones taken whole."""
    old = np.array([shown.x0, shown.y0, shown.x1, shown.y1])
    new = np.array([found.x0, found.y0, found.x1, found.y1])
    stride = float(np.abs(new - old).max()) / (_STRIDE * max(found.width, 1.0))
    share = min(1.0, _CALM + (1 - _CALM) * stride)
    x0, y0, x1, y1 = (float(v) for v in old + share * (new - old))
    return FaceBox(x0, y0, x1, y1, found.score)


def _calmed_angle(shown: HeadAngle | None, found: FaceBox) -> HeadAngle | None:
    """Return the angle to show; None where the detector finds no points or they tell nothing."""
    angle = head_angle(found.points_px) if isinstance(found, MarkedFace) else None
    if shown is None or angle is None:
        return angle
    return HeadAngle(*(old + _TURN * (new - old) for old, new in zip(shown, angle, strict=True)))


def _apart(one: FaceBox, other: FaceBox) -> float:
    """Return the distance of two boxes' centres in pixels."""
    across = (one.x0 + one.x1 - other.x0 - other.x1) / 2
    down = (one.y0 + one.y1 - other.y0 - other.y1) / 2
    return math.hypot(across, down)


def _are_same(one: FaceBox, other: FaceBox) -> bool:
    ratio = max(one.width, 1.0) / max(other.width, 1.0)
    near = _apart(one, other) < _SAME_PLACE * max(one.width, other.width)
    return near and 1 / _SAME_SIZE < ratio < _SAME_SIZE


def _covers(box: FaceBox, point: tuple[float, float]) -> bool:
    return box.x0 <= point[0] < box.x1 and box.y0 <= point[1] < box.y1


def _remoteness(track: _Track) -> float:
    """Return the distance in metres; without depth, guessed from the size."""
    if track.distance_m is not None:
        return track.distance_m
    return _USUAL_FACE_PX_M / max(track.box.width, track.box.height, 1.0)


def _distance_m(depth_m: FloatArray | None, box: FaceBox) -> float | None:
    """Return the median distance of the box's middle, None where it is not known."""
    if depth_m is None:
        return None
    quarter = box.width / 4, box.height / 4
    rows = slice(max(0, int(box.y0 + quarter[1])), max(0, int(box.y1 - quarter[1])), 4)
    columns = slice(max(0, int(box.x0 + quarter[0])), max(0, int(box.x1 - quarter[0])), 4)
    middle = depth_m[rows, columns]
    known = middle[np.isfinite(middle)]
    return float(np.median(known)) if known.size else None
