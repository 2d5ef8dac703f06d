"""Running a recorded run through the networks again, to see whether they say the same.

The face is cut out where and as far turned as the log says that it was: live, a face is followed
from frame to frame, also through frames before the run, so no single picture gives the same box
again. Depth that was not believed then is left out again. From there on everything runs anew.
At level `depth` only the depth head is compared, and where it was withheld because colour
contradicted it, so it is again: colour's verdict was kept, its picture was not. Where no image
was kept there is nothing to replay.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import numpy as np

from fercore.errors import FercoreError
from fercore.faces.quality import contradicted
from fercore.results import HEADS
from fercore.structures import FaceBox, RGBDFrame
from fercore.study.media import by_time, colour_pictures, depth_maps
from fercore.study.predictions import Flag, RunPredictions, read_predictions
from fercore.study.study_file import Privacy
from fercore.study.verdict_arrays import most_probable, verdict_array, without_calm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from fercore.structures import FacePair, FloatArray, UInt8Array, Verdicts
    from fercore.study.layout import RunPlace
    from fercore.study.run_files import RunRecord

T = TypeVar("T")
TOLERANCE = 1e-3


class Judge(Protocol):
    """What judges frames again: `fercore.inference.predictor.Predictor`."""

    def judge(self, pair: FacePair) -> tuple[Verdicts | None, str]:
        """Judge a crop."""
        ...


class CropFace(Protocol):
    """Cuts a face out of a frame with a box that is square already."""

    def __call__(self, frame: RGBDFrame, box: FaceBox, roll_deg: float) -> FacePair:
        """Return the crop, turned clockwise by the face's roll."""
        ...


@dataclass(frozen=True, slots=True)
class HeadDeviation:
    """How far one head's replayed probabilities are from the logged ones."""

    head: str
    frames: int  # compared
    silent: int  # spoke in only one of both
    largest: float  # of all probabilities, NaN when nothing was compared
    mean: float  # over frames, of the largest of each
    beyond: int  # frames beyond TOLERANCE
    flipped: int  # frames whose most probable expression changed


@dataclass(frozen=True, slots=True)
class Replayed:
    """A replayed run."""

    lossless: bool  # whether the kept images are those that were judged
    rows: int
    replayed: int  # rows whose images were kept
    source_frames: NDArray[np.float64]  # (replayed,)
    deviations: NDArray[np.float64]  # (replayed, 3): largest of each head, NaN: not compared
    heads: tuple[HeadDeviation, ...]

    @property
    def agrees(self) -> bool:
        """Whether every compared head said the same on every frame."""
        return all(h.beyond == 0 and h.silent == 0 for h in self.heads)


def replayable_heads(privacy: Privacy) -> tuple[str, ...]:
    """Return the heads whose input a privacy level keeps."""
    return {Privacy.FULL: HEADS, Privacy.DEPTH: ("depth",)}.get(privacy, ())


def replay(place: RunPlace, record: RunRecord, judge: Judge, crop: CropFace) -> Replayed:
    """Judge all frames whose images were kept, and compare.

    Raises:
        FercoreError: the run kept no image that a head could see again, or is damaged.
    """
    heads = replayable_heads(record.privacy)
    if not heads:
        raise FercoreError(
            f"{place.folder} was recorded at level {record.privacy.value}, which keeps no image "
            "that a network could judge again; only full and depth can be replayed."
        )
    rows = read_predictions(place.predictions)
    numbers, again = [], []
    for number, frame in _frames(place, record, rows):
        numbers.append(number)
        if Flag.NO_DEPTH in rows.flags[number]:
            frame = replace(frame, depth_m=None)
        again.append(_judged(rows, number, frame, judge, crop))
    logged = rows.raw[numbers].reshape(-1, *rows.raw.shape[1:])
    anew = _comparable(np.array(again).reshape(logged.shape), logged)
    if record.privacy is Privacy.DEPTH:
        anew[_withheld(logged, anew), HEADS.index("depth")] = np.nan
    deviations = _largest(anew - logged)
    deviations[:, [head not in heads for head in HEADS]] = np.nan
    colour = record.privacy is Privacy.DEPTH or record.colour_codec == "ffv1"
    depth = not (record.counts.rounded_depth_maps or record.counts.clipped_depth_pixels)
    compared = tuple(_compare(head, logged, anew) for head in heads)
    return Replayed(
        colour and depth, len(rows), len(numbers), rows.source_frames[numbers], deviations, compared
    )


