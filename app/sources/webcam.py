"""A plain webcam through OpenCV: colour only, so that the RGB head judges it alone.

Drivers block for seconds when a cable is pulled, so a thread of its own reads the
camera, and is left behind where it does not come back.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.sources.base import Condition, Health, SourceError, SourceFacts, SourceTimeout
from app.sources.camera_care import Backoff, Doubts, Fault, Sameness
from fercore.structures import RGBDFrame

if TYPE_CHECKING:
    from collections.abc import Callable

    from fercore.structures import UInt8Array

FIRST_FRAME_S = 10.0  # some cameras take long to wake up
SILENCE_S = 1.5
_JOIN_S = 2.0
_STEP_S = 0.1
_SIZE = (640, 480)  # asked for; the camera has the last word

logger = logging.getLogger(__name__)


def open_webcam(index: int) -> Any:
    """Return OpenCV's capture of a webcam, asked for the size and for no backlog of frames."""
    import cv2

    before = cv2.getLogLevel()
    # A webcam that is not there is said in one sentence, not in OpenCV's own words.
    cv2.setLogLevel(0)
    try:
        capture = cv2.VideoCapture(index)
    finally:
        cv2.setLogLevel(before)
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, _SIZE[0])
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, _SIZE[1])
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return capture


def webcams(devices: Path = Path("/sys/class/video4linux")) -> dict[int, str]:
    """Return number and name of the webcams that Linux knows; none on other systems.

    A depth camera shows up among them too and is left out, as are nodes for metadata.
    """
    found = {}
    for node in sorted(devices.glob("video*")) if devices.is_dir() else []:
        name = _line(node / "name")
        if "realsense" not in name.lower() and _line(node / "index") in ("", "0"):
            found[int(node.name.removeprefix("video"))] = name
    return found


class Grabber(threading.Thread):
    """Reads a webcam until stopped or until it fails; keeps the newest picture."""

    def __init__(self, index: int, open_capture: Callable[[int], Any]) -> None:
        super().__init__(name="webcam", daemon=True)
        self._index = index
        self._open_capture = open_capture
        self._changed = threading.Condition()
        self._stopping = False
        self._newest: tuple[UInt8Array, float] | None = None
        self.failed = False

    def run(self) -> None:
        """Open and read."""
        capture = None
        try:
            capture = self._open_capture(self._index)
            while capture.isOpened() and not self._stopping:
                came, bgr = capture.read()
                if not came:
                    break
                with self._changed:
                    self._newest = (bgr, time.monotonic())
                    self._changed.notify()
        except Exception as error:  # OpenCV throws its own types
            logger.info("webcam %d: %s", self._index, error)
        finally:
            if capture is not None:
                capture.release()
            with self._changed:
                self.failed = not self._stopping
                self._changed.notify()

    def take(self, timeout_s: float) -> tuple[UInt8Array, float] | None:
        """Return the newest picture (H, W, 3; B, G, R) and when it came, None if none does."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self.failed, timeout_s)
            newest, self._newest = self._newest, None
            return newest

    def stop(self) -> None:
        """Ask it to end, and wait a little."""
        self._stopping = True
        self.join(_JOIN_S)
        if self.is_alive():
            logger.error("Webcam %d does not stop; it is left behind.", self._index)


class WebcamSource:
    """A `LiveSource` without depth."""

    def __init__(self, index: int = 0, open_capture: Callable[[int], Any] = open_webcam) -> None:
        self._index = index
        self._open_capture = open_capture
        self._grabber: Grabber | None = None
        self._is_open = False
        self._backoff = Backoff()
        self._doubts, self._sameness = Doubts(), Sameness()
        self._started_s = self._seen_s = 0.0
        self._frames = 0
        self.condition = Condition(Health.GOOD)
        self.facts = SourceFacts(clock="host")

    @property
    def name(self) -> str:
        """Which webcam it is."""
        return f"Webcam {self._index}"

    def open(self) -> None:
        """Open the webcam and wait for its first picture.

        Raises:
            SourceError: there is none of that number, or it sends nothing.
        """
        self.close()
        self._backoff, self._frames = Backoff(), 0
        self._grabber = self._started()
        if self._grabber.take(FIRST_FRAME_S) is None:
            self.close()
            raise SourceError(
                f"{self.name} cannot be used; plug one in, and close other programs that use it"
                " (`fercore doctor` lists the webcams)."
            )
        self._started_s = self._seen_s = time.monotonic()
        self.condition = Condition(Health.GOOD)
        self._is_open = True

    def read(self, timeout_s: float) -> RGBDFrame | None:
        """Return the newest picture; while the webcam is lost, try to get it back.

        Raises:
            SourceTimeout: none came; the message says why.
            SourceError: it is not open.
        """
        if not self._is_open:
            raise SourceError(f"{self.name} is read before it was opened.")
        end_s = time.monotonic() + timeout_s
        while True:
            picture = self._try_take(min(end_s, time.monotonic() + _STEP_S))
            if picture is not None:
                return self._frame(*picture)
            if time.monotonic() >= end_s:
                raise SourceTimeout(
                    self.condition.sentence or f"{self.name} has sent nothing for {timeout_s:g} s."
                )

    def close(self) -> None:
        """Let go of the webcam; a driver that blocks is left behind."""
        self._is_open = False
        grabber, self._grabber = self._grabber, None
        if grabber is not None:
            grabber.stop()

    def _started(self) -> Grabber:
        grabber = Grabber(self._index, self._open_capture)
        grabber.start()
        return grabber

    def _try_take(self, until_s: float) -> tuple[UInt8Array, float] | None:
        if self._grabber is None:
            time.sleep(max(0.0, min(self._backoff.due_s, until_s) - time.monotonic()))
            if time.monotonic() >= self._backoff.due_s:
                self._grabber, self._seen_s = self._started(), time.monotonic()
            return None
        picture = self._grabber.take(until_s - time.monotonic())
        silence_s = time.monotonic() - self._seen_s
        if picture is None and (self._grabber.failed or silence_s > self._patience_s()):
            self._lose()
        return picture

    def _patience_s(self) -> float:
        return FIRST_FRAME_S if self.condition.health is Health.LOST else SILENCE_S

    def _lose(self) -> None:
        grabber, self._grabber = self._grabber, None
        if grabber is not None:
            grabber.stop()
        self._backoff.failed(time.monotonic())
        if self.condition.health is not Health.LOST:
            sentence = f"{self.name} was unplugged; plug it in again, it goes on by itself."
            self.condition = Condition(Health.LOST, sentence)
            logger.warning("%s", sentence)

    def _frame(self, bgr: UInt8Array, arrived_s: float) -> RGBDFrame:
        import cv2

        if self.condition.health is Health.LOST:
            logger.warning("%s is back.", self.name)
            self._backoff.succeeded()
            self._doubts.forget()
        self._seen_s = arrived_s
        self._doubts.observe(Fault.FROZEN, self._sameness.is_same(bgr), arrived_s)
        fault = self._doubts.worst(arrived_s)
        health = Health.GOOD if fault is None else Health.DOUBTFUL
        self.condition = Condition(health, f"{self.name} {fault.value}" if fault else "")
        rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
        time_s = max(0.0, arrived_s - self._started_s)
        frame = RGBDFrame(rgb, None, None, time_s, self._frames, origin=self.name)
        self._frames += 1
        return frame


def _line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
