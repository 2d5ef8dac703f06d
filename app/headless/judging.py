"""What `fercore analyse` says of one input: a table of its frames, and what they come to.

Both are files of their own in the output's `parts`, named after the input's path, size and time
and after the weights, their preprocessing and the software's versions: what is there already is
not judged again. Rows go to the disk as they come and of the rest only sums are kept, so memory
does not grow with the length of a video.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING, Annotated, Protocol, TypeVar

import numpy as np
from annotated_types import Len
from PIL import Image

from app.headless.inputs import frames_of, unreadable
from fercore.errors import FercoreError
from fercore.expressions import VERDICT_LABELS
from fercore.faces.quality import measure
from fercore.results import PROBABILITY_COLUMNS
from fercore.runtime.checking import described
from fercore.runtime.files import whole_file, write_text_whole
from fercore.runtime.parsing import parsed_json
from fercore.runtime.tables import UNKNOWN, line, number
from fercore.runtime.versions import versions
from fercore.study.verdict_arrays import verdict_array

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from app.headless.inputs import Input
    from fercore.faces.head_angle import HeadAngle
    from fercore.faces.tracking import TrackedFace
    from fercore.networks.checkpoints import ModelCard
    from fercore.structures import Analysis, RGBDFrame, UInt8Array

NOT_SURE, NO_FACE = "not sure", "no face"
STATES = (*VERDICT_LABELS, NOT_SURE, NO_FACE)
"""What a moment of an input can be; a face of which no head says anything is not sure either."""
Number = TypeVar("Number", int, float)
OfStates = Annotated[list[Number], Len(len(STATES), len(STATES))]
"""One number of each state."""

COLUMNS = (
    *("file", "kind", "frame", "time_s", "face", "box_x0", "box_y0", "box_x1", "box_y1"),
    *("box_score", "distance_m", "valid_depth", "brightness", "sharpness"),
    *("yaw_deg", "pitch_deg", "roll_deg", "state", "remark", *PROBABILITY_COLUMNS),
)
_MOST_BINS = 480  # of a timeline, which then becomes half as fine
_FINEST_S = 1 / 30
_ROUNDING = 1e-6  # of a bin: a moment that ends later by no more ends with the bin before
_THUMBNAIL_QUALITY = 80
_FORMAT = 2  # of the parts; raise it when the same input gives other parts


class FrameJudge(Protocol):
    """What judges frames: `fercore.inference.predictor.Predictor`."""

    @property
    def faces(self) -> tuple[TrackedFace, ...]:
        """The faces in the last frame of a stream, the judged one first."""
        ...

    def follow_faces(self) -> None:
        """Take the coming frames for one new stream."""
        ...

    def look_at_each(self) -> None:
        """Look at every coming frame as if it were the only one."""
        ...

    def analyse_all(self, frame: RGBDFrame) -> list[tuple[int, Analysis]]:
        """Return number and analysis of each face, the followed one first."""
        ...


@dataclass(slots=True)
class StateCourse:
    """How long each state lasted, over time: bins that grow as the input goes on."""

    bin_s: float = _FINEST_S
    seconds: list[OfStates[float]] = field(default_factory=list)  # in each bin

    def add(self, time_s: float, state: int, lasted_s: float) -> None:
        """Add a moment; each bin gets what of it lies in it."""
        end_s = time_s + lasted_s
        while (places := self._places(time_s, end_s)).stop > _MOST_BINS:
            self._coarsen()
        while len(self.seconds) < places.stop:
            self.seconds.append([0.0] * len(STATES))
        edges = [time_s, *(place * self.bin_s for place in places[1:]), end_s]
        for place, (since_s, until_s) in zip(places, pairwise(edges), strict=True):
            self.seconds[place][state] += until_s - since_s

    def _places(self, time_s: float, end_s: float) -> range:
        """Return the bins that a moment touches, the one in which it starts at least."""
        first = max(0, int(time_s / self.bin_s))
        return range(first, max(first + 1, ceil(end_s / self.bin_s - _ROUNDING)))

    def _coarsen(self) -> None:
        pairs = zip(self.seconds[::2], [*self.seconds[1::2], [0.0] * len(STATES)], strict=False)
        self.seconds = [[a + b for a, b in zip(*pair, strict=True)] for pair in pairs]
        self.bin_s *= 2


@dataclass(slots=True)
class Account:
    """What an input comes to."""

    frames: int = 0
    faces: int = 0  # people who were judged
    verdicts: int = 0  # faces of all frames of which something was said
    frames_of: OfStates[int] = field(default_factory=lambda: [0] * len(STATES))
    seconds_of: OfStates[float] = field(default_factory=lambda: [0.0] * len(STATES))
    course: StateCourse = field(default_factory=StateCourse)
    thumbnail: str = ""  # the surest face, a JPEG in base64; empty: none, or not wanted
    problem: str = ""  # why it was not judged, or not to its end; empty: it was


@dataclass(frozen=True, slots=True)
class Part:
    """The two files of an input's part; both are whole or absent, the account comes last."""

    table: Path
    account: Path

    def read(self) -> Account | None:
        """Return the account, None where it has to be made."""
        try:
            found = described(Account, parsed_json(self.account.read_bytes()))
        except (OSError, ValueError):
            return None
        return found if self.table.is_file() else None


