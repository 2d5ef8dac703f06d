from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from app_doubles import analysis_of, sample_frame
from study_fixtures import neutral, record_run, unseen, write_study

from fercore.errors import FercoreError
from fercore.expressions import Expression
from fercore.faces.head_angle import HeadAngle
from fercore.runtime.tables import (
    Column,
    OtherColumnsError,
    line,
    parse_table,
    read_cells,
    table_text,
)
from fercore.structures import Analysis, FaceBox
from fercore.study import events, predictions
from fercore.study.events import read_events
from fercore.study.predictions import Flag, flags_of, read_predictions
from fercore.study.verdict_arrays import Smoothing, leading


def test_rows_come_back_as_they_were_said(tmp_path: Path) -> None:
    analyses = [analysis_of(sample_frame(0)), unseen(1), analysis_of(sample_frame(4), depth=None)]
    place = record_run(write_study(tmp_path / "s"), analyses=analyses)
    rows = read_predictions(place.predictions)
    assert len(rows) == 3
    assert rows.raw[0, 0, Expression.ANGER.position] == pytest.approx(0.75)
    assert rows.raw[0, 1, Expression.FEAR.position] == pytest.approx(0.6)
    assert np.isnan(rows.raw[1]).all()
    assert np.isnan(rows.raw[2, 2]).all()
    assert rows.usable.tolist() == [True, False, True]
    assert rows.source_frames.tolist() == [0, 1, 4]
    assert rows.flags[1] == ("NO_FACE",)
    assert np.isnan(rows.boxes[1]).all()
    assert rows.boxes[0].tolist() == [48, 30, 112, 90, 0.9]
    assert np.isnan(rows.corrected).all()
    assert np.diff(rows.time_s) == pytest.approx([1 / 30, 1 / 30], abs=1e-5)


def test_smoothed_values_follow_with_the_time_constant() -> None:
    smoothing = Smoothing(0.5)
    before, after = np.full((3, 7), 0.1), np.full((3, 7), 0.9)
    smoothing.add(before, 0.0)
    reached = smoothing.add(after, 0.5)
    assert reached == pytest.approx(0.1 + 0.8 * (1 - np.exp(-1)))
    silent = np.full((3, 7), np.nan)
    assert np.isnan(smoothing.add(silent, 0.6)).all()
    assert smoothing.add(after, 60.0) == pytest.approx(0.9)


def test_no_time_constant_changes_nothing() -> None:
    smoothing = Smoothing(0.0)
    rng = np.random.default_rng(0)
    for time_s in range(5):
        raw = rng.random((3, 7))
        assert smoothing.add(raw, float(time_s)) == pytest.approx(raw)


def test_the_leading_head_is_fusion_else_colour() -> None:
    array = np.full((3, 3, 7), np.nan)
    array[0, 0], array[0, 1], array[1, 1] = 0.1, 0.2, 0.3
    assert leading(array)[:2, 0].tolist() == [0.1, 0.3]
    assert np.isnan(leading(array)[2]).all()


def test_every_defect_has_its_code() -> None:
    good = neutral(0, np.full(6, 1 / 6))
    assert good.pair is not None
    depth_m = np.full((64, 64), 0.5, np.float32)

    def flags(**changes: Any) -> tuple[Flag, ...]:
        assert good.pair is not None
        pair = replace(good.pair, **{"depth_m": depth_m, **changes})
        return flags_of(replace(good, pair=pair))

    large = FaceBox(20, 10, 100, 90, 0.9)
    assert flags(box=large) == ()
    assert flags(box=large, depth_m=None) == (Flag.NO_DEPTH,)
    assert flags(box=large, valid_fraction=0.1) == (Flag.SPARSE_DEPTH,)
    assert flags() == (Flag.FACE_SMALL,)
    assert flags(box=FaceBox(-5, 10, 75, 90, 0.9)) == (Flag.FACE_CUT,)
    assert flags(box=large, rgb=np.zeros((9, 9, 3), np.uint8)) == (Flag.DARK,)
    assert flags(box=large, rgb=np.full((9, 9, 3), 250, np.uint8)) == (Flag.BRIGHT,)
    assert flags_of(unseen(0)) == (Flag.NO_FACE,)
    failed = Analysis(sample_frame(0), None, None, "analysis failed: no memory", 0.0)
    assert flags_of(failed) == (Flag.FAILED,)
    upright = replace(good, pair=replace(good.pair, box=large, depth_m=depth_m))
    assert flags_of(upright, HeadAngle(26, 0, 0)) == (Flag.FACE_TURNED,)
    assert flags_of(upright, HeadAngle(24, -24, 14)) == ()
    assert all(flag.explanation for flag in Flag)


