"""The same pipeline without a window: every frame of a source gets a row.

Writes `predictions.tsv`, `overlay.mp4` and `window.png` (what the window shows of the
surest frame) into a folder and prints a table of the verdicts per scan. What an earlier
run left there is kept in a folder `previous`, which is said.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count, islice
from typing import TYPE_CHECKING, NoReturn

from PySide6.QtGui import QPainter
from tqdm import tqdm

from app.drawing.overlay import draw_overlay
from app.drawing.qimage import to_array, to_qimage
from app.headless.output import Summary, VideoWriter
from app.headless.picture import Showcase, save_picture
from app.sources.base import Arrival, Replay
from fercore.errors import FercoreError
from fercore.results import PredictionWriter

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from PySide6.QtWidgets import QApplication

    from app.live.inference import Analyser
    from app.sources.base import FrameSource
    from fercore.structures import Analysis, UInt8Array

PREDICTIONS, VIDEO, PICTURE = "predictions.tsv", "overlay.mp4", "window.png"
PREVIOUS = "previous"
_READ_TIMEOUT_S = 10.0
_FALLBACK_RATE_HZ = 30.0
_LOG_EVERY_S = 10.0


def run_headless(
    application: QApplication,
    source: FrameSource,
    analyser: Analyser,
    output: Path,
    max_frames: int | None = None,
) -> Summary:
    """Judge every frame of a source, or its first `max_frames`, and write the files.

    Ctrl-C ends the run early; all files then hold what was done until then.

    Raises:
        KeyboardInterrupt: it was ended by Ctrl-C; everything is written.
        FercoreError: the source or the folder cannot be used, or the disk is full.
    """
    source.open()
    try:
        _keep_previous(output)
        summary, showcase = Summary(), Showcase()
        started_s = time.monotonic()
        interrupted = _judge_all(source, analyser, output, max_frames, summary, showcase)
        rate = summary.frames / (time.monotonic() - started_s)
        save_picture(application, showcase, source, output / PICTURE)
    finally:
        source.close()
    _report(summary, rate, output)
    if interrupted:
        raise KeyboardInterrupt
    return summary


def _expected_frames(source: FrameSource, max_frames: int | None) -> int | None:
    """Return how many frames there will be, None where nobody knows."""
    if not isinstance(source, Replay):
        return max_frames
    return source.frame_count if max_frames is None else min(source.frame_count, max_frames)


def _judge_all(
    source: FrameSource,
    analyser: Analyser,
    output: Path,
    max_frames: int | None,
    summary: Summary,
    showcase: Showcase,
) -> bool:
    """Judge and write frame by frame; return whether Ctrl-C ended that."""
    rate_hz = source.frame_rate_hz if isinstance(source, Replay) else _FALLBACK_RATE_HZ
    with (
        PredictionWriter(output / PREDICTIONS) as predictions,
        VideoWriter(output / VIDEO, rate_hz) as video,
        _progress(_expected_frames(source, max_frames)) as bar,
        closing(_arrivals(source)) as arrivals,
    ):
        try:
            for arrival in islice(arrivals, max_frames):
                analysis = analyser.analyse(arrival.frame)
                predictions.write(analysis)
                summary.add(analysis)
                showcase.add(analysis, arrival.clip)
                video.write(_overlaid(analysis))
                bar.update()
        except KeyboardInterrupt:
            bar.write("Interrupted; the files hold the frames until here.", file=sys.stderr)
            return True
    return False


def _progress(total: int | None) -> tqdm[NoReturn]:
    """Return a progress bar; in a log file, a line of it now and then."""
    seldom_s = 0.1 if sys.stderr.isatty() else _LOG_EVERY_S
    return tqdm(total=total, unit="frame", mininterval=seldom_s)


def _arrivals(source: FrameSource) -> Generator[Arrival]:
    """Yield every frame; the next one is rendered while the present one is judged."""
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as reader:
        coming = reader.submit(_read, source)
        while (arrival := coming.result()) is not None:
            coming = reader.submit(_read, source)
            yield arrival


def _read(source: FrameSource) -> Arrival | None:
    """Return the next frame with the clip it belongs to, which the one after it may not."""
    frame = source.read(_READ_TIMEOUT_S)
    if frame is None:
        return None
    clip = source.position if isinstance(source, Replay) else 0
    return Arrival(frame, source, clip, time.monotonic())


def _overlaid(analysis: Analysis) -> UInt8Array:
    image = to_qimage(analysis.frame.rgb)
    painter = QPainter(image)
    draw_overlay(painter, analysis)
    painter.end()
    return to_array(image)


def _keep_previous(output: Path) -> None:
    """Move an earlier run's files into a folder of their own, and say so."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        earlier = [name for name in (PREDICTIONS, VIDEO, PICTURE) if (output / name).exists()]
        if not earlier:
            return
        place = _new_place(output)
        place.mkdir()
        for name in earlier:
            (output / name).replace(place / name)
        print(f"The files of an earlier run are kept in {place}.", file=sys.stderr)
    except OSError as error:
        raise FercoreError(
            f"{output} cannot be written ({error.strerror}); choose another folder."
        ) from error


def _new_place(output: Path) -> Path:
    names = (PREVIOUS if number == 1 else f"{PREVIOUS}-{number}" for number in count(1))
    return next(output / name for name in names if not (output / name).exists())


def _report(summary: Summary, rate: float, output: Path) -> None:
    table = summary.table()
    if table:
        print(f"{table}\n")
    print(f"{summary.sentences()} {rate:.1f} frames/s.")
    print(f"Written to {output}: {PREDICTIONS}, {VIDEO}, {PICTURE}.")
