"""What a run without a window leaves: an H.264 video, and verdicts per scan beside the truth.

The video is fragmented: what has been written stays playable when the disk
fills up or the process dies.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np

from app.drawing.overlay import CORRECT, HEADS, mark_of, verdict_text
from fercore.errors import FercoreError, cure
from fercore.expressions import VERDICT_LABELS, Expression
from fercore.study.verdict_arrays import prediction_of, verdict_array

if TYPE_CHECKING:
    from pathlib import Path

    from av.container import OutputContainer
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    from fercore.structures import Analysis, Prediction, UInt8Array

_FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
_ENCODER = {"crf": "20", "preset": "veryfast"}


class VideoWriter:
    """Appends pictures of one size to an MP4 file; a context manager.

    An odd width or height loses its last column or row: H.264 needs even sizes.
    """

    def __init__(self, path: Path, frame_rate_hz: float) -> None:
        self._path = path
        self._rate = Fraction(frame_rate_hz).limit_denominator(1001)
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None

    def __enter__(self) -> VideoWriter:
        """Create the file, replacing an older one.

        Raises:
            FercoreError: it cannot be written.
        """
        try:
            # av would open it, and find out that it cannot, with the first picture only.
            self._path.open("wb").close()
            self._container = av.open(str(self._path), "w", format="mp4", options=_FRAGMENTED)
        except OSError as error:
            raise FercoreError(
                f"{self._path} cannot be written ({error.strerror}); choose another folder."
            ) from error
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        """Write what the encoder still holds and close the file."""
        try:
            self._finish()
        except OSError as failure:
            # The failure that ended the block says more than this one.
            if error is None:
                raise self._problem(failure) from failure

    def write(self, rgb: UInt8Array) -> None:
        """Append a picture (H, W, 3).

        Raises:
            FercoreError: the disk is full; what is written so far stays playable.
        """
        if self._container is None:
            raise ValueError("the writer is used outside its with block")
        height, width = (size - size % 2 for size in rgb.shape[:2])
        if self._stream is None:
            self._stream = self._add_stream(self._container, width, height)
        picture = np.ascontiguousarray(rgb[:height, :width])
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        try:
            self._container.mux(self._stream.encode(frame))
        except OSError as error:
            raise self._problem(error) from error

    def _add_stream(self, container: OutputContainer, width: int, height: int) -> VideoStream:
        stream = container.add_stream("libx264", rate=self._rate, options=_ENCODER)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.gop_size = round(self._rate)
        return stream

    def _finish(self) -> None:
        container, self._container = self._container, None
        if container is None:
            return
        try:
            if self._stream is not None:
                container.mux(self._stream.encode(None))
        finally:
            container.close()

    def _problem(self, error: OSError) -> FercoreError:
        return FercoreError(
            f"{self._path} cannot be written any further ({error.strerror}); "
            f"{cure(error)} or choose another folder, what is written so far can be played."
        )


@dataclass(slots=True)
class ScanTally:
    """What was said about one scan; probabilities are summed over its frames."""

    truth: Expression
    sums: NDArray[np.float64] = field(
        default_factory=lambda: np.zeros((len(HEADS), len(VERDICT_LABELS)))
    )
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(HEADS), np.int64))

    def add(self, analysis: Analysis) -> None:
        """Add one frame."""
        said = verdict_array(analysis.verdicts)
        spoke = ~np.isnan(said[:, 0])
        self.sums[spoke] += said[spoke]  # an unknown calm stays unknown
        self.counts += spoke

    def verdict(self, head: int) -> Prediction | None:
        """Return the mean of a head's probabilities, None if it never spoke."""
        if not self.counts[head]:
            return None
        return prediction_of(self.sums[head] / self.counts[head], 0.0)


class Summary:
    """Collects analysed frames and says in the end how the heads did."""

    def __init__(self) -> None:
        self.frames = 0
        self.without_verdict = 0
        self._latency_s = 0.0
        self._scans: dict[str, ScanTally] = {}

    def add(self, analysis: Analysis) -> None:
        """Add one frame; frames without a true expression count, but in no scan."""
        self.frames += 1
        self.without_verdict += analysis.verdicts is None
        self._latency_s += analysis.latency_s
        frame = analysis.frame
        if frame.truth is not None:
            self._scans.setdefault(frame.origin, ScanTally(frame.truth)).add(analysis)

    @property
    def mean_latency_s(self) -> float:
        """Mean time from frame to verdict."""
        return self._latency_s / max(1, self.frames)

    def table(self) -> str:
        """Return one row a scan: truth and the three verdicts; empty without any truth."""
        from tabulate import tabulate

        rows = [
            (name, str(scan.truth), *(self._cell(scan, head) for head in range(len(HEADS))))
            for name, scan in self._scans.items()
        ]
        return tabulate(rows, ("scan", "truth", *HEADS)) if rows else ""

    def sentences(self) -> str:
        """Return how many scans each head got right, and how many frames there were."""
        frames = f"{self.frames} frames, {self.without_verdict} of them without a verdict."
        if not self._scans:
            return frames
        total = len(self._scans)
        right = ", ".join(f"{head} {self._correct(i)} of {total}" for i, head in enumerate(HEADS))
        return f"Scans judged correctly: {right}. {frames}"

    def _cell(self, scan: ScanTally, head: int) -> str:
        return verdict_text(scan.verdict(head), scan.truth)

    def _correct(self, head: int) -> int:
        return sum(mark_of(s.verdict(head), s.truth) == CORRECT for s in self._scans.values())
