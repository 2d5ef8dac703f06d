"""`fercore analyse`: any mix of files, the same numbers however they are named, going on."""

from __future__ import annotations

import argparse
import csv
import errno
import shutil
from dataclasses import replace
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

import numpy as np
import pytest
from app_doubles import analysis_of
from camera_doubles import write_pictures, write_video
from PIL import Image

from app.headless import analyse, inputs, judging
from app.headless.analysed import PAGE, SUMMARY, TABLE
from app.headless.inputs import inputs_in
from app.headless.judging import STATES, StateCourse
from fercore import cli
from fercore.errors import FercoreError
from fercore.expressions import EXPRESSIONS, Expression
from fercore.inference.predictor import Predictor
from fercore.networks.checkpoints import ModelCard
from fercore.networks.preprocessing import Preprocessing
from fercore.structures import Analysis

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from app.headless.inputs import FoundInputs
    from fercore.faces.tracking import TrackedFace
    from fercore.structures import RGBDFrame, UInt8Array


class Stub:
    """Says of each frame what its number in its stream and its mean colour are."""

    def __init__(self) -> None:
        self.card = ModelCard(
            *(
                "stub",
                "v1.5",
                Preprocessing(),
                "random",
                "none",
                "none",
                "untrained",
                "none",
                0,
                {},
            ),
            sha256="5" * 64,
        )
        self.faces: tuple[TrackedFace, ...] = ()
        self.judged = 0
        self.ends_after = 10_000
        self._number = 0

    def follow_faces(self) -> None:
        self._number = 0

    look_at_each = follow_faces

    def analyse_all(self, frame: RGBDFrame) -> list[tuple[int, Analysis]]:
        first = self._analysed(frame)
        if first.pair is None:
            return [(0, first)]
        return [(1, first)] if frame.depth_m is None else [(1, first), (2, first)]

    def _analysed(self, frame: RGBDFrame) -> Analysis:
        if self.judged == self.ends_after:
            raise KeyboardInterrupt
        self.judged += 1
        self._number += 1
        if self._number % 5 == 0:
            return Analysis(frame, None, None, "no face found", 0.0)
        place = (self._number + int(frame.rgb.mean())) % len(EXPRESSIONS)
        found = analysis_of(frame, fusion=EXPRESSIONS[place])
        if frame.depth_m is None:
            assert found.verdicts is not None
            found = replace(found, verdicts=replace(found.verdicts, fusion=None, depth=None))
        return found

    def close(self) -> None:
        pass


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    made = Stub()
    monkeypatch.setattr(Predictor, "from_pipeline", lambda _slug: made)
    yield made


@pytest.fixture
def mixture(tmp_path: Path) -> Path:
    """Make a folder of everything that people have, and a little more."""
    root = tmp_path / "in"
    (root / "deep" / "scans").mkdir(parents=True)
    picture = Image.fromarray(np.full((40, 50, 3), (200, 90, 30), np.uint8))
    picture.save(root / "<b>10.jpg")
    picture.save(root / "2.tif")
    picture.save(root / "deep" / "scans" / "F0001_HA04WH_F2D.bmp")
    (root / "deep" / "scans" / "F0001_HA04WH_F3D.wrl").write_text("#VRML V2.0 utf8")
    (root / "broken.png").write_bytes(b"\x89PNG\r\n")
    (root / "notes.txt").write_text("no picture")
    write_video(root / "deep" / "film.mp4", 12)
    write_pictures(root / "deep" / "camera", 4)
    return root


