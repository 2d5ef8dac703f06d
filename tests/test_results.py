import csv
import resource
import signal
from pathlib import Path

import numpy as np
import pytest

from fercore.errors import FercoreError
from fercore.expressions import Expression
from fercore.results import COLUMNS, PredictionWriter
from fercore.structures import Analysis, FaceBox, FacePair, Prediction, RGBDFrame, Verdicts

FRAME = RGBDFrame(
    np.zeros((8, 8, 3), np.uint8), None, None, 0.1, 3, Expression.FEAR, "F9001_FE04WH"
)
PAIR = FacePair(np.zeros((4, 4, 3), np.uint8), None, 0.25, FaceBox(1, 2, 5, 6, 0.9), 0.1)
RGB = Prediction(np.full(6, 1 / 6, np.float32), 0.1)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_rows_have_every_column_and_leave_the_unknown_empty(tmp_path: Path) -> None:
    path = tmp_path / "new" / "predictions.tsv"
    with PredictionWriter(path) as writer:
        writer.write(Analysis(FRAME, PAIR, Verdicts(None, RGB, None), "no depth", 0.02))
        writer.write(Analysis(FRAME, None, None, "no face found", 0.01))
    judged, empty = read(path)
    assert tuple(judged) == COLUMNS
    assert judged["truth"] == "fear"
    assert judged["origin"] == "F9001_FE04WH"
    assert judged["rgb_anger"] == "0.16667"
    assert judged["fusion_anger"] == judged["depth_surprise"] == judged["rgb_calm"] == ""
    assert (judged["box_x0"], judged["valid_depth"], judged["latency_ms"]) == ("1", "0.250", "20.0")
    assert (empty["box_x0"], empty["rgb_anger"], empty["reason"]) == ("", "", "no face found")


def test_calm_has_a_column_of_each_head(tmp_path: Path) -> None:
    path = tmp_path / "predictions.tsv"
    calm = Prediction(np.array([0.05] * 6 + [0.7], np.float32), 0.1)
    with PredictionWriter(path) as writer:
        writer.write(Analysis(FRAME, PAIR, Verdicts(calm, RGB, None), "", 0.02))
    (row,) = read(path)
    assert (row["fusion_calm"], row["rgb_calm"], row["depth_calm"]) == ("0.70000", "", "")


def test_rows_are_on_disk_before_the_writer_closes(tmp_path: Path) -> None:
    path = tmp_path / "predictions.tsv"
    with PredictionWriter(path) as writer:
        writer.write(Analysis(FRAME, None, None, "no face found", 0.01))
        assert len(read(path)) == 1


def test_a_full_disk_is_one_sentence_and_keeps_what_was_written(tmp_path: Path) -> None:
    with pytest.raises(FercoreError, match="No space left"):
        # Linux's device that is always full.
        PredictionWriter(Path("/dev/full")).__enter__()
    with pytest.raises(FercoreError, match="cannot be written"):
        PredictionWriter(tmp_path).__enter__()


def test_half_a_row_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "predictions.tsv"
    analysis = Analysis(FRAME, None, None, "no face found", 0.01)
    with PredictionWriter(path) as writer:
        writer.write(analysis)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            # The file may grow by ten more bytes: as on a disk that fills up within a row.
            resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, limits[1]))
            with pytest.raises(FercoreError, match="what is written so far is complete"):
                writer.write(analysis)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, ignored)
    assert len(read(path)) == 1
    assert path.read_bytes().endswith(b"\n")


def test_the_writer_refuses_work_outside_its_block(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="with block"):
        PredictionWriter(tmp_path / "p.tsv").write(Analysis(FRAME, None, None, "", 0.0))
