"""Exports open in other software, and are found again when someone withdraws."""

from __future__ import annotations

import json
import shutil
import struct
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from study_fixtures import equipment, write_study

from fercore.cli import main
from fercore.errors import FercoreError
from fercore.study.export import FORMATS, export
from fercore.study.made_folders import made_folders
from fercore.study.predictions import COLUMNS, read_predictions
from fercore.study.run_files import RunState, finished, read_run_record, write_run_record

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def study(recorded_study: Path, tmp_path: Path) -> Path:
    return shutil.copytree(recorded_study, tmp_path / "study")


def test_the_commands_formats_are_those_there_are() -> None:
    from fercore.cli import studies as command

    assert tuple(FORMATS) == command.FORMATS


def test_csv_opens_in_pandas(study: Path) -> None:
    assert main(["export", str(study), "--format", "csv"]) == 0
    folder = study / "exports" / "csv"
    frames = pd.read_csv(folder / "predictions.csv", dtype={"subject": str, "session": str})
    assert len(frames) == 4 * 12 + 2
    assert frames.groupby(["subject", "condition"]).size().to_dict() == {
        ("01", "calm"): 12,
        ("01", "happy"): 12,
        ("02", "calm"): 14,
        ("02", "happy"): 12,
    }
    assert frames["fusion_anger"].iloc[0] == pytest.approx(0.75)
    assert frames["fusion_anger"].isna().sum() == 2
    assert frames.select_dtypes("number").shape[1] == len(COLUMNS)  # less flags, and run
    runs = pd.read_csv(folder / "runs.csv")
    assert runs["frames"].sum() == len(frames)
    assert set(runs["state"]) == {"complete"}
    people = pd.read_csv(folder / "participants.csv", dtype={"subject": str})
    assert people["age"].tolist() == [30, 30]
    events = pd.read_csv(folder / "events.csv")
    assert (events["name"] == "stimulus").sum() == 4


def test_parquet_opens_in_pandas_with_types(study: Path) -> None:
    pytest.importorskip("pyarrow")
    assert main(["export", str(study), "--format", "parquet"]) == 0
    frames = pd.read_parquet(study / "exports" / "parquet" / "predictions.parquet")
    assert len(frames) == 50
    assert frames["fusion_anger"].dtype == np.float64
    assert frames["subject"].tolist()[0] == "01"
    assert frames["flags"].iloc[-1] == "NO_FACE"
    assert len(pd.read_parquet(study / "exports" / "parquet" / "events.parquet")) > 10


def xdf_chunks(data: bytes) -> list[tuple[int, bytes]]:
    """Split an XDF file into tags and contents, after its specification."""
    assert data[:4] == b"XDF:"
    chunks, place = [], 4
    while place < len(data):
        width = data[place]
        length = int.from_bytes(data[place + 1 : place + 1 + width], "little")
        start = place + 1 + width
        tag = struct.unpack_from("<H", data, start)[0]
        chunks.append((tag, data[start + 2 : start + length]))
        place = start + length
    return chunks


def test_xdf_holds_verdicts_and_markers_as_streams(study: Path) -> None:
    run = study / "sub-01" / "ses-1" / "sub-01_ses-1_task-video_run-01"
    folder, _ = export(run, "xdf-ready", study / "x")
    data = (folder / f"{run.name}.xdf").read_bytes()
    chunks = xdf_chunks(data)
    assert [tag for tag, _ in chunks] == [1, 2, 2, 4, 4, 3, 3, 6, 6]
    header = chunks[1][1][4:].decode()
    assert header.count("<channel>") == 21
    assert "<label>fusion_anger</label><unit>probability</unit>" in header
    stream, samples = struct.unpack_from("<IBB", chunks[5][1])[0], chunks[5][1][6:]
    assert stream == 1
    assert len(samples) == 12 * (1 + 8 + 21 * 4)
    rows = read_predictions(run / "predictions.tsv")
    first = np.frombuffer(samples[9 : 9 + 84], "<f4").reshape(3, 7)
    assert np.allclose(first, rows.raw[0], equal_nan=True)
    assert b"stimulus" in chunks[6][1]


