"""A study as a BIDS data set: complete, without dates, and checked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from fercore.cli import main
from fercore.errors import FercoreError
from fercore.study.export import export
from fercore.study.export_bids import check_bids
from fercore.study.run_files import read_run_record

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def study(recorded_study: Path, tmp_path: Path) -> Path:
    return shutil.copytree(recorded_study, tmp_path / "study")


def test_a_bids_data_set_has_names_sidecars_and_participants(study: Path) -> None:
    assert main(["export", str(study), "--format", "bids"]) == 0
    folder = study / "exports" / "bids"
    assert check_bids(folder, ["age"]) == []
    stem = "sub-01_ses-1_task-video_run-01"
    frames = pd.read_csv(folder / "sub-01/ses-1/beh" / f"{stem}_beh.tsv", sep="\t")
    assert frames["latency_s"].iloc[0] == pytest.approx(0.004)
    sidecar = json.loads((folder / "sub-01/ses-1/beh" / f"{stem}_beh.json").read_text())
    assert set(frames.columns) <= set(sidecar)
    assert sidecar["time_s"]["Units"] == "s"
    assert sidecar["Recording"]["privacy"] == "derived"
    assert "No image is stored" in sidecar["Recording"]["privacy_statement"]
    people = pd.read_csv(folder / "participants.tsv", sep="\t")
    assert people["participant_id"].tolist() == ["sub-01", "sub-02"]
    scans = pd.read_csv(folder / "sub-01/ses-1/sub-01_ses-1_scans.tsv", sep="\t")
    assert scans["condition"].tolist() == ["calm", "happy"]
    assert all((folder / "sub-01/ses-1" / name).is_file() for name in scans["filename"])


def test_the_official_validator_finds_no_error(study: Path, tmp_path: Path) -> None:
    deno, validator = pytest.importorskip("deno"), pytest.importorskip("bids_validator_deno")
    folder, _ = export(study, "bids")
    joined = [path for path in folder.rglob("*_beh.tsv") if "NO_DEPTH;DARK" in path.read_text()]
    assert joined  # several flags in a cell are what it once complained of
    script = Path(validator.__file__).parent / "bids-validator.js"
    command = [deno.find_deno_bin(), "run", "--no-prompt", "--allow-read", "--allow-env"]
    environment = {**os.environ, "DENO_DIR": str(tmp_path), "DENO_NO_UPDATE_CHECK": "1"}
    ran = subprocess.run(
        [*command, script, "--json", folder],
        env=environment, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert ran.stdout, ran.stderr
    issues = json.loads(ran.stdout)["issues"]["issues"]
    assert len(issues) > 3
    assert [issue for issue in issues if issue["severity"] == "error"] == []
    assert "EVENT_ONSET_ORDER" not in {issue["code"] for issue in issues}


def test_what_is_published_holds_no_date_and_no_serial_number(study: Path) -> None:
    folder, _ = export(study, "bids")
    started = read_run_record(next(study.glob("sub-01/ses-1/*/session.json"))).started_utc
    for path in folder.rglob("*"):
        if path.is_file():
            text = path.read_text()
            assert started[:10] not in text
            assert '"unix"' not in text
            assert "serial" not in text


def _rename(folder: Path) -> None:
    path = next(folder.rglob("*_beh.tsv"))
    path.rename(path.with_name("predictions.tsv"))


def _move(folder: Path) -> None:
    path = next((folder / "sub-01").rglob("*_events.json"))
    path.rename(folder / "sub-02" / "ses-1" / "beh" / path.name)


def _unname(folder: Path) -> None:
    (folder / "dataset_description.json").write_text('{"BIDSVersion": "1.10.0"}')


def _unlist(folder: Path) -> None:
    path = folder / "participants.tsv"
    path.write_text("\n".join(path.read_text().splitlines()[:2]) + "\n")


def _unage(folder: Path) -> None:
    path = folder / "participants.tsv"
    path.write_text(path.read_text().replace("\t30\t", "\tn/a\t", 1))


def _unevent(folder: Path) -> None:
    path = next(folder.rglob("*_events.tsv"))
    path.write_text(path.read_text().replace("onset\tduration", "duration\tonset"))


def _shorten(folder: Path) -> None:
    path = next(folder.rglob("*_events.tsv"))
    path.write_text(path.read_text() + "1.0\n")


def _word(folder: Path) -> None:
    path = next(folder.rglob("*_events.tsv"))
    path.write_text(path.read_text().replace("0.000000\t0.000000", "soon\t0.000000", 1))


def _sidecarless(folder: Path) -> None:
    next(folder.rglob("*_beh.json")).write_text("{}")


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (_rename, "is no name that BIDS knows"),
        (_move, "lies in another participant's or session's folder"),
        (_unname, "dataset_description.json lacks Name"),
        (_unlist, "participants.tsv lacks sub-02"),
        (_unage, "participants.tsv: sub-01 has no age"),
        (_unevent, "does not begin with onset and duration"),
        (_shorten, "has a line with too few or too many cells"),
        (_word, "line 2 has no number as onset"),
        (_sidecarless, "time_s is not in the sidecar"),
    ],
)
def test_the_check_finds_what_is_wrong(
    spoil: Callable[[Path], None], complaint: str, study: Path
) -> None:
    folder, _ = export(study, "bids")
    spoil(folder)
    assert any(complaint in problem for problem in check_bids(folder, ["age"]))


def test_a_participant_without_a_required_answer_is_not_given_out(study: Path) -> None:
    path = study / "sub-02" / "participant.json"
    path.write_text(path.read_text().replace('"30"', '""'))
    with pytest.raises(FercoreError, match="sub-02 has no age"):
        export(study, "bids")
    assert not (study / "exports" / "bids").exists()
    assert not list((study / "exports").iterdir())
