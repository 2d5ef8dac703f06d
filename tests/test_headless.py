from __future__ import annotations

import csv
import io
import resource
import signal
import sys
from typing import TYPE_CHECKING

import av
import pytest
from app_doubles import BlindAnalyser, BrokenSource, FakeAnalyser, TickSource, analysis_of
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QLabel

from app.drawing.qimage import to_array
from app.headless.picture import Showcase, save_picture
from app.headless.run import PICTURE, PREDICTIONS, PREVIOUS, VIDEO, run_headless
from app.sources.base import SourceFacts
from app.window.widgets.banner import Banner
from fercore.errors import FercoreError
from fercore.expressions import Expression
from fercore.results import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from PySide6.QtWidgets import QApplication

    from fercore.structures import Analysis, RGBDFrame


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Let every write beyond 100 kB of a file fail, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def video_frames(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def test_every_frame_of_the_source_gets_a_row(
    qapp: QApplication, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_headless(qapp, TickSource(clip_frames=4), FakeAnalyser(), tmp_path / "out")
    rows = rows_of(tmp_path / "out" / PREDICTIONS)
    assert tuple(rows[0]) == COLUMNS
    assert [int(row["frame"]) for row in rows] == list(range(48))
    assert rows[0]["truth"] == "anger" and float(rows[0]["fusion_anger"]) == 0.75
    assert len(video_frames(tmp_path / "out" / VIDEO)) == 48


def test_a_table_of_verdicts_is_printed(
    qapp: QApplication, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_headless(qapp, TickSource(clip_frames=2), FakeAnalyser(), tmp_path)
    printed = capsys.readouterr().out
    assert "scan" in printed and "truth" in printed
    assert "anger 75 % ✓" in printed and "fear 60 % ✗" in printed
    assert "24 frames, 0 of them without a verdict" in printed


def test_max_frames_gives_exactly_as_many_rows(qapp: QApplication, tmp_path: Path) -> None:
    summary = run_headless(qapp, TickSource(), FakeAnalyser(), tmp_path, 7)
    assert summary.frames == len(rows_of(tmp_path / PREDICTIONS)) == 7


def test_frames_without_a_face_keep_their_rows(
    qapp: QApplication, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_headless(qapp, TickSource(), BlindAnalyser(), tmp_path, 5)
    rows = rows_of(tmp_path / PREDICTIONS)
    assert [row["reason"] for row in rows] == ["no face found"] * 5
    assert "5 frames, 5 of them without a verdict" in capsys.readouterr().out


def test_the_picture_is_a_windows_middle(qapp: QApplication, tmp_path: Path) -> None:
    run_headless(qapp, TickSource(), FakeAnalyser(), tmp_path, 10)
    image = QImage(str(tmp_path / PICTURE))
    assert (image.width(), image.height()) == (1280, 720)
    assert to_array(image).std() > 20


def test_the_picture_names_the_scan_that_it_shows(qapp: QApplication) -> None:
    class Surest(FakeAnalyser):
        def analyse(self, frame: RGBDFrame) -> Analysis:
            # Clips of one frame: while the tenth is judged the source has gone on.
            fusion = Expression.HAPPINESS if frame.index == 9 else None
            return analysis_of(frame, fusion=fusion, rgb=None, depth=None)

    source, showcase = TickSource(clip_frames=1), Showcase()
    while (frame := source.read(1.0)) is not None:
        showcase.add(Surest().analyse(frame), source.position)
    picture = showcase.picture(source)
    captions = [label.text() for label in picture.findChildren(QLabel)]
    assert "ticks – M9002, happiness" in captions
    banner = picture.findChild(Banner).text()
    assert "True expression: happiness" in banner and "happiness 75 %" in banner


def test_a_source_without_clips_has_an_empty_chooser(qapp: QApplication, tmp_path: Path) -> None:
    class Camera:
        name = "camera"
        facts = SourceFacts()

        def __init__(self) -> None:
            self._frames = TickSource(clip_frames=1)

        def open(self) -> None:
            self._frames.open()

        def read(self, timeout_s: float) -> RGBDFrame | None:
            return self._frames.read(timeout_s)

        def close(self) -> None:
            self._frames.close()

    summary = run_headless(qapp, Camera(), FakeAnalyser(), tmp_path)
    assert summary.frames == 12
    assert (tmp_path / PICTURE).exists()


def test_progress_is_shown_and_seldom_where_nobody_watches(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for kind, most in ((io.StringIO, 2), (Terminal, 62)):
        monkeypatch.setattr("sys.stderr", kind())
        source = TickSource(render_s=0.02)  # more than a second for all
        run_headless(qapp, source, FakeAnalyser(), tmp_path / kind.__name__, 60)
        shown = sys.stderr.getvalue()
        assert "60/60" in shown
        assert 2 <= shown.count("frame/s") <= most


def test_an_earlier_run_is_kept(
    qapp: QApplication, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for frames in (3, 4, 5):
        run_headless(qapp, TickSource(), FakeAnalyser(), tmp_path, frames)
    kept = [tmp_path / PREVIOUS, tmp_path / f"{PREVIOUS}-2"]
    assert [len(rows_of(place / PREDICTIONS)) for place in (*kept, tmp_path)] == [3, 4, 5]
    assert all((place / name).exists() for place in kept for name in (VIDEO, PICTURE))
    said = capsys.readouterr().err
    assert all(f"kept in {place}." in said for place in kept)
    assert "5/5 [" in said  # progress, though this is no terminal


def test_ctrl_c_leaves_valid_files(qapp: QApplication, tmp_path: Path) -> None:
    class Impatient(FakeAnalyser):
        def analyse(self, frame: RGBDFrame) -> Analysis:
            if frame.index == 6:
                raise KeyboardInterrupt
            return super().analyse(frame)

    source = TickSource()
    with pytest.raises(KeyboardInterrupt):  # which ends the command with status 130
        run_headless(qapp, source, Impatient(), tmp_path)
    assert len(rows_of(tmp_path / PREDICTIONS)) == 6
    assert len(video_frames(tmp_path / VIDEO)) == 6
    assert (tmp_path / PICTURE).exists()
    assert not source.is_open


def test_a_full_disk_is_one_sentence_and_what_is_written_stays_valid(
    qapp: QApplication, tmp_path: Path, full_disk: None
) -> None:
    with pytest.raises(FercoreError, match="what is written so far") as caught:
        run_headless(qapp, TickSource(clip_frames=200), FakeAnalyser(), tmp_path)
    assert "\n" not in str(caught.value)
    rows = rows_of(tmp_path / PREDICTIONS)
    assert len(rows) > 100
    assert len(video_frames(tmp_path / VIDEO)) > 0


def test_a_folder_that_cannot_be_written_is_refused(qapp: QApplication, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FercoreError, match="file"):
        run_headless(qapp, TickSource(), FakeAnalyser(), tmp_path / "file" / "out", 1)


def test_a_picture_whose_folder_is_gone_is_not_told_to_free_space(
    qapp: QApplication, tmp_path: Path
) -> None:
    with pytest.raises(FercoreError, match="its folder is gone"):
        save_picture(qapp, Showcase(), TickSource(), tmp_path / "gone" / PICTURE)


def test_a_source_that_breaks_off_keeps_its_rows(qapp: QApplication, tmp_path: Path) -> None:
    with pytest.raises(FercoreError, match="unplugged"):
        run_headless(qapp, BrokenSource(), FakeAnalyser(), tmp_path)
    assert len(rows_of(tmp_path / PREDICTIONS)) == 2
