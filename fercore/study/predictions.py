"""`predictions.tsv` of a run: one row a frame, what was said of it, when and how surely.

Raw probabilities are what the networks gave; smoothed and baseline-corrected ones are
computed from the raw ones, each on its own. Flags are short codes for why a frame is not
fully usable, with words for the reader.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from fercore.expressions import CALM, VERDICT_LABELS
from fercore.faces.quality import (
    MAX_BRIGHTNESS,
    MAX_TILT_DEG,
    MAX_TURN_DEG,
    MIN_BRIGHTNESS,
    MIN_VALID_FRACTION,
    TOO_BRIGHT,
    TOO_DARK,
    is_turned,
    measure,
)
from fercore.results import HEADS
from fercore.runtime.files import write_text_whole
from fercore.runtime.tables import UNKNOWN, Column, header_line, line, number, read_cells
from fercore.study.verdict_arrays import SHAPE, verdict_array

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.faces.head_angle import HeadAngle
    from fercore.faces.tracking import TrackedFace
    from fercore.structures import Analysis, FaceBox, FacePair

SEPARATOR = ";"
_MIN_FACE_PIXELS = 64.0
_HEAD_WORDS = {
    "fusion": "fusion of colour and depth",
    "rgb": "colour alone",
    "depth": "depth alone",
}
_KINDS = {
    "": "Probability of {e}, {h}, as the network gave it.",
    "_smoothed": "Probability of {e}, {h}, smoothed over time (see session.json).",
    "_corrected": "Probability of {e}, {h}, corrected by the neutral baseline (see session.json).",
}
_KEPT = {"0": "Not in the file: not kept, or dropped.", "1": "In the file."}


class Flag(StrEnum):
    """A defect of a frame; the value stands in the column `flags`."""

    NO_FACE = "NO_FACE"
    FAILED = "FAILED"
    NO_DEPTH = "NO_DEPTH"
    SPARSE_DEPTH = "SPARSE_DEPTH"
    FACE_CUT = "FACE_CUT"
    FACE_SMALL = "FACE_SMALL"
    FACE_TURNED = "FACE_TURNED"
    DARK = "DARK"
    BRIGHT = "BRIGHT"
    OTHER_FACES = "OTHER_FACES"

    @property
    def explanation(self) -> str:
        """What it means, for sidecars and reports."""
        return _EXPLANATIONS[self]


_EXPLANATIONS = {
    Flag.OTHER_FACES: "Others were in view; the row is of the followed face alone.",
    Flag.NO_FACE: "No face was found; there is no verdict.",
    Flag.FAILED: "The frame could not be analysed; there is no verdict.",
    Flag.NO_DEPTH: "There is no depth, or none that can be a face's; only the colour head speaks.",
    Flag.SPARSE_DEPTH: (
        f"Depth was measured in less than {100 * MIN_VALID_FRACTION:.0f} % of the face box; "
        "only the colour head speaks."
    ),
    Flag.FACE_CUT: "The face box reaches over the edge of the picture.",
    Flag.FACE_SMALL: f"The face box is narrower than {_MIN_FACE_PIXELS:.0f} pixels.",
    Flag.FACE_TURNED: (
        f"The head is turned, raised or lowered by more than {MAX_TURN_DEG:.0f} degrees, or tilted "
        f"by more than {MAX_TILT_DEG:.0f}, by an estimate."
    ),
    Flag.DARK: f"The face is underexposed (median grey level below {MIN_BRIGHTNESS:.0f} of 255).",
    Flag.BRIGHT: f"The face is overexposed (median grey level above {MAX_BRIGHTNESS:.0f} of 255).",
}


def flags_of(
    analysis: Analysis, angle: HeadAngle | None = None, faces: Sequence[TrackedFace] = ()
) -> tuple[Flag, ...]:
    """Return all defects of a frame, in the order of `Flag`; `angle` is the head's, if known."""
    pair = analysis.pair
    if pair is None:
        return (Flag.NO_FACE,) if analysis.reason.startswith("no face") else (Flag.FAILED,)
    height, width = analysis.frame.rgb.shape[:2]
    light = measure(pair).light.word
    found = {
        Flag.FAILED: analysis.verdicts is None,
        Flag.NO_DEPTH: pair.depth_m is None,
        Flag.SPARSE_DEPTH: _sparse(pair),
        Flag.FACE_CUT: _reaches_over(pair.box, width, height),
        Flag.FACE_SMALL: pair.box.width < _MIN_FACE_PIXELS,
        Flag.FACE_TURNED: angle is not None and is_turned(angle),
        Flag.DARK: light == TOO_DARK,
        Flag.BRIGHT: light == TOO_BRIGHT,
        Flag.OTHER_FACES: len(faces) > 1,
    }
    return tuple(flag for flag, holds in found.items() if holds)


