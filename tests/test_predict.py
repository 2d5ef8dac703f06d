"""`fercore predict` with the shipped weights on the sample subjects."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fercore.cli import main
from fercore.datasets.bu3dfe import Bu3dfe
from fercore.expressions import EXPRESSIONS
from fercore.structures import Analysis, RGBDFrame


def predicted(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict]]:
    status = main(["predict", "--json", *arguments])
    return status, json.loads(capsys.readouterr().out)


def test_a_scan_gets_three_verdicts_beside_the_truth(
    sample_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mesh = next(s.f3d for s in Bu3dfe(sample_root).scans() if s.id.code == "HA04")
    status, (row,) = predicted(capsys, str(mesh))
    assert status == 0
    assert row["name"] == mesh.name.removesuffix("_F3D.wrl")
    assert row["truth"] == "happiness"
    for head in ("fusion", "rgb", "depth"):
        assert list(row[head]) == [*(e.value for e in EXPRESSIONS), "calm"]
        assert sum(row[head].values()) == pytest.approx(1, abs=1e-3)


def test_a_folder_gives_a_line_a_scan(
    sample_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subject = next(path for path in sorted(sample_root.iterdir()) if path.is_dir())
    assert main(["predict", str(subject)]) == 0
    header, rule, *lines = capsys.readouterr().out.rstrip("\n").split("\n")
    assert header.split() == ["true", "fusion", "rgb", "depth", "remark"]
    assert set(rule) <= {"-", " "}
    assert len(lines) == 7
    assert all(line.count("%") == 3 for line in lines)


def test_ctrl_c_shows_the_verdicts_until_then_and_ends_with_its_status(
    sample_root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fercore.inference.predictor import Predictor

    analyse, judged = Predictor.analyse, []

    def impatient(self: Predictor, frame: RGBDFrame) -> Analysis:
        if judged:
            raise KeyboardInterrupt
        judged.append(frame)
        return analyse(self, frame)

    monkeypatch.setattr(Predictor, "analyse", impatient)
    subject = next(path for path in sorted(sample_root.iterdir()) if path.is_dir())
    status, rows = predicted(capsys, str(subject))
    assert (status, len(rows)) == (130, 1)


@pytest.fixture
def picture(sample_root: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Store a rendered camera picture and its depth map as other software would."""
    from app.sources.scans.replay import ReplaySource

    scans = [scan for scan in Bu3dfe(sample_root).scans() if scan.id.code == "HA04"]
    source = ReplaySource(scans[:1], "sample")
    source.open()
    frame = source.read(1.0)
    source.close()
    assert frame is not None
    assert frame.depth_m is not None
    rgb, depth = tmp_path / "face.png", tmp_path / "face-depth.png"
    cv2.imwrite(str(rgb), frame.rgb[..., ::-1])
    cv2.imwrite(str(depth), np.nan_to_num(frame.depth_m * 1000).astype(np.uint16))
    return rgb, depth


def test_a_picture_with_its_depth_map(
    picture: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    rgb, depth = map(str, picture)
    intrinsics = "615,615,319.5,239.5"
    status, (row,) = predicted(capsys, "--rgb", rgb, "--depth", depth, "--intrinsics", intrinsics)
    assert status == 0
    assert all(row[head] for head in ("fusion", "rgb", "depth"))
    assert row["truth"] is None


def test_a_picture_without_depth_is_judged_by_colour_alone(
    picture: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    status, (row,) = predicted(capsys, "--rgb", str(picture[0]))
    assert status == 0
    assert row["rgb"] is not None
    assert row["fusion"] is row["depth"] is None
    assert row["reason"] == "no depth from this source"


def test_a_picture_without_face_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((240, 320, 3), 120, np.uint8))
    status, (row,) = predicted(capsys, "--rgb", str(tmp_path / "wall.png"))
    assert (status, row["reason"], row["rgb"]) == (1, "no face found", None)


def test_a_broken_scan_does_not_stop_the_rest(
    sample_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scans = Bu3dfe(sample_root).scans()[:2]
    for scan in scans:
        for path in (scan.f3d, scan.texture, scan.f2d):
            assert path is not None
            (tmp_path / path.name).write_bytes(path.read_bytes())
    broken = tmp_path / f"{scans[0].name}_F3D.wrl"
    broken.write_bytes(broken.read_bytes()[:5000])
    assert main(["predict", "--json", str(tmp_path)]) == 1
    shown = capsys.readouterr()
    first, second = json.loads(shown.out)
    assert broken.name in first["reason"]
    assert first["fusion"] is None
    assert second["fusion"] is not None
    assert broken.name in shown.err
    assert "Traceback" not in shown.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give scans or folders, or a picture"),
        (["scan.wrl", "--rgb", "face.png"], "give scans or folders, or a picture"),
        (["scan.wrl", "--depth", "d.png"], "belong to a picture"),
        (["--rgb", "none.png"], "none.png"),
    ],
)
def test_arguments_that_do_not_fit_are_one_sentence(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", *arguments]) == 2
    shown = capsys.readouterr().err
    assert words in shown
    assert shown.count("\n") == 1


@pytest.mark.parametrize("text", ["615,615,320", "a,b,c,d", ""])
def test_wrong_intrinsics_are_explained(
    text: str, picture: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "--rgb", str(picture[0]), "--intrinsics", text]) == 2
    assert "give four numbers" in capsys.readouterr().err