def _judged(
    rows: RunPredictions, number: int, frame: RGBDFrame, judge: Judge, crop: CropFace
) -> NDArray[np.float64]:
    box = rows.boxes[number]
    if np.isnan(box).any():
        return verdict_array(None)
    pair = crop(frame, FaceBox(*box.tolist()), float(rows.rolls_deg[number]))
    return verdict_array(judge.judge(pair)[0])


def _frames(
    place: RunPlace, record: RunRecord, rows: RunPredictions
) -> Iterator[tuple[int, RGBDFrame]]:
    """Yield the rows whose images are there; a picture belongs to the row of its time."""
    colour: Iterator[tuple[float, UInt8Array]] = iter(())
    depth: Iterator[tuple[float, FloatArray]] = iter(())
    if record.privacy.keeps_colour and rows.colour_kept.any():
        colour = colour_pictures(place.colour)
    if rows.depth_kept.any():
        depth = depth_maps(place.depth, record.depth_unit_m)
    pictures = _Images(by_time(rows.time_s, rows.colour_kept, colour))
    maps = _Images(by_time(rows.time_s, rows.depth_kept, depth))
    for number in range(len(rows)):
        rgb, depth_m = pictures.of(number), maps.of(number)
        frame = _frame(rows, number, rgb, depth_m)
        if _whole(record, rows, number, rgb, depth_m):
            yield number, frame


class _Images(Generic[T]):
    """The images of a video, asked for in the order of their rows."""

    def __init__(self, pairs: Iterator[tuple[int, T]]) -> None:
        self._pairs = pairs
        self._next = next(pairs, None)

    def of(self, row: int) -> T | None:
        """Return the image of a row, None where it has none."""
        if self._next is None or self._next[0] != row:
            return None
        image, self._next = self._next[1], next(self._pairs, None)
        return image


def _whole(
    record: RunRecord,
    rows: RunPredictions,
    number: int,
    rgb: UInt8Array | None,
    depth_m: FloatArray | None,
) -> bool:
    """Whether all that was judged at a row is there again."""
    if record.privacy is Privacy.DEPTH:
        return depth_m is not None
    had_depth = not np.isnan(rows.raw[number, [0, 2], 0]).any()
    return rgb is not None and (depth_m is not None or not had_depth)


def _frame(
    rows: RunPredictions, number: int, rgb: UInt8Array | None, depth_m: FloatArray | None
) -> RGBDFrame:
    if rgb is None:
        height, width = depth_m.shape if depth_m is not None else (0, 0)
        rgb = np.zeros((height, width, 3), np.uint8)
    if depth_m is not None:
        # Lossy colour of odd size has lost its last row or column.
        depth_m = depth_m[: rgb.shape[0], : rgb.shape[1]]
    return RGBDFrame(rgb, depth_m, None, float(rows.device_s[number]), number)


def _comparable(anew: NDArray[np.float64], logged: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what is said now (N, 3, 7) of as much as was known then."""
    calm_was_known = ~np.isnan(logged[..., -1:])
    return np.where(calm_was_known, anew, without_calm(anew))


def _withheld(logged: NDArray[np.float64], anew: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return in which rows (N,) depth was silent then, and colour then contradicts what it says."""
    rgb, depth = (HEADS.index(head) for head in ("rgb", "depth"))
    silent: NDArray[np.bool_] = np.isnan(logged[:, depth, 0]) & ~np.isnan(logged[:, rgb, 0])
    return silent & contradicted(np.nan_to_num(anew[:, depth]), np.nan_to_num(logged[:, rgb]))


def _largest(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest of differences (..., 7), NaN only where the head was silent."""
    return np.asarray(np.fmax.reduce(np.abs(differences), axis=-1))


def _compare(head: str, logged: NDArray[np.float64], anew: NDArray[np.float64]) -> HeadDeviation:
    place = HEADS.index(head)
    before, after = logged[:, place], anew[:, place]
    spoke, speaks = ~np.isnan(before[:, 0]), ~np.isnan(after[:, 0])
    both = spoke & speaks
    largest = _largest(before[both] - after[both])
    flipped = most_probable(before[both]) != most_probable(after[both])
    return HeadDeviation(
        head=head,
        frames=int(both.sum()),
        silent=int((spoke != speaks).sum()),
        largest=float(largest.max()) if both.any() else float("nan"),
        mean=float(largest.mean()) if both.any() else float("nan"),
        beyond=int((largest > TOLERANCE).sum()),
        flipped=int(flipped.sum()),
    )
