"""The thread that judges the newest frame, again and again.

Networks and detector are loaded here, so that the window shows up at once, and
are used by no other thread.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from app.sources.base import LiveSource
from app.start.logs import log_failure
from fercore.structures import Analysis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.live.capture import Latest
    from app.sources.base import Arrival
    from fercore.faces.head_angle import HeadAngle
    from fercore.faces.tracking import TrackedFace
    from fercore.structures import Prediction, RGBDFrame

MOST_OTHERS = 3  # faces beside the followed one that are judged
_PATIENCE_S = 0.2
_SWITCH_S = 0.00005
"""How long the drawing thread may keep the interpreter while this one waits for it. A frame
is some fifty calls into libraries, each of which waits anew: at Python's own 5 ms a crop of
2 ms took about 14, at 1 ms 11, at this 7, and shorter was no better."""

logger = logging.getLogger(__name__)


class Analyser(Protocol):
    """What judges frames: `fercore.inference.predictor.Predictor`, or a test's stand-in."""

    def analyse(self, frame: RGBDFrame) -> Analysis:
        """Return everything found out about one frame."""
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


@runtime_checkable
class FaceFollower(Protocol):
    """An analyser that can keep to one face of a stream."""

    @property
    def faces(self) -> tuple[TrackedFace, ...]:
        """The faces in the last frame, the judged one first."""
        ...

    def follow_faces(self) -> None:
        """Take the coming frames for one stream."""
        ...

    def select_face(self, x: float, y: float) -> None:
        """Judge the face at this pixel from the next frame on; called by any thread."""
        ...


@runtime_checkable
class FaceJudge(Protocol):
    """An analyser that can judge a face that is not followed."""

    def analyse_face(self, frame: RGBDFrame, face: TrackedFace) -> Analysis:
        """Judge a face of the frame that was analysed last."""
        ...


class OtherFaces:
    """Judges those beside the followed face, one a frame in turn: it hardly waits for them.

    Of four faces the followed one costs what it did, and each other is judged in every third
    frame.
    """

    def __init__(self, judge: FaceJudge) -> None:
        self._judge = judge
        self._known: dict[int, Prediction | None] = {}  # who was judged longest ago comes first

    def told(self, faces: Sequence[TrackedFace]) -> tuple[TrackedFace, ...]:
        """Return the faces with what is known of the others."""
        return tuple(replace(face, verdict=self._known.get(face.identity)) for face in faces)

    def look(self, frame: RGBDFrame, faces: Sequence[TrackedFace]) -> None:
        """Judge the next of the others; those that have left are forgotten."""
        others = {face.identity: face for face in faces if not face.followed}
        self._known = {n: said for n, said in self._known.items() if n in others}
        new = [n for n in others if n not in self._known]
        turn = next(iter((*new[: MOST_OTHERS - len(self._known)], *self._known)), None)
        if turn is not None:
            self._known.pop(turn, None)
            verdicts = self._judge.analyse_face(frame, others[turn]).verdicts
            self._known[turn] = verdicts.best() if verdicts else None


class Judged(NamedTuple):
    """What was found out about a frame, and where the frame came from."""

    arrival: Arrival
    analysis: Analysis
    faces: tuple[TrackedFace, ...] = ()  # all that were seen, the judged one first
    by: Callable[[], Analyser] | None = None  # what loaded those that judged it, None: nobody did

    @property
    def angle(self) -> HeadAngle | None:
        """How far the judged head is turned, None where that is not known."""
        return next((face.angle for face in self.faces if face.followed), None)


