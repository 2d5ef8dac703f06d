from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from app_doubles import analysis_of, sample_frame
from PIL import Image
from PySide6.QtGui import QColor, QImage

from app.sources.pictures.source import PictureSource
from app.window.snapshot import DEPTH_UNIT_M, Snapshot, save_snapshot
from fercore.errors import FercoreError
from fercore.expressions import Expression
from fercore.faces.quality import measure
from fercore.structures import Analysis, Intrinsics

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

CAMERA = Intrinsics(600.0, 601.0, 80.0, 60.0, 160, 120)


def taken(analysis: Analysis) -> Snapshot:
    view = QImage(40, 30, QImage.Format.Format_RGB32)
    view.fill(QColor("#336699"))
    return Snapshot(view, analysis, measure(analysis.pair), "ticks")


def full_analysis() -> Analysis:
    frame = replace(sample_frame(7, Expression.ANGER), intrinsics=CAMERA)
    analysis = analysis_of(frame, Expression.ANGER, Expression.FEAR, None, "depth is bad")
    assert analysis.pair is not None
    depth_m = np.full((64, 64), 0.4567, np.float32)
    depth_m[:8] = np.nan
    return replace(analysis, pair=replace(analysis.pair, depth_m=depth_m))


def test_everything_is_in_the_folder(qtbot: QtBot, tmp_path: Path) -> None:
    folder = save_snapshot(taken(full_analysis()), tmp_path / "new")
    assert folder.parent == tmp_path / "new" and folder.name.startswith("snapshot-2")
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {
        "view.png", "rgb/frame.png", "depth/frame.png", "camera.json",
        "face.png", "face-depth.png", "snapshot.json",
    }  # fmt: skip
    assert Image.open(folder / "view.png").convert("RGB").getpixel((3, 3)) == (0x33, 0x66, 0x99)
    crop = np.asarray(Image.open(folder / "face-depth.png"))
    assert crop.dtype == np.uint16 and (crop[:8] == 0).all() and (crop[8:] == 4567).all()


def test_the_account_holds_verdicts_quality_and_versions(qtbot: QtBot, tmp_path: Path) -> None:
    folder = save_snapshot(taken(full_analysis()), tmp_path)
    account: dict[str, Any] = json.loads((folder / "snapshot.json").read_text("utf-8"))
    assert account["verdicts"]["depth"] is None
    assert account["verdicts"]["fusion"]["verdict"] == "anger"
    assert account["verdicts"]["fusion"]["probabilities"]["anger"] == pytest.approx(0.75)
    assert account["verdicts"]["fusion"]["sure"] is True
    assert sum(account["verdicts"]["rgb"]["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert account["quality"]["distance"]["word"] == "good"
    assert (account["truth"], account["frame"], account["reason"]) == ("anger", 7, "depth is bad")
    assert account["depth_unit_m"] == DEPTH_UNIT_M
    assert "numpy" in account["versions"] and account["source"] == "ticks"


def test_a_snapshot_can_be_played(qtbot: QtBot, tmp_path: Path) -> None:
    analysis = full_analysis()
    source = PictureSource(save_snapshot(taken(analysis), tmp_path))
    source.open()
    frame = source.read(1)
    source.close()
    assert frame is not None and frame.depth_m is not None and analysis.frame.depth_m is not None
    assert (frame.rgb == analysis.frame.rgb).all()
    assert frame.intrinsics == CAMERA
    np.testing.assert_allclose(frame.depth_m, analysis.frame.depth_m, atol=DEPTH_UNIT_M)


def test_without_depth_or_face_the_rest_is_kept(qtbot: QtBot, tmp_path: Path) -> None:
    frame = replace(sample_frame(), depth_m=None)
    folder = save_snapshot(taken(Analysis(frame, None, None, "no face found", 0.0)), tmp_path)
    names = {path.name for path in folder.iterdir()}
    assert names == {"view.png", "rgb", "camera.json", "snapshot.json"}


def test_two_in_one_second_do_not_overwrite_each_other(qtbot: QtBot, tmp_path: Path) -> None:
    folders = {save_snapshot(taken(full_analysis()), tmp_path) for _ in range(3)}
    assert len(folders) == 3 and all((folder / "snapshot.json").exists() for folder in folders)


def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.name == "face.png":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(FercoreError, match=r"No space left on device\); free some space") as error:
        save_snapshot(taken(full_analysis()), tmp_path)
    assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_folders_place_is_one_sentence(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(FercoreError, match="cannot be written to"):
        save_snapshot(taken(full_analysis()), tmp_path / "taken")
