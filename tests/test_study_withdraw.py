"""A withdrawal finds what it can, says what it could not, and reaches through no link."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest
from study_fixtures import record_run, write_study

from app.start.logs import Troubles, start_logging
from fercore.cli import main
from fercore.errors import FercoreError
from fercore.study.export import export
from fercore.study.made_folders import MARK
from fercore.study.withdraw import withdraw

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = write_study(tmp_path / "s")
    record_run(folder, "01")
    record_run(folder, "02", "happy")
    return folder


def receipt_of(study: Path) -> dict[str, object]:
    (path,) = (study / "withdrawals").glob("receipt-*.json")
    content: dict[str, object] = json.loads(path.read_text())
    return content


@pytest.mark.parametrize("text", [None, "{", "[" * 100_000, '[{"folder": 1}]'])
def test_damaged_files_of_the_study_hinder_no_withdrawal(
    study: Path, text: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export(study, "csv")
    export(study / "sub-01" / "ses-1" / "sub-01_ses-1_task-video_run-01", "csv", study / "one")
    (study / "exports" / ".bids.part").mkdir()
    (study / "exports" / ".bids.part" / "half").write_text("sub-02")
    (study / "made.json").unlink()
    if text is not None:
        (study / "made.json").write_text(text)
    (study / "study.toml").write_text("title = [")
    assert main(["withdraw", "02", "--study", str(study), "--yes"]) == (text is not None)
    shown = capsys.readouterr().out
    assert "outside the study's folder" in shown
    assert not (study / "exports").exists() or not any((study / "exports").rglob("*.*"))
    assert (study / "one" / "predictions.csv").exists()  # of another participant alone
    assert not (study / "sub-02").exists()
    receipt = receipt_of(study)
    assert (receipt["study"], receipt["deleted_exports"]) == ("", 2)


def test_what_lies_behind_a_link_is_named_and_kept(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run,) = (study / "sub-02").glob("ses-1/*")
    moved = tmp_path / "disk" / "colour.mkv"
    moved.parent.mkdir()
    moved.write_bytes(b"video")
    (run / "colour.mkv").symlink_to(moved)
    assert main(["withdraw", "02", "--study", str(study), "--yes"]) == 1
    assert f"was a link to {moved}, which was not deleted" in capsys.readouterr().out
    assert moved.read_bytes() == b"video" and not (study / "sub-02").exists()
    assert receipt_of(study)["left"] == 1
    (study / "sub-03").symlink_to(tmp_path / "disk")
    with pytest.raises(FercoreError, match=r"is a link to .*disk; delete by hand"):
        withdraw(study, "03")


@pytest.mark.parametrize("mark", [["out/precious"], {"files": ["out/precious"], "subjects": []}])
def test_a_mark_reaches_through_no_link(study: Path, tmp_path: Path, mark: object) -> None:
    precious = tmp_path / "elsewhere" / "precious"
    precious.parent.mkdir()
    precious.write_text("x")
    folder, _ = export(study, "csv")
    (folder / "out").symlink_to(precious.parent)
    (folder / MARK).write_text(json.dumps(mark))
    done = withdraw(study, "01")
    assert precious.read_text() == "x"
    assert any("elsewhere" in sentence for sentence in done.left)


@pytest.mark.parametrize("text", ["[1, {}]", "{", '{"files": 3}', "[" * 100_000, "\xff", "null"])
def test_a_damaged_mark_is_said_and_the_rest_deleted(study: Path, text: str) -> None:
    folder, _ = export(study, "csv")
    (folder / MARK).write_text(text, encoding="latin-1")
    done = withdraw(study, "01")
    assert not (study / "sub-01").exists()
    assert any(f"delete {folder.resolve()} by hand" in sentence for sentence in done.left)
    assert done.receipt.left == len(done.left)


def test_no_label_gets_into_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    monkeypatch.setattr("app.start.logs.log_path", lambda: path)
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    start_logging(Troubles())
    try:
        try:
            raise OSError("/data/sub-07/ses-1")
        except OSError:
            logging.getLogger("app.x").exception("In %s", "/s/sub-07/ses-1/sub-07_ses-1_task-v")
    finally:
        for handler in set(root.handlers) - set(before):
            root.removeHandler(handler)
            handler.close()
        root.setLevel(level)
    text = path.read_text(encoding="utf-8")
    assert "ses-1_task-v" in text and "Traceback" in text and "sub-0" not in text