def _sparse(pair: FacePair) -> bool:
    return pair.depth_m is not None and pair.valid_fraction < MIN_VALID_FRACTION


def _reaches_over(box: FaceBox, width: int, height: int) -> bool:
    return box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height


def _probability_columns(ending: str, text: str) -> tuple[Column, ...]:
    return tuple(
        Column(
            f"{head}_{label}{ending}",
            text.format(e=label, h=_HEAD_WORDS[head]),
            "1",
            added=label == CALM,
        )
        for head in HEADS
        for label in VERDICT_LABELS
    )


_TIMES = (
    Column("time_s", "Time since the start of the run, on the host's monotonic clock.", "s"),
    Column("frame", "Running number of the row in this run, from 0."),
    Column("source_frame", "Number the source gave the frame; gaps are frames never judged."),
    Column("device_s", "Time stamp of the source's own clock.", "s"),
    Column("host_s", "Arrival at the computer, on its monotonic clock.", "s"),
    Column("lsl_s", "Arrival, on the clock of Lab Streaming Layer.", "s"),
)
_FACE = (
    Column("face", "Number of the face that the row is of; it changes with the face.", added=True),
    Column("box_x0", "Left edge of the square face box.", "pixel"),
    Column("box_y0", "Top edge of the square face box.", "pixel"),
    Column("box_x1", "Right edge of the square face box, exclusive.", "pixel"),
    Column("box_y1", "Bottom edge of the square face box, exclusive.", "pixel"),
    Column(
        "box_roll_deg",
        "How far the content of the face box was turned clockwise to set the face upright.",
        "deg",
        added=True,
    ),
    Column("box_score", "Confidence of the face detector.", "1"),
    Column("valid_depth", "Share of the face box with measured depth.", "1"),
    Column("usable", "Whether any head gave a verdict.", levels={"0": "No.", "1": "Yes."}),
    Column(
        "flags",
        f"Defects of the frame, separated by `{SEPARATOR}`; n/a when there is none.",
        levels={flag.value: flag.explanation for flag in Flag},
        text=True,
        joined=True,
    ),
    Column("latency_s", "From the frame's arrival to its verdict.", "s"),
    Column("colour_kept", "Whether the frame's picture went to colour.mkv.", levels=_KEPT),
    Column("depth_kept", "Whether the frame's depth map went to depth.mkv.", levels=_KEPT),
)
_PROBABILITIES = tuple(
    column for ending, text in _KINDS.items() for column in _probability_columns(ending, text)
)
COLUMNS = (*_TIMES, *_FACE, *_PROBABILITIES)


@dataclass(frozen=True, slots=True)
class Row:
    """What a row of the table is made of."""

    analysis: Analysis
    number: int  # of the row, from 0
    onset_s: float  # since the start of the run
    host_s: float
    lsl_s: float | None
    face: int | None  # whose row it is; None: nobody, or not known
    flags: tuple[Flag, ...]
    smoothed: NDArray[np.float64]  # (3, 7)
    corrected: NDArray[np.float64]  # (3, 7)
    colour_kept: bool
    depth_kept: bool

    def cells(self) -> tuple[str, ...]:
        """Return the cells in the order of COLUMNS."""
        analysis, frame = self.analysis, self.analysis.frame
        raw = verdict_array(analysis.verdicts)
        probabilities = np.concatenate([raw, self.smoothed, self.corrected]).ravel()
        return (
            *(number(self.onset_s), str(self.number), str(frame.index)),
            *(number(frame.timestamp_s), number(self.host_s), number(self.lsl_s)),
            UNKNOWN if self.face is None else str(self.face),
            *_box_cells(analysis.pair),
            number(analysis.pair.valid_fraction if analysis.pair else None, 4),
            str(int(analysis.verdicts is not None)),
            SEPARATOR.join(flag.value for flag in self.flags) or UNKNOWN,
            number(analysis.latency_s),
            *(str(int(self.colour_kept)), str(int(self.depth_kept))),
            *(number(probability) for probability in probabilities.tolist()),
        )