def test_a_run_alone_can_be_exported(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = study / "sub-02" / "ses-1" / "sub-02_ses-1_task-video_run-02"
    assert main(["export", str(run), "--format", "csv"]) == 0
    assert "1 runs of 1 participants" in capsys.readouterr().out
    frames = pd.read_csv(study / "exports" / f"{run.name}-csv" / "predictions.csv")
    assert len(frames) == 12


def test_an_export_again_replaces_the_first_but_nothing_else(study: Path, tmp_path: Path) -> None:
    folder, _ = export(study, "csv")
    assert export(study, "csv")[0] == folder
    (folder / "analysis.R").write_text("my work")
    with pytest.raises(FercoreError, match=r"holds analysis\.R, which was not made here"):
        export(study, "csv")
    assert (folder / "analysis.R").read_text() == "my work"
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.tex").write_text("mine")
    with pytest.raises(FercoreError, match=r"holds thesis\.tex"):
        export(study, "csv", home)
    with pytest.raises(FercoreError, match="is a file"):
        export(study, "csv", home / "thesis.tex")


def test_open_and_damaged_runs_are_named(study: Path, tmp_path: Path) -> None:
    run = study / "sub-01" / "ses-1" / "sub-01_ses-1_task-video_run-01"
    record = read_run_record(run / "session.json")
    write_run_record(run / "session.json", finished(record, RunState.RECORDING))
    with pytest.raises(FercoreError, match=r"was not closed; .* `fercore recover"):
        export(study, "csv")
    write_run_record(run / "session.json", record)
    path = run / "predictions.tsv"
    path.write_text(path.read_text().replace("0.750000", "three quarters", 1))
    with pytest.raises(FercoreError, match="line 2 has no usable number as fusion_anger"):
        export(study, "csv")
    with pytest.raises(FercoreError, match="does not exist"):
        export(tmp_path / "nowhere", "csv")
    empty = write_study(tmp_path / "empty")
    with pytest.raises(FercoreError, match="holds no run yet"):
        export(empty, "csv")


def test_withdrawal_takes_data_exports_reports_and_snapshots(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere, gone = tmp_path / "elsewhere", tmp_path / "gone"
    export(study, "bids")
    export(study, "csv", elsewhere)
    export(study, "csv", gone)
    shutil.rmtree(gone)
    only_01 = study / "sub-01" / "ses-1" / "sub-01_ses-1_task-video_run-01"
    kept, _ = export(only_01, "csv")
    (elsewhere / "notes.txt").write_text("mine")
    snapshots = study / "sub-02" / "snapshots"
    snapshots.mkdir()
    (snapshots / "face.png").write_bytes(b"png")
    assert main(["study-report", str(study)]) == 0
    assert main(["withdraw", "sub-02", "--study", str(study), "--yes"]) == 0
    shown = capsys.readouterr().out
    assert f"{gone} was made with these data and is not there any more" in shown
    assert not (study / "sub-02").exists()
    assert not (study / "exports" / "bids").exists()
    assert not (study / "report").exists()
    assert [path.name for path in elsewhere.iterdir()] == ["notes.txt"]
    assert (kept / "predictions.csv").is_file()
    assert [made.folder for made in made_folders(study)] == [kept.resolve()]
    receipt = json.loads(next((study / "withdrawals").glob("receipt-*.json")).read_text())
    assert receipt["number"] in shown
    assert (receipt["deleted_exports"], receipt["missing_exports"]) == (3, 1)
    assert receipt["deleted_files"] > 10
    assert set(receipt) == {
        *("number", "study", "withdrawn_utc", "deleted_files", "deleted_bytes"),
        *("deleted_exports", "missing_exports", "left", "fercore", "format"),
    }
    assert export(study, "bids")[1].subjects == ("01",)
    for path in study.rglob("*"):
        if path.is_file():
            assert b"sub-02" not in path.read_bytes(), path


def test_withdrawal_asks_first(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("builtins.input", lambda _: "n")
    assert main(["withdraw", "01", "--study", str(study)]) == 1
    assert (study / "sub-01").is_dir()
    assert main(["withdraw", "77", "--study", str(study), "--yes"]) == 2
    assert main(["withdraw", "../sub-01", "--study", str(study), "--yes"]) == 2
    assert main(["withdraw", "01", "--study", str(study / "sub-01"), "--yes"]) == 2
    assert (study / "sub-01").is_dir()
    monkeypatch.setattr("builtins.input", lambda _: "y")
    assert main(["withdraw", "01", "--study", str(study)]) == 0
    assert not (study / "sub-01").exists()


def test_withdrawal_waits_for_a_run_in_progress(tmp_path: Path) -> None:
    from app.study.desk import Desk
    from fercore.study.participants import enrol
    from fercore.study.withdraw import withdraw

    study = write_study(tmp_path / "s")
    desk = Desk(study, equipment)
    enrol(study, desk.study, "01", {"age": "3"})
    desk.start("01", "1", "video", "calm")
    with pytest.raises(FercoreError, match="is being recorded at present"):
        withdraw(study, "01")
    desk.close()
    withdraw(study, "01")


def test_a_mark_that_points_elsewhere_deletes_nothing_there(study: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("x")
    folder, _ = export(study, "csv")
    (folder / ".fercore-made.json").write_text(json.dumps(["../../../precious", str(precious)]))
    assert main(["withdraw", "01", "--study", str(study), "--yes"]) == 0
    assert precious.read_text() == "x"
