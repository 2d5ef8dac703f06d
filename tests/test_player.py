"""The player: any frame of any recording is gone to, and own recordings say what was said then."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from app_doubles import FakeAnalyser, analysis_of, calm_prediction, write_tree
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QFileDialog
from study_fixtures import made_up, open_desk, record_run, write_study
from window_driver import PATIENCE_MS, action, state

from app.headless.picture import Showcase
from app.sources import runs
from app.sources.base import Remembering, Seekable, SourceError
from app.sources.choice import opened_source, source_named
from app.sources.runs import RunSource
from app.window.widgets.banner import Banner
from fercore.expressions import VERDICT_LABELS, Expression
from fercore.structures import Verdicts
from fercore.study.layout import run_place
from fercore.study.media import depth_maps
from fercore.study.participants import enrol
from fercore.study.predictions import read_predictions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot

    from app.window.main_window import MainWindow
    from fercore.structures import Analysis, FloatArray, RGBDFrame
    from fercore.study.layout import RunPlace


def write_pictures(folder: Path, count: int = 30) -> Path:
    """Write pictures that are as bright as their number says."""
    folder.mkdir()
    for number in range(count):
        picture = np.full((48, 64, 3), 5 * number, np.uint8)
        Image.fromarray(picture).save(folder / f"{number:03d}.png")
    return folder


def write_video(path: Path, count: int = 50) -> Path:
    """Write a video of 25 frames a second with a key frame every ten, as bright as their number."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.gop_size = 10
        for number in range(count):
            picture = np.full((48, 64, 3), 40 + 4 * number, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def make(kind: str, folder: Path) -> str:
    """Write a recording of a kind; return its path."""
    if kind == "pictures":
        return str(write_pictures(folder / "pictures"))
    if kind == "video":
        return str(write_video(folder / "video.mp4"))
    if kind == "scans":
        return str(write_tree(folder / "tree", "F9001_NE00WH", "F9001_AN04WH", "F9001_HA04WH"))
    return str(record_run(write_study(folder / "study", "full")).folder)


@pytest.mark.parametrize("kind", ["pictures", "video", "scans", "run"])
def test_every_frame_is_gone_to(kind: str, tmp_path: Path) -> None:
    source = opened_source(make(kind, tmp_path))
    assert isinstance(source, Seekable)
    seen = []
    while (frame := source.read(1.0)) is not None:
        assert source.place == len(seen)
        seen.append(frame.rgb.mean())
    assert len(seen) == source.frame_count
    stamp_s = 0.0
    for place in (len(seen) - 1, 3, 4, 11 % len(seen), 0, 10_000):
        source.go_to(place)
        frame = source.read(1.0)
        assert frame is not None and frame.timestamp_s >= stamp_s
        stamp_s = frame.timestamp_s
        assert source.place == min(place, len(seen) - 1)
        # A replayed head moves on meanwhile.
        assert frame.rgb.mean() == pytest.approx(
            seen[source.place], abs=0.5 if kind != "scans" else 9
        )
    source.close()


@pytest.mark.parametrize("kind", ["pictures", "video", "run"])
def test_a_frame_that_is_gone_to_again_and_again_has_a_clock(kind: str, tmp_path: Path) -> None:
    source = opened_source(make(kind, tmp_path))
    assert isinstance(source, Seekable)
    for go in (lambda: source.go_to(5), lambda: source.seek(0)):
        for _ in range(4):
            go()
            frame = source.read(1.0)
            assert frame is not None and frame.remark == ""
    source.close()


def test_a_run_remembers_what_was_said_and_what_happened(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", "full")
    record_run(study)
    record_run(study, condition="happy")
    source = opened_source(str(study))
    assert isinstance(source, Remembering)
    assert [clip.label for clip in source.clips] == ["video, run 1", "video, run 2"]
    source.read(1.0)
    stored = source.stored(source.position, source.place)
    assert stored is not None and stored.fusion is not None and stored.fusion.label == "anger"
    told = [text for _, text in source.moments(0)]
    assert "stimulus" in told and "run_start" not in told
    frames = 1 + sum(1 for _ in iter(lambda: source.read(1.0), None))
    assert source.position == 1 and frames == 24
    source.close()


def record_with_a_pause(study: Path) -> tuple[RunPlace, list[float]]:
    """Record six frames, three of them after a pause of two seconds; return when they came."""
    desk = open_desk(study)
    enrol(study, desk.study, "01", {"age": "30"})
    name = desk.start("01", "1", "video", "calm")
    start_s = time.monotonic()
    for number, analysis in enumerate(made_up(6)):
        desk.add(analysis, start_s + number / 10 + 2 * (number > 2))
    desk.mark("stimulus", "key", start_s + 2.35, 0.008)
    desk.close()
    place = run_place(study, name)
    return place, read_predictions(place.predictions).time_s.tolist()


def test_runs_have_the_times_at_which_they_were_recorded(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", "full")
    _, times_s = record_with_a_pause(study)
    record_run(study, condition="happy")
    source = opened_source(str(study))
    assert isinstance(source, Remembering)
    frames = list(iter(lambda: source.read(1.0), None))
    assert source.position == 1
    # What plays is the second run; what is shown may be of the first.
    first, second = source.span(0), source.span(1)
    assert [first.time_of(place) for place in range(6)] == times_s
    assert times_s[3] - times_s[2] == pytest.approx(2.1, abs=0.002)
    assert [first.place_at(s) for s in (0, *times_s, times_s[2] + 1, times_s[2] + 1.1, 99)] == [
        *(0, 0, 1, 2, 3, 4, 5, 2, 3, 5)
    ]
    assert first.length_s >= times_s[-1] and second.frame_count == 12
    onset_s = next(s for s, text in source.moments(0) if text == "stimulus")
    assert times_s[3] < onset_s < times_s[4]
    assert source.stored(0, 11) is None and source.stored(1, 11) is not None
    stamps_s = np.array([frame.timestamp_s for frame in frames])
    assert np.diff(stamps_s[:6]) == pytest.approx(np.diff(times_s), abs=1e-6)
    # The second has three times the rate of the first; time goes on all the same.
    assert np.diff(stamps_s[6:]) == pytest.approx(1 / 30, abs=0.002)
    assert 0 < stamps_s[6] - stamps_s[5] < 0.2
    source.close()


def test_bar_timeline_and_seeking_know_a_pause_and_whose_run_is_shown(
    qtbot: QtBot, show_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    study = write_study(tmp_path / "study", "full")
    _, times_s = record_with_a_pause(study)
    record_run(study, condition="happy")
    window = show_window(source_named(str(study)))
    qtbot.waitUntil(state(window, "ended"), timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: window.seek_bar.slider.value() == 11, timeout=PATIENCE_MS)
    assert window.seek_bar.slider.maximum() == 11  # of the second run
    window.transport.clip_chosen.emit(0)
    qtbot.waitUntil(lambda: window.seek_bar.slider.maximum() == 5, timeout=PATIENCE_MS)
    window.transport.clip_chosen.emit(0)
    window.session.pause()
    window.timeline.sought.emit(times_s[3] - 0.1)
    bar, length_s = window.seek_bar, window.player._span.length_s
    qtbot.waitUntil(lambda: bar.slider.value() == 3, timeout=PATIENCE_MS)
    assert bar.text().strip() == f"0:{times_s[3]:04.1f} / 0:{length_s:04.1f}"
    assert f"{times_s[3]:.4f}\t" in window.timeline.table()


def test_what_is_shown_is_of_its_own_run_though_the_source_is_at_the_next(
    qtbot: QtBot, show_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    study = write_study(tmp_path / "study", "full")
    record_run(study)
    record_run(study, analyses=made_up(4, Expression.FEAR), markers=())
    window = show_window(source_named(str(study)))
    qtbot.waitUntil(state(window, "ended"), timeout=PATIENCE_MS)
    judged = window.panel.judged
    assert judged is not None and judged.arrival.clip == 1
    late = judged._replace(arrival=judged.arrival._replace(clip=0, place=9))
    window.present(late)
    assert window.seek_bar.slider.maximum() == 11 and window.seek_bar.slider.value() == 9
    assert window.banner.text().startswith("Recorded: anger")
    window.present(judged)
    assert window.seek_bar.slider.maximum() == 3
    assert window.banner.text().startswith("Recorded: fear")


def test_a_run_without_pictures_is_refused_with_a_cure(tmp_path: Path) -> None:
    run = record_run(write_study(tmp_path / "study", "derived"))
    with pytest.raises(Exception, match="kept no picture to be shown; `fercore report`"):
        opened_source(str(run.folder))


def test_any_number_of_runs_without_pictures_is_passed_over(tmp_path: Path) -> None:
    bare = record_run(write_study(tmp_path / "bare", "derived"))
    shown = record_run(write_study(tmp_path / "shown", "full"))
    with pytest.raises(SourceError, match="kept no picture to be shown"):
        RunSource([bare] * 600, "runs").open()
    source = RunSource([*[bare] * 600, shown], "runs")
    source.open()
    assert sum(1 for _ in iter(lambda: source.read(1.0), None)) == 12
    source.close()


def test_a_run_is_opened_once_and_its_damage_is_the_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = write_study(tmp_path / "study", "full")
    places = [record_run(study), record_run(study)]
    source, opened = RunSource(places, "runs"), []

    def noted(path: Path, unit_m: float, from_s: float) -> Iterator[tuple[float, FloatArray]]:
        opened.append(path)
        return depth_maps(path, unit_m, from_s)

    source.open()
    monkeypatch.setattr(runs, "depth_maps", noted)
    source.seek(1)
    assert opened == [places[1].depth]
    places[1].depth.write_bytes(b"damaged")
    with pytest.raises(SourceError, match="no readable video"):
        source.seek(1)
    source.close()


def test_the_bar_the_timeline_and_keys_go_to_frames(
    qtbot: QtBot, show_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    window = show_window(source_named(str(write_pictures(tmp_path / "pictures"))))
    qtbot.waitUntil(state(window, "ended"), timeout=PATIENCE_MS)
    assert window.seek_bar.isVisible() and window.seek_bar.text().strip() == "0:01.0 / 0:01.0"
    window.seek_bar.sought.emit(12)
    qtbot.waitUntil(lambda: window.seek_bar.slider.value() == 12, timeout=PATIENCE_MS)
    action(window, "Step one frame back").trigger()
    qtbot.waitUntil(lambda: window.seek_bar.slider.value() == 11, timeout=PATIENCE_MS)
    action(window, "Step one frame").trigger()
    qtbot.waitUntil(lambda: window.seek_bar.slider.value() == 12, timeout=PATIENCE_MS)
    window.timeline.sought.emit(0.5)
    qtbot.waitUntil(lambda: window.seek_bar.slider.value() == 15, timeout=PATIENCE_MS)
    slider = window.seek_bar.slider
    qtbot.mouseClick(slider, Qt.MouseButton.LeftButton, pos=QPoint(slider.width() - 1, 5))
    qtbot.waitUntil(lambda: slider.value() == 29, timeout=PATIENCE_MS)


def test_what_was_recorded_stands_beside_what_is_said_now(
    qtbot: QtBot, show_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    run = record_run(write_study(tmp_path / "study", "full"))
    window = show_window(source_named(str(run.folder)))
    said = "Recorded: anger 75 % | Fusion: happiness 75 %"
    qtbot.waitUntil(lambda: window.banner.text() == said, timeout=PATIENCE_MS)
    now_and_then = "happiness 75 %; recorded: anger 75 %"
    assert window.charts[0].accessibleDescription() == now_and_then


class Calm(FakeAnalyser):
    """Says calm, of which scans know whether it is right."""

    def analyse(self, frame: RGBDFrame) -> Analysis:
        calm = calm_prediction(0.8, frame.timestamp_s)
        return replace(analysis_of(frame), verdicts=Verdicts(calm, calm, calm))


def test_of_people_who_were_recorded_nobody_knows_what_would_be_right(
    qtbot: QtBot, qapp: QApplication, show_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    study = write_study(tmp_path / "study", "full")
    record_run(study)
    record_run(study, condition="happy")
    for source, told in (
        (source_named(str(study)), "Recorded: anger 75 % | Fusion: calm 80 %"),
        (source_named(make("scans", tmp_path)), "True expression: neutral | Fusion: calm 80 % | ✓"),
    ):
        window = show_window(source, Calm)
        qtbot.waitUntil(lambda w=window, t=told: w.banner.text().startswith(t), timeout=PATIENCE_MS)
        assert ("correct" in window.banner.text()) is ("✓" in told)
        showcase, frame = Showcase(), window.panel.judged.analysis.frame
        window.close()
        showcase.add(Calm().analyse(frame), 0)
        picture = showcase.picture(source)
        assert ("correct" in picture.findChild(Banner).text()) is ("✓" in told)


def test_what_is_dropped_is_opened(
    qtbot: QtBot, show_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    window = show_window()
    folder = write_pictures(tmp_path / "pictures", 3)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(folder))])
    event = QDropEvent(
        window.rect().center().toPointF(),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    window.dropEvent(event)
    title = f"{folder} – rgbd-fer"
    qtbot.waitUntil(lambda: window.windowTitle() == title, timeout=PATIENCE_MS)


def test_the_timeline_is_exported(
    qtbot: QtBot,
    show_window: Callable[..., MainWindow],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    window = show_window(source_named(str(write_pictures(tmp_path / "pictures"))), FakeAnalyser)
    qtbot.waitUntil(state(window, "ended"), timeout=PATIENCE_MS)
    for ending in ("svg", "png", "tsv"):
        path = tmp_path / f"timeline.{ending}"
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, path=path: (str(path), ""))
        action(window, "Export the timeline…").trigger()
        assert path.stat().st_size > 100
    lines = (tmp_path / "timeline.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[0].split("\t") == ["time_s", *VERDICT_LABELS, "truth"]
    happiness = [float(line.split("\t")[1 + Expression.HAPPINESS.position]) for line in lines[1:]]
    assert happiness == pytest.approx([0.75] * len(happiness))
