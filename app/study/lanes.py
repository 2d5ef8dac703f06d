"""A run's four lanes: rows, events, colour, depth; each a writer with a thread of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from app.study.durable import PictureWriter, TableWriter
from app.study.lane import Lane
from fercore.study import events, predictions
from fercore.study.predictions import Row
from fercore.study.verdict_arrays import SHAPE, Smoothing, verdict_array

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from app.study.faces import FaceBlur
    from fercore.structures import Analysis, FaceBox, FloatArray, UInt8Array
    from fercore.study.baseline import Baseline
    from fercore.study.events import Event, Offset
    from fercore.study.layout import RunPlace
    from fercore.study.predictions import Flag
    from fercore.study.run_files import RunRecord

_ROWS, _EVENTS, _PICTURES = 2000, 10000, 30  # capacities; a picture takes a megabyte
_RESERVED = 100  # for events that no flood of markers may push out, such as the end of the run


class Draft(NamedTuple):
    """What a row will be made of; holds no image."""

    analysis: Analysis
    host_s: float
    onset_s: float
    lsl_s: float | None
    face: int | None  # whose row it is
    flags: tuple[Flag, ...]
    colour_kept: bool
    depth_kept: bool


class OfferedPicture(NamedTuple):
    """A colour picture on its way to the file."""

    rgb: UInt8Array
    box: FaceBox | None
    onset_s: float


class OfferedDepthMap(NamedTuple):
    """A depth map on its way to the file."""

    depth_m: FloatArray
    onset_s: float


class RowLane:
    """Completes rows by smoothing and baseline, and writes them."""

    def __init__(
        self,
        place: RunPlace,
        record: RunRecord,
        fail: Callable[[Exception], None],
        watch: Callable[[], None],
    ) -> None:
        self._writer = TableWriter(place.predictions, predictions.COLUMNS)
        self._smoothing = Smoothing(record.smoothing_s)
        self._baseline = record.baseline
        self._watch = watch
        self.lane: Lane[Draft] = Lane("rows", _ROWS, self._write, self._tick, fail)

    @property
    def rows(self) -> int:
        """Rows written."""
        return self._writer.rows

    @property
    def size(self) -> int:
        """Bytes written."""
        return self._writer.size

    def close(self) -> None:
        """Close the file; the lane must have finished."""
        self._writer.close()

    def _write(self, draft: Draft) -> None:
        raw = verdict_array(draft.analysis.verdicts)
        row = Row(
            analysis=draft.analysis,
            number=self._writer.rows,
            onset_s=draft.onset_s,
            host_s=draft.host_s,
            lsl_s=draft.lsl_s,
            face=draft.face,
            flags=draft.flags,
            smoothed=self._smoothing.add(raw, draft.host_s),
            corrected=_corrected(self._baseline, raw),
            colour_kept=draft.colour_kept,
            depth_kept=draft.depth_kept,
        )
        self._writer.write(row.cells())

    def _tick(self) -> None:
        self._writer.sync()
        self._watch()


class EventLane:
    """Writes events and clock offsets, and has each put on the disk at once."""

    def __init__(self, place: RunPlace, fail: Callable[[Exception], None]) -> None:
        self._events = TableWriter(place.events, events.COLUMNS)
        self._clocks = TableWriter(place.clocks, events.CLOCK_COLUMNS)
        room = _EVENTS + _RESERVED
        self.lane: Lane[Event | Offset] = Lane("events", room, self._write, self._tick, fail)

    @property
    def rows(self) -> int:
        """Events written."""
        return self._events.rows

    @property
    def size(self) -> int:
        """Bytes written."""
        return self._events.size + self._clocks.size

    def offer(self, event: Event) -> bool:
        """Queue an event; False and counted where there is no room."""
        if event.type == events.MARKER and self.lane.waiting >= _EVENTS:
            self.lane.drop()
            return False
        return self.lane.offer(event)

    def close(self) -> None:
        """Close the files; the lane must have finished."""
        self._events.close()
        self._clocks.close()

    def _write(self, item: Event | Offset) -> None:
        if isinstance(item, events.Offset):
            self._clocks.write(item.cells())
        else:
            self._events.write(item.cells())
            self._events.sync()

    def _tick(self) -> None:
        self._events.sync()
        self._clocks.sync()


class PictureLane:
    """What lanes of pictures have in common: the file, and how full it is."""

    def __init__(self, file: Path, codec: str) -> None:
        self._writer = PictureWriter(file, codec)

    @property
    def pictures(self) -> int:
        """Pictures or maps written."""
        return self._writer.pictures

    @property
    def size(self) -> int:
        """Bytes written."""
        return self._writer.size

    def close(self) -> None:
        """Close the file; the lane must have finished."""
        self._writer.close()


class ColourLane(PictureLane):
    """Writes colour pictures, without recognisable faces where that is asked for."""

    def __init__(
        self, place: RunPlace, codec: str, blur: FaceBlur | None, fail: Callable[[Exception], None]
    ) -> None:
        super().__init__(place.colour, codec)
        self._blur = blur
        self.lane: Lane[OfferedPicture] = Lane(
            "colour", _PICTURES, self._write, self._writer.sync, fail
        )

    def _write(self, item: OfferedPicture) -> None:
        rgb = item.rgb
        if self._blur is not None:
            rgb = self._blur.apply(rgb, item.box, item.onset_s)
        self._writer.write(rgb, item.onset_s)


class DepthLane(PictureLane):
    """Writes depth maps without loss."""

    def __init__(self, place: RunPlace, unit_m: float, fail: Callable[[Exception], None]) -> None:
        super().__init__(place.depth, "depth")
        self._unit_m = unit_m
        self.clipped_pixels = 0
        self.rounded_maps = 0
        self.lane: Lane[OfferedDepthMap] = Lane(
            "depth", _PICTURES, self._write, self._writer.sync, fail
        )

    def _write(self, item: OfferedDepthMap) -> None:
        clipped, rounded = self._writer.write_depth(item.depth_m, self._unit_m, item.onset_s)
        self.clipped_pixels += clipped
        self.rounded_maps += rounded


def _corrected(baseline: Baseline | None, raw: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.full(SHAPE, np.nan) if baseline is None else baseline.correct(raw)