def judged_by(card: ModelCard) -> str:
    """Return what all numbers depend on beside the input: weights, their inputs, software."""
    facts = [_FORMAT, card.sha256, card.variant, asdict(card.preprocessing), versions()]
    return json.dumps(facts, sort_keys=True)


def part_of(found: Input, folder: Path, judge: str, with_thumbnail: bool) -> Part:
    """Return where an input's part is; `judge` is what `judged_by` says of what judges.

    Raises:
        SourceError: the input is gone.
    """
    facts: list[object] = [judge, with_thumbnail, str(found.path)]
    try:
        for path in found.files():
            state = path.stat()
            facts += [str(path.resolve()), state.st_size, state.st_mtime_ns]
    except OSError as error:
        raise unreadable(found.path, error) from error
    name = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:20]
    return Part(folder / f"{name}.tsv", folder / f"{name}.json")


def judge_input(
    found: Input, judge: FrameJudge, part: Part, with_thumbnail: bool, seen: Callable[[], object]
) -> Account:
    """Judge all frames of an input and write its part; `seen` is called after each.

    An input that cannot be read, or not to its end, says so in its account.

    Raises:
        OSError: the part cannot be written.
    """
    if found.moves:
        judge.follow_faces()
    else:
        judge.look_at_each()
    tally = _Tally(found, with_thumbnail)
    with whole_file(part.table) as unfinished, unfinished.open("wb") as table:
        try:
            for frame in frames_of(found):
                judged = judge.analyse_all(frame)
                tally.add(judged)
                angles = {face.identity: face.angle for face in judge.faces}
                for person, analysis in judged:
                    table.write(line(_row(found, analysis, angles.get(person), person)))
                seen()
        except FercoreError as error:
            tally.account.problem = str(error)
    account = tally.finish()
    write_text_whole(part.account, json.dumps(asdict(account)))
    return account


class _Tally:
    """Sums up an input's frames as they come."""

    def __init__(self, found: Input, with_thumbnail: bool) -> None:
        self.account = Account()
        self._found = found
        self._with_thumbnail = with_thumbnail
        self._people: set[int] = set()
        self._last: tuple[float, int] | None = None  # time and state of the last frame
        self._step_s = 0.0  # from the frame before it
        self._surest = -1.0
        self._face: UInt8Array = np.empty(0, np.uint8)
        self._start_s = 0.0

    def add(self, judged: Sequence[tuple[int, Analysis]]) -> None:
        """Add a frame with all of its faces; the state is the first one's."""
        first = judged[0][1]
        state, time_s = _state(first), first.frame.timestamp_s
        if self._last is None:
            self._start_s = time_s
        self._pass_to(time_s)
        self._last = time_s, state
        self.account.frames += 1
        self.account.frames_of[state] += 1
        self.account.verdicts += sum(analysis.verdicts is not None for _, analysis in judged)
        self._people.update(person for person, analysis in judged if analysis.pair is not None)
        self._keep_surest(first)

    def finish(self) -> Account:
        """Return the account; the last frame lasts as long as the one before it."""
        if self._last is not None and self._found.moves:
            self._pass_to(self._last[0] + self._step_s)
        self.account.faces = len(self._people)
        if self._with_thumbnail and self._face.size:
            self.account.thumbnail = _jpeg(self._face)
        return self.account

    def _pass_to(self, time_s: float) -> None:
        if self._last is None:
            return
        since_s, state = self._last
        self._step_s = time_s - since_s
        self.account.seconds_of[state] += self._step_s
        self.account.course.add(since_s - self._start_s, state, self._step_s)

    def _keep_surest(self, analysis: Analysis) -> None:
        best = analysis.verdicts.best() if analysis.verdicts else None
        if best is not None and analysis.pair is not None and best.confidence > self._surest:
            self._surest, self._face = best.confidence, analysis.pair.rgb


def _state(analysis: Analysis) -> int:
    if analysis.pair is None:
        return STATES.index(NO_FACE)
    best = analysis.verdicts.best() if analysis.verdicts else None
    return STATES.index(best.label if best is not None and best.is_sure else NOT_SURE)


def _row(found: Input, analysis: Analysis, angle: HeadAngle | None, person: int) -> tuple[str, ...]:
    frame, pair = analysis.frame, analysis.pair
    quality = measure(pair, angle=angle)
    corners = ("x0", "y0", "x1", "y1")
    box = [None if pair is None else getattr(pair.box, corner) for corner in corners]
    turns = (None,) * 3 if angle is None else (angle.yaw_deg, angle.pitch_deg, angle.roll_deg)
    return (
        *(str(found.path), found.kind.value, str(frame.index)),
        *(number(frame.timestamp_s, 4), str(person) if pair else UNKNOWN),
        *(number(corner, 0) for corner in box),
        *(number(pair.box.score if pair else None, 3), number(quality.distance_m, 3)),
        *(number(quality.valid_fraction, 3), number(quality.brightness, 0)),
        number(quality.sharpness, 3),
        *(number(turn, 0) for turn in turns),
        *(STATES[_state(analysis)], analysis.reason),
        *(number(value, 5) for value in verdict_array(analysis.verdicts).ravel().tolist()),
    )


def _jpeg(rgb: UInt8Array) -> str:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=_THUMBNAIL_QUALITY)
    return base64.b64encode(file.getvalue()).decode("ascii")
