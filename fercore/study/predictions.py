"""`predictions.tsv` of a run: one row a frame, what was said of it, when and how surely.

Raw probabilities are what the networks gave; smoothed and baseline-corrected ones are
computed from the raw ones, each on its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.expressions import CALM, VERDICT_LABELS
from fercore.results import HEADS
from fercore.runtime.files import write_text_whole
from fercore.study.flags import SEPARATOR, Flag
from fercore.study.tables import UNKNOWN, Column, header_line, line, number, read_cells
from fercore.study.verdict_arrays import SHAPE, verdict_array

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.structures import Analysis, FacePair

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