def run(output: Path, *paths: Path, thumbnails: bool = True) -> int:
    return analyse.run(
        argparse.Namespace(
            paths=list(paths),
            output=output,
            no_thumbnails=not thumbnails,
            pipeline="fusion-resnet50",
            checkpoint=None,
        )
    )


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_any_mix_gives_a_row_a_frame_and_a_row_an_input(
    mixture: Path, tmp_path: Path, stub: Stub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "out", mixture, mixture / "2.tif") == 1
    said = capsys.readouterr()
    assert "broken.png" in said.err and "Traceback" not in said.err
    inputs = rows_of(tmp_path / "out" / SUMMARY)
    found = {row["file"].rsplit("/", 1)[1]: row for row in inputs}
    assert list(found) == ["2.tif", "<b>10.jpg", "broken.png", "camera", "film.mp4"]
    assert [row["kind"] for row in inputs][3:] == ["pictures with depth", "video"]
    assert [row["frames"] for row in inputs] == ["1", "1", "0", "4", "12"]
    assert found["broken.png"]["problem"] != "n/a" and found["2.tif"]["problem"] == "n/a"
    film = found["film.mp4"]
    assert film["no_face_frames"] == "2" and film["no_face_s"] == "0.067"
    assert float(film["duration_s"]) == pytest.approx(0.4, abs=0.001)
    times = [float(film[f"{state.replace(' ', '_')}_s"]) for state in STATES]
    assert sum(times) == pytest.approx(float(film["duration_s"]), abs=0.005)
    assert found["2.tif"]["duration_s"] == "n/a"
    table = rows_of(tmp_path / "out" / TABLE)
    assert len(table) == 22
    assert {row["face"] for row in table} == {"1", "2", "n/a"}
    assert found["camera"]["faces"] == "2" and film["faces"] == "1"
    with_depth = [row for row in table if row["kind"] == "pictures with depth"]
    assert all((row["fusion_fear"] == "n/a") == (row["kind"] != "pictures with depth")
               for row in table if row["face"] == "1")  # fmt: skip
    assert with_depth[0]["box_x1"] != "n/a" and with_depth[0]["brightness"] != "n/a"


def test_numbers_are_the_same_singly_or_together(mixture: Path, tmp_path: Path, stub: Stub) -> None:
    film, picture = mixture / "deep" / "film.mp4", mixture / "2.tif"
    for name, paths in (("a", (film,)), ("b", (picture,)), ("both", (picture, film))):
        run(tmp_path / name, *paths)
    single = [rows_of(tmp_path / name / TABLE) for name in ("b", "a")]
    assert rows_of(tmp_path / "both" / TABLE) == [*single[0], *single[1]]


def test_it_goes_on_where_it_was_stopped(mixture: Path, tmp_path: Path, stub: Stub) -> None:
    stub.ends_after = 8
    assert run(tmp_path / "out", mixture) == 130
    assert [row["frames"] for row in rows_of(tmp_path / "out" / SUMMARY)] == ["1", "1", "0", "4"]
    stub.ends_after = 10_000
    assert run(tmp_path / "out", mixture) == 1
    run(tmp_path / "whole", mixture)
    assert stub.judged == 8 + 12 + 18  # the film, which was not whole; then everything
    for name in (TABLE, SUMMARY, PAGE):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    shutil.copy(mixture / "2.tif", mixture / "3.tif")
    (mixture / "2.tif").write_bytes((mixture / "<b>10.jpg").read_bytes())
    run(tmp_path / "out", mixture)
    assert stub.judged == 38 + 2  # what is new and what has changed


def test_what_could_not_be_read_is_read_again(
    mixture: Path, tmp_path: Path, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_path: Path) -> UInt8Array:
        raise FercoreError("the network drive does not answer")

    with monkeypatch.context() as drive:
        drive.setattr(inputs, "read_rgb", fails)
        assert run(tmp_path / "out", mixture / "2.tif") == 1
    assert run(tmp_path / "out", mixture / "2.tif") == 0
    (row,) = rows_of(tmp_path / "out" / SUMMARY)
    assert (row["frames"], row["problem"]) == ("1", "n/a") and stub.judged == 1