@dataclass(frozen=True, slots=True)
class RunPredictions:
    """A run's table; NaN where unknown."""

    time_s: NDArray[np.float64]  # (N,), since the start of the run
    source_frames: NDArray[np.float64]  # (N,)
    device_s: NDArray[np.float64]  # (N,)
    faces: NDArray[np.float64]  # (N,), numbers; NaN: nobody, or an older table
    boxes: NDArray[np.float64]  # (N, 5): x0, y0, x1, y1, score
    rolls_deg: NDArray[np.float64]  # (N,), clockwise; 0 where the box stood upright
    usable: NDArray[np.bool_]  # (N,)
    flags: tuple[tuple[str, ...], ...]  # N times
    latency_s: NDArray[np.float64]  # (N,)
    colour_kept: NDArray[np.bool_]  # (N,)
    depth_kept: NDArray[np.bool_]  # (N,)
    raw: NDArray[np.float64]  # (N, 3, 7)
    smoothed: NDArray[np.float64]  # (N, 3, 7)
    corrected: NDArray[np.float64]  # (N, 3, 7)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.time_s)


def read_predictions(path: Path) -> RunPredictions:
    """Read a run's table; a last line that was cut off is left out.

    Raises:
        FercoreError: it is missing or damaged.
    """
    cells = read_cells(path, COLUMNS)
    flags = tuple(tuple(text.split(SEPARATOR)) if text else () for text in cells.texts("flags"))
    probabilities = np.array([cells.numbers(column.name, 0.0, 1.0) for column in _PROBABILITIES])
    raw, smoothed, corrected = probabilities.T.reshape(-1, len(_KINDS), *SHAPE).swapaxes(0, 1)
    corners = [cells.numbers(f"box_{name}") for name in ("x0", "y0", "x1", "y1", "score")]
    return RunPredictions(
        time_s=cells.numbers("time_s", known=True),
        source_frames=cells.numbers("source_frame"),
        device_s=cells.numbers("device_s"),
        faces=cells.numbers("face"),
        boxes=np.array(corners).T,
        rolls_deg=np.nan_to_num(cells.numbers("box_roll_deg", -180.0, 180.0)),
        usable=cells.numbers("usable") == 1,
        flags=flags,
        latency_s=cells.numbers("latency_s"),
        colour_kept=cells.numbers("colour_kept") == 1,
        depth_kept=cells.numbers("depth_kept") == 1,
        raw=raw,
        smoothed=smoothed,
        corrected=corrected,
    )


def correct_kept(path: Path, kept: Mapping[str, NDArray[np.bool_]]) -> None:
    """Write anew what a table says in `colour_kept` or `depth_kept`; all else stays as it is.

    Raises:
        FercoreError: it is missing or damaged.
        OSError: it cannot be written; it is as it was.
    """
    names = [column.name for column in COLUMNS]
    rows = [list(cells) for cells in read_cells(path, COLUMNS).rows()]
    for column, there in kept.items():
        for row, is_there in zip(rows, there.tolist(), strict=True):
            row[names.index(column)] = str(int(is_there))
    text = b"".join([header_line(COLUMNS), *(line(row) for row in rows)]).decode()
    if text.encode() != path.read_bytes():
        write_text_whole(path, text)


def _box_cells(pair: FacePair | None) -> tuple[str, ...]:
    if pair is None:
        return (UNKNOWN,) * 6
    box = pair.box
    corners = (number(value, 0) for value in (box.x0, box.y0, box.x1, box.y1))
    return (*corners, number(pair.roll_deg, 1), number(box.score, 4))
