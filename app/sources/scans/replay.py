"""Plays the scans of BU-3DFE as a depth camera would deliver them.

Each frame is rendered when it is read: 640×480 at 30 frames a second, the head
half a metre away and slightly moving. The next clip is loaded by a helper
thread while the present one plays. A clip that stands alone goes on until another
one is chosen.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from app.sources.base import SourceError, SourceFacts, Span
from app.sources.scans.performance import Clip, Shot, arrange, head_pose, storyboard
from app.sources.scans.stage import ClipStage, EmptyClipError
from fercore.datasets.dataset import SYNTHETIC, terms_of
from fercore.structures import Intrinsics, RGBDFrame

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from fercore.datasets.bu3dfe import Scan

FRAME_RATE_HZ = 30.0
DISTANCE_MM = 460.0
CAMERA = Intrinsics(fx=615.0, fy=615.0, cx=319.5, cy=239.5, width=640, height=480)

logger = logging.getLogger(__name__)


class ReplaySource:
    """A `Replay` of the clips that a set of scans gives.

    Raises:
        SourceError: there are no scans.
    """

    def __init__(self, scans: Sequence[Scan], name: str) -> None:
        if not scans:
            raise SourceError(f"{name} holds no BU-3DFE scans; choose a folder or file that does")
        self._clips = arrange(scans)
        self._starts = _starts(self._clips)
        self._name = name
        subjects = [scan.id.subject for scan in scans]
        self.facts = SourceFacts(synthetic=terms_of(subjects) == SYNTHETIC, knows_truth=True)
        self._loader: ThreadPoolExecutor | None = None
        self._coming: dict[int, Future[ClipStage]] = {}
        self._stage: ClipStage | None = None
        self._clip = 0
        self._shot = 0
        self._index = 0
        self._shown_clip: int | None = None
        self._problem = ""

    @property
    def name(self) -> str:
        """Where the scans lie."""
        return self._name

    @property
    def frame_rate_hz(self) -> float:
        """Frames a second at normal speed."""
        return FRAME_RATE_HZ

    @property
    def frame_count(self) -> int:
        """Number of frames of all performances, should all be readable."""
        played = (clip for clip in self._clips if not clip.stands_alone)
        return sum(len(storyboard(len(clip.scans))) for clip in played)

    @property
    def clips(self) -> tuple[Clip, ...]:
        """By subject the performances in playing order, then the single scans."""
        return self._clips

    @property
    def position(self) -> int:
        """Index of the clip of the last frame; 0 before the first."""
        return self._shown_clip or 0

    def span(self, clip: int) -> Span:
        """Return among which frames one goes: those of all performances."""
        return Span(self.frame_count, self.frame_count / FRAME_RATE_HZ)

    @property
    def place(self) -> int:
        """Number of the last frame among those of all performances; a scan alone has none."""
        return self._starts.get(self.position, 0) + max(0, self._shot - 1)

    def open(self) -> None:
        """Load the first clip that can be read, from the start.

        Raises:
            SourceError: none can be read.
        """
        self.close()
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="replay-loader")
        self._clip = self._shot = self._index = 0
        self._shown_clip = None
        if self._find_stage() is None:
            raise self._nothing_readable()

    def read(self, timeout_s: float) -> RGBDFrame | None:
        """Render and return the next frame; never waits, so `timeout_s` is not used.

        Raises:
            SourceError: it is not open, or no scan can be read.
        """
        stage = self._find_stage()
        if stage is None:
            if self._shown_clip is None:
                raise self._nothing_readable()
            return None
        frame = self._render(stage, storyboard(len(stage.clip.scans))[self._shot])
        self._shown_clip = self._clip
        self._shot += 1
        self._index += 1
        return frame

    def seek(self, clip: int) -> None:
        """Go on with the first frame of clip number `clip`."""
        self._clip, self._shot, self._stage = clip, 0, None

    def go_to(self, place: int) -> None:
        """Go on with a frame of the performances, at most their last."""
        wanted = max(0, min(place, self.frame_count - 1))
        clip = max((c for c, start in self._starts.items() if start <= wanted), default=0)
        if clip != self._clip or self._stage is None:
            self.seek(clip)
        self._shot = wanted - self._starts.get(clip, 0)

    def skip(self, frames: int) -> None:
        """Pass over frames of the present clip, at most to its last."""
        stage = self._find_stage()
        if stage is None:
            return
        left = len(storyboard(len(stage.clip.scans))) - 1 - self._shot
        passed = max(0, min(frames, left))
        self._shot += passed
        self._index += passed

    def close(self) -> None:
        """End the loader and drop what it loaded."""
        if self._loader is not None:
            self._loader.shutdown(wait=True, cancel_futures=True)
        self._loader = self._stage = None
        self._coming.clear()

    def _render(self, stage: ClipStage, shot: Shot) -> RGBDFrame:
        time_s = self._index / FRAME_RATE_HZ
        scan = stage.scan_shown(shot)
        face = stage.face_shown(shot)
        view = stage.render(shot, CAMERA, head_pose(time_s), DISTANCE_MM)
        return RGBDFrame(
            rgb=view.rgb,
            depth_m=view.depth_m,
            intrinsics=CAMERA,
            timestamp_s=time_s,
            index=self._index,
            truth=scan.id.expression,
            origin=scan.id.name,
            has_colour=face.mesh.is_coloured,
            remark=face.remark,
        )

    def _find_stage(self) -> ClipStage | None:
        """Return the stage of the next frame, None at the end; leaves broken clips out."""
        if self._stage is not None and self._shot >= len(storyboard(len(self._stage.clip.scans))):
            self._leave(self._stage)
        while self._stage is None and self._clip < len(self._clips):
            self._stage = self._take_stage()
            if self._stage is None:
                self.seek(self._following())
        return self._stage

    def _leave(self, stage: ClipStage) -> None:
        if stage.clip.stands_alone:
            self._shot = 0
        else:
            self.seek(self._following())

    def _following(self) -> int:
        """Return the next clip that does not stand alone, past the last one at the end."""
        later = range(self._clip + 1, len(self._clips))
        return next((i for i in later if not self._clips[i].stands_alone), len(self._clips))

    def _take_stage(self) -> ClipStage | None:
        self._order(self._clip)
        wanted = self._coming.pop(self._clip)
        # Clips ordered for a place that was jumped away from are not worth keeping.
        for future in self._coming.values():
            future.cancel()
        self._coming.clear()
        self._order(self._following())
        try:
            return wanted.result()
        except EmptyClipError as error:
            self._problem = str(error)
            if len(self._clips) > 1:
                logger.warning("A clip is skipped: %s", error)
            return None

    def _order(self, clip: int) -> None:
        if self._loader is None:
            raise SourceError(f"{self._name} is read before it was opened")
        if clip < len(self._clips) and clip not in self._coming:
            self._coming[clip] = self._loader.submit(ClipStage, self._clips[clip])

    def _nothing_readable(self) -> SourceError:
        if len(self._clips) == 1:
            return SourceError(self._problem)
        return SourceError(f"no scan of {self._name} can be read; the last reason: {self._problem}")


def _starts(clips: Sequence[Clip]) -> dict[int, int]:
    """Return with which frame of all each performance begins, by the number of its clip."""
    starts: dict[int, int] = {}
    frame = 0
    for number, clip in enumerate(clips):
        if not clip.stands_alone:
            starts[number] = frame
            frame += len(storyboard(len(clip.scans)))
    return starts
