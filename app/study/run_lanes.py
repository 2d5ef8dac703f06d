"""The lanes that a run needs, started, counted and closed together."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from app.study.lanes import (
    ColourLane,
    DepthLane,
    EventLane,
    OfferedDepthMap,
    OfferedPicture,
    RowLane,
)
from fercore.study.run_files import Counts

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.study.faces import FaceBlur
    from fercore.structures import Analysis
    from fercore.study.layout import RunPlace
    from fercore.study.run_files import RunRecord

_NO_PICTURE = np.zeros((0, 0, 3), np.uint8)

logger = logging.getLogger(__name__)


class Lanes:
    """All lanes that a run's privacy level allows.

    Raises:
        OSError: a file cannot be made.
    """

    def __init__(
        self,
        place: RunPlace,
        record: RunRecord,
        blur: FaceBlur | None,
        fail: Callable[[Exception], None],
        watch: Callable[[], None],
    ) -> None:
        self.rows = RowLane(place, record, fail, watch)
        self.events = EventLane(place, fail)
        self.colour: ColourLane | None = None
        self.depth: DepthLane | None = None
        if record.privacy.keeps_colour:
            self.colour = ColourLane(place, record.colour_codec, blur, fail)
        if record.privacy.keeps_depth:
            self.depth = DepthLane(place, record.depth_unit_m, fail)

    @property
    def size(self) -> int:
        """Bytes written."""
        return sum(lane.size for lane in self._all)

    def start(self) -> None:
        """Start all threads."""
        for each in self._all:
            each.lane.start()

    def offer_pictures(self, analysis: Analysis, onset_s: float) -> tuple[bool, bool]:
        """Offer a frame's images to the lanes; return whether colour and depth are kept."""
        frame, colour_kept, depth_kept = analysis.frame, False, False
        if self.colour is not None:
            box = analysis.pair.box if analysis.pair else None
            colour_kept = self.colour.lane.offer(OfferedPicture(frame.rgb, box, onset_s))
        if self.depth is not None and frame.depth_m is not None:
            depth_kept = self.depth.lane.offer(OfferedDepthMap(frame.depth_m, onset_s))
        return colour_kept, depth_kept

    def finish(self, timeout_s: float) -> str:
        """Write out what is queued and close; return the name of a lane that could not, or none."""
        stuck = [each for each in self._all if not each.lane.finish(timeout_s)]
        for each in self._all:
            if each not in stuck:
                _close(each)
        return stuck[0].lane.name if stuck else ""

    def counts(self) -> Counts:
        """Return what was written and what was lost so far."""
        colour, depth = self.colour, self.depth
        return Counts(
            frames=self.rows.rows,
            events=self.events.rows,
            colour_pictures=colour.pictures if colour else 0,
            depth_maps=depth.pictures if depth else 0,
            dropped_rows=self.rows.lane.dropped,
            dropped_events=self.events.lane.dropped,
            dropped_colour=colour.lane.dropped if colour else 0,
            dropped_depth=depth.lane.dropped if depth else 0,
            clipped_depth_pixels=depth.clipped_pixels if depth else 0,
            rounded_depth_maps=depth.rounded_maps if depth else 0,
        )

    @property
    def _all(self) -> list[RowLane | EventLane | ColourLane | DepthLane]:
        lanes = (self.rows, self.events, self.colour, self.depth)
        return [lane for lane in lanes if lane is not None]


def without_images(analysis: Analysis) -> Analysis:
    """Return an analysis that keeps no picture alive while its row waits."""
    frame = replace(analysis.frame, rgb=_NO_PICTURE, depth_m=None)
    pair = analysis.pair
    slim = None if pair is None else replace(pair, rgb=_NO_PICTURE, depth_m=None)
    return replace(analysis, frame=frame, pair=slim)


def _close(lane: RowLane | EventLane | ColourLane | DepthLane) -> None:
    try:
        lane.close()
    except Exception:
        # The other files must be closed all the same.
        logger.exception("The file of the lane %s could not be closed.", lane.lane.name)