def test_a_file_that_goes_meanwhile_is_named_and_the_others_are_judged(
    mixture: Path,
    tmp_path: Path,
    stub: Stub,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def found_then_gone(paths: Sequence[Path]) -> FoundInputs:
        found = inputs_in(paths)
        (mixture / "2.tif").unlink()
        return found

    monkeypatch.setattr(inputs, "inputs_in", found_then_gone)
    assert run(tmp_path / "out", mixture / "2.tif", mixture / "deep" / "film.mp4") == 1
    rows = {row["kind"]: row for row in rows_of(tmp_path / "out" / SUMMARY)}
    assert rows["video"]["frames"] == "12" and rows["video"]["problem"] == "n/a"
    assert rows["picture"]["frames"] == "0" and "put it back" in rows["picture"]["problem"]
    assert f"{mixture / '2.tif'} cannot be read" in capsys.readouterr().err


def test_only_what_is_written_is_called_unwritable(
    mixture: Path, tmp_path: Path, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> UInt8Array:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as disk:
        disk.setattr(inputs, "read_rgb", breaks)
        assert run(tmp_path / "out", mixture / "2.tif") == 1
    (row,) = rows_of(tmp_path / "out" / SUMMARY)
    assert "2.tif cannot be read (Input/output error)" in row["problem"]
    monkeypatch.setattr(judging, "write_text_whole", breaks)
    with pytest.raises(FercoreError, match="out cannot be written"):
        run(tmp_path / "out", mixture / "2.tif")


def test_other_weights_inputs_or_software_judge_anew(
    mixture: Path, tmp_path: Path, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judged_anew() -> int:
        before = stub.judged
        assert run(tmp_path / "out", mixture / "2.tif") == 0
        return stub.judged - before

    assert [judged_anew(), judged_anew()] == [1, 0]
    for change in ({"sha256": "6" * 64}, {"preprocessing": Preprocessing(box_scale=1.2)}):
        stub.card = replace(stub.card, **change)
        assert [judged_anew(), judged_anew()] == [1, 0]
    for package in ("fercore", "mediapipe"):
        monkeypatch.setattr(judging, "versions", lambda newer=package: {newer: "99"})
        assert [judged_anew(), judged_anew()] == [1, 0]


def test_the_page_has_timelines_and_only_the_thumbnails_that_are_wanted(
    mixture: Path, tmp_path: Path, stub: Stub
) -> None:
    run(tmp_path / "out", mixture)
    html = (tmp_path / "out" / PAGE).read_text()
    assert html.count("<svg") == 2 and html.count("data:image/jpeg") == 4
    assert "&lt;b&gt;10.jpg" in html and "<b>" not in html and "<script" not in html
    run(tmp_path / "bare", mixture, thumbnails=False)
    assert "data:image/jpeg" not in (tmp_path / "bare" / PAGE).read_text()
    assert not any("/9j/" in path.read_text() for path in (tmp_path / "bare").rglob("*.json"))


def test_what_cannot_be_judged_is_said_before_anything_is(tmp_path: Path, stub: Stub) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "empty").mkdir()
    for path, words in (
        ("notes.txt", "no picture, video or recording"),
        ("none.mp4", "no file and no folder"),
        ("empty", "there is no picture"),
    ):
        with pytest.raises(FercoreError, match=words):
            run(tmp_path / "out", tmp_path / path)
    assert not (tmp_path / "out").exists()


def test_a_long_course_stays_short_and_loses_nothing() -> None:
    course = StateCourse()
    for index in range(40_000):
        course.add(index / 30, index % 2, 1 / 30)
    assert len(course.seconds) <= 480
    sums = np.sum(course.seconds, axis=0)
    assert sums[:2] == pytest.approx([40_000 / 60] * 2) and not sums[2:].any()


@pytest.mark.parametrize(("moments", "lasts_s"), [(8, 1.0), (100, 1.0), (12, 1 / 30), (3, 400.0)])
def test_a_moment_fills_all_bins_that_it_lasts_through(moments: int, lasts_s: float) -> None:
    course = StateCourse()
    for index in range(moments):
        course.add(index * lasts_s, index % 2, lasts_s)
    in_bin = np.array(course.seconds).sum(axis=1)
    assert len(in_bin) == pytest.approx(moments * lasts_s / course.bin_s, abs=1)
    assert in_bin[:-1] == pytest.approx(course.bin_s) and 0 < in_bin[-1] <= course.bin_s * 1.001
    of_state = np.sum(course.seconds, axis=0)
    assert of_state[0] == pytest.approx((moments + 1) // 2 * lasts_s)
    assert of_state[1] == pytest.approx(moments // 2 * lasts_s) and not of_state[2:].any()


def test_a_clock_that_jumps_back_loses_no_time_of_a_course() -> None:
    course = StateCourse()
    for time_s, lasted_s in ((0.0, 2.0), (2.0, -1.5), (0.5, 1.0), (1.5, 0.0)):
        course.add(time_s, 0, lasted_s)
    assert np.sum(course.seconds) == pytest.approx(1.5)


def test_it_is_a_command_of_fercore(
    monkeypatch: pytest.MonkeyPatch, mixture: Path, tmp_path: Path, stub: Stub
) -> None:
    point = EntryPoint("analyse", "app.headless.analyse", cli.FURTHER_COMMANDS)
    monkeypatch.setattr(cli, "entry_points", lambda group: [point])
    assert cli.main(["analyse", str(mixture / "2.tif"), "--output", str(tmp_path / "o")]) == 0
    state = rows_of(tmp_path / "o" / TABLE)[0]["state"]
    assert state in [expression.value for expression in Expression]