def test_cells_hold_no_tabs_and_no_line_breaks(tmp_path: Path) -> None:
    assert line(["a\tb\nc", "", "ü"]) == "a b c\tn/a\tü\n".encode()
    columns = (Column("one", "", text=True), Column("two", ""))
    path = tmp_path / "t.tsv"
    path.write_bytes(b"one\ttwo\n" + line(["x", 1.5]) + b"half a li")
    cells = read_cells(path, columns)
    assert (cells.texts("one"), cells.numbers("two").tolist()) == (["x"], [1.5])


def test_a_table_from_before_a_column_was_added_is_read(tmp_path: Path) -> None:
    columns = (Column("one", ""), Column("new", "", added=True), Column("two", ""))
    path = tmp_path / "t.tsv"
    path.write_bytes(b"one\ttwo\n1\t2\n")
    cells = read_cells(path, columns)
    assert cells.rows() == [("1", "n/a", "2")]
    path.write_bytes(b"one\tnew\n1\t2\n")  # one that was always there is missing
    with pytest.raises(FercoreError, match="does not begin"):
        read_cells(path, columns)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "does not begin with the names"),
        (b"\x00\x01\xff\n", "it is no text"),
        (b"one\tthree\n1\t2\n", "does not begin with the names"),
        (b"one\ttwo\nx\n", "line 2 has 1 cells, not 2"),
        (b"one\ttwo\nx\t1\nx\tsoon\n", "line 3 has no usable number as two"),
    ],
)
def test_a_damaged_table_is_one_sentence(content: bytes, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_bytes(content)
    with pytest.raises(FercoreError, match=complaint) as caught:
        read_cells(path, (Column("one", "", text=True), Column("two", ""))).numbers("two")
    assert str(path) in str(caught.value)


def test_a_missing_table_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FercoreError, match="is missing"):
        read_predictions(tmp_path / "predictions.tsv")


def test_events_come_back_in_order(tmp_path: Path) -> None:
    place = record_run(write_study(tmp_path / "s"), markers=(2, 7))
    found = read_events(place.events)
    kinds = [event.type for event in found]
    assert kinds[0] == events.RUN_START
    assert kinds[-1] == events.RUN_STOP
    markers = [event for event in found if event.type == events.MARKER]
    assert [(m.name, m.source, m.uncertainty_s) for m in markers] == [
        ("stimulus", "key", 0.008)
    ] * 2
    assert markers[1].onset_s - markers[0].onset_s == pytest.approx(5 / 30, abs=1e-5)


def test_every_column_is_described_once() -> None:
    for columns in (predictions.COLUMNS, events.COLUMNS):
        assert len({column.name for column in columns}) == len(columns)
        assert all(column.description for column in columns)
    names = [column.name for column in predictions.COLUMNS]
    assert sum(name.endswith("_happiness") for name in names) == 3
    assert len([n for n in names if n.split("_")[0] in ("fusion", "rgb", "depth")]) >= 54


def test_a_table_comes_back_whatever_its_cells_hold() -> None:
    rows = [["a\ttab", "two\nlines"], ["", "plain"]]
    text = table_text(("first", "second"), rows)
    assert parse_table(text, ("first", "second")) == [["a tab", "two lines"], ["", "plain"]]


def test_a_last_line_that_was_cut_off_is_left_out() -> None:
    assert parse_table("a\tb\n1\t2\n3\t", ("a", "b")) == [["1", "2"]]


def test_columns_of_later_versions_are_unknown_in_older_tables() -> None:
    assert parse_table("a\tc\n1\t3\n", ("a", "b", "c"), added=("b",)) == [["1", "", "3"]]
    assert parse_table("a\tb\tc\n1\t2\t3\n", ("a", "b", "c"), added=("b",)) == [["1", "2", "3"]]


@pytest.mark.parametrize("text", ["", "a\n", "b\ta\n", "a\tb"])
def test_other_columns_are_told_apart_from_damaged_rows(text: str) -> None:
    with pytest.raises(OtherColumnsError, match="does not name the columns a, b"):
        parse_table(text, ("a", "b"))
    with pytest.raises(ValueError, match="line 3 has 1 cells, not 2"):
        parse_table("a\tb\n1\t2\n3\n", ("a", "b"))