class Inference(threading.Thread):
    """Judges frames from one mailbox into another until the first is closed."""

    def __init__(
        self,
        load: Callable[[], Analyser],
        frames: Latest[Arrival],
        results: Latest[Judged],
        listener: Callable[[Judged], None] | None = None,
    ) -> None:
        super().__init__(name="inference", daemon=True)
        self._wish = threading.Condition()
        self._next_load: Callable[[], Analyser] | None = load  # guarded by `_wish`
        self.loaded_by: Callable[[], Analyser] = load  # what made those that judge
        self._frames = frames
        self._results = results
        self.listener = listener  # called in this thread with every result, must be quick
        self._stopping = threading.Event()
        self._last: Arrival | None = None  # that was judged
        self._last_problems: dict[str, str] = {}  # by what failed
        self._follower: FaceFollower | None = None
        self._others: OtherFaces | None = None
        self.ready = False  # the networks are loaded
        self.problem = ""  # why they cannot be, in a sentence; others may be asked for

    def stop(self) -> None:
        """Ask the thread to end; returns at once."""
        self._stopping.set()
        self._frames.close()
        with self._wish:
            self._wish.notify()

    def select_face(self, x: float, y: float) -> None:
        """Judge the face at this pixel of the colour picture from now on, if there is one."""
        if self._follower is not None:
            self._follower.select_face(x, y)

    @property
    def asked_for(self) -> Callable[[], Analyser] | None:
        """What loads the networks that were asked for last, None where none could be loaded."""
        return self._next_load or (self.loaded_by if self.ready else None)

    def change(self, load: Callable[[], Analyser]) -> None:
        """Judge by other networks; where they cannot be loaded, the log says why."""
        with self._wish:
            self._next_load = load
            self._wish.notify()

    def run(self) -> None:
        """Load, then judge until stopped; whatever goes wrong ends in the log."""
        sys.setswitchinterval(_SWITCH_S)
        analyser: Analyser | None = None
        try:
            while not self._stopping.is_set():
                analyser = self._newest(analyser)
                if analyser is None:
                    self._await_wish()
                else:
                    self._judge_next(analyser)
        finally:
            if analyser is not None:
                analyser.close()

    def _newest(self, analyser: Analyser | None) -> Analyser | None:
        """Return what is to judge from now on; None: there is nothing, `problem` says why."""
        while (load := self._next_load) is not None and not self._stopping.is_set():
            analyser = self._replaced(analyser, load)
        return analyser

    def _await_wish(self) -> None:
        with self._wish:
            self._wish.wait_for(lambda: self._next_load is not None or self._stopping.is_set())

    def _replaced(self, analyser: Analyser | None, load: Callable[[], Analyser]) -> Analyser | None:
        """Return the networks that `load` makes, those of before where it cannot."""
        try:
            other = load()
        except Exception as error:
            what = "The networks cannot be loaded"
            log_failure(logger, what, error)
            self._settle(load, "" if analyser else f"{what}: {error}".rstrip(".") + ".")
            return analyser
        if analyser is not None:
            analyser.close()
            self._judge_anew()
        self._follower = other if isinstance(other, FaceFollower) else None
        if self._follower is not None:
            self._follower.follow_faces()
        self._others = OtherFaces(other) if isinstance(other, FaceJudge) else None
        self.loaded_by, self.ready, self.problem = load, True, ""
        self._settle(load)
        return other

    def _judge_anew(self) -> None:
        """Have the last frame judged by others: while paused no other comes."""
        self._results.clear()  # whoever sees `loaded_by` changed gets none of before
        last = self._last
        # A camera's next frame does come, and what a lost one showed last is no longer true.
        if last is not None and not isinstance(last.source, LiveSource):
            self._frames.put_back(last._replace(arrived_s=time.monotonic()))

    def _settle(self, load: Callable[[], Analyser], problem: str = "") -> None:
        """Note that a wish was dealt with; one that came meanwhile stays."""
        with self._wish:
            if self._next_load is load:
                self._next_load, self.problem = None, problem

    def _judge_next(self, analyser: Analyser) -> None:
        try:
            arrival = self._frames.take(_PATIENCE_S)
        except TimeoutError:
            return
        if arrival is not None:
            self._last = arrival
            analysis = self._judge(analyser, arrival.frame)
            # The analyser does not know how long the frame waited for it.
            latency_s = time.monotonic() - arrival.arrived_s
            faces = self._follower.faces if self._follower else ()
            told = self._others.told(faces) if self._others else faces
            analysis = replace(analysis, latency_s=latency_s)
            judged = Judged(arrival, analysis, told, self.loaded_by)
            self._results.put(judged)
            self._tell(judged)
            if self._others is not None and len(faces) > 1:
                self._look_around(self._others, analysis.frame, faces)

    def _look_around(
        self, others: OtherFaces, frame: RGBDFrame, faces: Sequence[TrackedFace]
    ) -> None:
        try:
            others.look(frame, faces)
        except Exception as error:
            self._log_once("The analysis of another face failed", error)

    def _tell(self, judged: Judged) -> None:
        """Hand a result to the listener, whose failures are its own affair."""
        listener = self.listener
        if listener is None:
            return
        try:
            listener(judged)
        except Exception as error:
            self._log_once("A verdict could not be passed on", error)

    def _judge(self, analyser: Analyser, frame: RGBDFrame) -> Analysis:
        try:
            return analyser.analyse(frame)
        except Exception as error:
            self._log_once("The analysis of a frame failed", error)
            return Analysis(frame, None, None, f"analysis failed: {error}", 0.0)

    def _log_once(self, what: str, error: Exception) -> None:
        """Thirty tracebacks a second would bury the log: repetitions are left out."""
        if self._last_problems.get(what) != str(error):
            self._last_problems[what] = str(error)
            log_failure(logger, what, error)