def test_a_bad_depth_map_does_not_cost_the_colour(
    picture: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "small.png"), np.full((10, 20), 500, np.uint16))
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((480, 640), 90, np.uint8))
    (tmp_path / "damaged.npy").write_bytes(b"\x93NUMPY")
    for name, why in (
        ("small.png", "has 20×10 pixels, and 640×480 are expected"),
        ("grey.png", "8 bits a channel"),
        ("damaged.npy", "no array"),
    ):
        depth = str(tmp_path / name)
        status, (row,) = predicted(capsys, "--rgb", str(picture[0]), "--depth", depth)
        assert status == 0 and row["rgb"] and row["fusion"] is None
        assert row["reason"].startswith("depth is left out") and why in row["reason"]
    assert main(["predict", "--rgb", str(picture[0]), "--depth", "none.png"]) == 2
    assert "none.png does not exist" in capsys.readouterr().err


def test_depth_in_another_unit_is_converted_or_left_out(
    picture: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rgb, depth = map(str, picture)
    intrinsics = ("--intrinsics", "615,615,319.5,239.5")
    _, (plain,) = predicted(capsys, "--rgb", rgb, "--depth", depth, *intrinsics)
    tenths = tmp_path / "tenths.png"
    for a_metre, name, loses in (
        (4000, "quarters of a millimetre", 0.05),
        (256, "256 units a metre", 1.0),  # steps of 4 mm
        (10_000, "tenths of a millimetre", 1e-3),
    ):
        units = np.rint(cv2.imread(depth, cv2.IMREAD_UNCHANGED) / 1000 * a_metre)
        cv2.imwrite(str(tenths), units.astype(np.uint16))
        _, (row,) = predicted(capsys, "--rgb", rgb, "--depth", str(tenths), *intrinsics)
        assert name in row["reason"] and row["depth"]
        assert row["fusion"] == pytest.approx(plain["fusion"], abs=loses)
    _, (unknown,) = predicted(capsys, "--rgb", rgb, "--depth", str(tenths))
    assert unknown["fusion"] is None and "its unit is not known" in unknown["reason"]


def test_a_photograph_held_up_is_called_one(
    picture: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = np.full((480, 640), 600, np.uint16) + np.arange(640, dtype=np.uint16) // 8
    cv2.imwrite(str(tmp_path / "sheet.png"), sheet)
    depth = str(tmp_path / "sheet.png")
    _, (row,) = predicted(capsys, "--rgb", str(picture[0]), "--depth", depth)
    assert row["rgb"] and row["fusion"] is None and row["depth"] is None
    assert row["reason"] == "depth is flat, as of a photograph"


@pytest.mark.parametrize("text", ["0,0,0,0", "-615,615,320,240", "nan,615,320,240",
                                  "inf,615,320,240", "320,240,615,615"])  # fmt: skip
def test_senseless_intrinsics_are_refused(
    text: str, picture: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "--rgb", str(picture[0]), f"--intrinsics={text}"]) == 2
    assert "give those of this picture" in capsys.readouterr().err
