"""Quick recording in the window: button, keys, and what ends it."""

from __future__ import annotations

import re
import shutil
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from app_doubles import BlindAnalyser, FakeAnalyser, TickSource, opening
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMenu
from study_fixtures import equipment, no_faces
from window_driver import PATIENCE_MS, action, described, frames_recorded, said, window_of

from app.study.durable import PictureWriter
from app.window.recording_mode import KEPT, RecordingMode, documents_folder
from app.window.widgets.buttons import IDLE, RecordButton
from fercore.errors import CheckpointError
from fercore.expressions import Expression
from fercore.study.events import read_events
from fercore.study.layout import runs_of
from fercore.study.predictions import read_predictions
from fercore.study.run_files import RunState, read_run_record
from fercore.study.study_file import Privacy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from app.sources.base import FrameSource
    from app.start.settings import Settings
    from app.window.main_window import MainWindow
    from fercore.study.layout import RunPlace

RECORD = "Record, or stop recording"


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.recording_folder = tmp_path / "recordings"
    return tmp_path / "recordings"


@pytest.fixture
def show(
    qtbot: QtBot, show_window: Callable[..., MainWindow], settings: Settings, folder: Path
) -> Callable[..., RecordingMode]:
    """Return what shows a playing window that can record."""

    def build(source: FrameSource | None = None) -> RecordingMode:
        window = show_window(source=source or TickSource(3000))
        mode = RecordingMode(window, window.session, settings, equipment, no_faces)
        qtbot.waitUntil(described(window, "anger"), timeout=PATIENCE_MS)
        return mode

    return build


def the_run(folder: Path) -> RunPlace:
    (recording,) = folder.iterdir()
    (place,) = runs_of(recording)
    return place


def test_one_button_starts_and_stops(
    qtbot: QtBot, show: Callable[..., RecordingMode], folder: Path
) -> None:
    mode = show()
    assert mode.button.isVisible() and mode.button.text() == IDLE
    qtbot.mouseClick(mode.button, Qt.MouseButton.LeftButton)
    assert "Recording numbers only into" in said(mode) and str(folder) in said(mode)
    qtbot.waitUntil(lambda: frames_recorded(mode) > 5, timeout=PATIENCE_MS)
    qtbot.mouseClick(mode.button, Qt.MouseButton.LeftButton)
    assert not mode.recording and mode.button.text() == IDLE
    record = read_run_record(the_run(folder).session)
    assert record.state is RunState.COMPLETE
    counts = record.counts
    wanted = rf"Recorded \d\.\d s, {counts.frames} frames, {counts.events} events in .+recording-"
    assert re.search(wanted, said(mode))
    assert len(read_predictions(the_run(folder).predictions)) == record.counts.frames > 5


def test_a_slow_disk_does_not_hold_the_window_up(
    qtbot: QtBot,
    show: Callable[..., RecordingMode],
    settings: Settings,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on = threading.Event()
    write = PictureWriter.write

    def slowly(self: PictureWriter, picture: Any, onset_s: float) -> None:
        go_on.wait(20)
        write(self, picture, onset_s)

    monkeypatch.setattr(PictureWriter, "write", slowly)
    settings.recording_level = Privacy.FULL
    mode = show()
    mode.toggle()
    qtbot.waitUntil(lambda: frames_recorded(mode) > 5, timeout=PATIENCE_MS)
    started_s = time.perf_counter()
    mode.toggle()
    mode.toggle()  # asking again neither waits nor starts another
    assert time.perf_counter() - started_s < 5 and mode.recording
    assert "is being written" in said(mode)
    go_on.set()
    qtbot.waitUntil(lambda: not mode.recording, timeout=PATIENCE_MS)
    assert "Recorded" in said(mode) and mode.button.text() == IDLE
    assert read_run_record(the_run(folder).session).state is RunState.COMPLETE


def test_the_key_does_the_same(
    qtbot: QtBot, show: Callable[..., RecordingMode], folder: Path
) -> None:
    mode = show()
    window_of(mode).activateWindow()
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(window_of(mode), Qt.Key.Key_R, both)
    assert mode.recording
    qtbot.keyClick(window_of(mode), Qt.Key.Key_R, both)
    assert not mode.recording and len(list(folder.iterdir())) == 1


def test_time_size_and_room_stay_in_view(qtbot: QtBot, show: Callable[..., RecordingMode]) -> None:
    mode = show()
    mode.toggle()
    shape = re.compile(r"■ Stop   0:0\d   \d+\.\d MB   \d+\.\d [MG]B left")
    assert shape.match(mode.button.text())
    qtbot.waitUntil(lambda: "0:01" in mode.button.text(), timeout=PATIENCE_MS)
    assert shape.match(mode.button.text())


def test_pictures_are_kept_at_the_chosen_level(
    qtbot: QtBot, show: Callable[..., RecordingMode], folder: Path, settings: Settings
) -> None:
    mode = show()
    levels = next(menu for menu in window_of(mode).findChildren(QMenu) if menu.title() == "&Keep")
    texts = [each.text() for each in levels.actions()]
    assert texts == [words.capitalize() for words in KEPT.values()]
    levels.actions()[-1].trigger()
    assert settings.recording_level is Privacy.FULL
    assert Privacy.FULL.statement in mode.button.toolTip()
    mode.toggle()
    qtbot.waitUntil(lambda: frames_recorded(mode) > 2, timeout=PATIENCE_MS)
    mode.toggle()
    assert the_run(folder).colour.exists() and the_run(folder).depth.exists()
    assert "pictures, " in said(mode)


def test_marked_moments_are_kept(show: Callable[..., RecordingMode], folder: Path) -> None:
    mode = show()
    action(window_of(mode), "Mark this moment").trigger()
    assert "start a recording, then mark moments" in said(mode)
    mode.toggle()
    action(window_of(mode), "Mark this moment").trigger()
    assert "Marked at 0." in said(mode)
    mode.toggle()
    assert "moment" in [event.name for event in read_events(the_run(folder).events)]


def test_closing_the_window_closes_the_files(
    qtbot: QtBot, show: Callable[..., RecordingMode], folder: Path
) -> None:
    mode = show()
    mode.toggle()
    qtbot.waitUntil(lambda: frames_recorded(mode) > 2, timeout=PATIENCE_MS)
    window_of(mode).close()
    record = read_run_record(the_run(folder).session)
    assert record.state is RunState.COMPLETE and record.counts.frames > 2
    assert "the window was closed" in [e.name for e in read_events(the_run(folder).events)]


def test_another_source_ends_it(
    qtbot: QtBot, show: Callable[..., RecordingMode], folder: Path
) -> None:
    mode = show()
    mode.toggle()
    window_of(mode).open_source(opening(TickSource(3000, first=Expression.FEAR)), "others")
    qtbot.waitUntil(lambda: not mode.recording, timeout=PATIENCE_MS)
    assert "Stopped because the source changed. Recorded " in said(mode)
    rows = read_predictions(the_run(folder).predictions)
    assert read_run_record(the_run(folder).session).counts.frames == len(rows)


def test_a_full_disk_ends_it_with_its_sentence(
    qtbot: QtBot,
    show: Callable[..., RecordingMode],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mode = show()
    mode.toggle()
    usage = shutil.disk_usage(folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=5_000_000))
    qtbot.waitUntil(lambda: not mode.recording, timeout=PATIENCE_MS)
    assert mode.button.text() == IDLE and "nearly full" in said(mode)
    assert read_run_record(the_run(folder).session).state is RunState.STOPPED


def test_frames_that_do_not_come_are_said(qtbot: QtBot, show: Callable[..., RecordingMode]) -> None:
    mode = show()
    window_of(mode).transport.play.trigger()  # pauses
    mode.toggle()
    qtbot.waitUntil(lambda: "⚠ no frames come in" in mode.button.text(), timeout=PATIENCE_MS)
    window_of(mode).transport.play.trigger()
    qtbot.waitUntil(lambda: "no frames" not in mode.button.text(), timeout=PATIENCE_MS)


def test_frames_without_a_face_are_recorded_too(
    qtbot: QtBot, show_window: Callable[..., MainWindow], settings: Settings, folder: Path
) -> None:
    window = show_window(load=BlindAnalyser)
    mode = RecordingMode(window, window.session, settings, equipment, no_faces)
    qtbot.waitUntil(lambda: "no face found" in window.banner.text(), timeout=PATIENCE_MS)
    mode.toggle()
    qtbot.waitUntil(lambda: frames_recorded(mode) > 2, timeout=PATIENCE_MS)


def test_it_refuses_in_one_sentence_while_a_run_is_recorded(
    show: Callable[..., RecordingMode], folder: Path
) -> None:
    mode = show()
    window_of(mode).arbiter.study = SimpleNamespace(recording=True)
    mode.toggle()
    assert not mode.recording and not folder.exists()
    assert "No quick recording: a run of the study is being recorded." in said(mode)
    window_of(mode).arbiter.study = None


def test_without_networks_nothing_is_recorded_and_the_picture_says_why(
    qtbot: QtBot, show_window: Callable[..., MainWindow], settings: Settings, folder: Path
) -> None:
    def load() -> FakeAnalyser:
        raise CheckpointError("weights of fusion-resnet50 are damaged; fetch them again")

    window = show_window(load=load)
    mode = RecordingMode(window, window.session, settings, equipment, no_faces)
    why = "The networks cannot be loaded: weights of fusion-resnet50 are damaged; fetch them again."
    qtbot.waitUntil(lambda: window.colour_view.notice == why, timeout=PATIENCE_MS)
    mode.toggle()
    assert not mode.recording and not folder.exists()
    assert f"Nothing can be recorded. {why}" in said(mode)


def test_the_folder_can_be_chosen_and_is_remembered(
    show: Callable[..., RecordingMode],
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mode = show()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "elsewhere"))
    mode._choose_folder()
    assert settings.recording_folder == tmp_path / "elsewhere"
    assert str(tmp_path / "elsewhere") in mode.button.toolTip()
    mode.toggle()
    assert len(list((tmp_path / "elsewhere").iterdir())) == 1
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    mode._choose_folder()
    assert settings.recording_folder == tmp_path / "elsewhere"


def test_unless_chosen_it_is_among_the_documents(settings: Settings) -> None:
    assert settings.recording_folder is None and settings.recording_level is Privacy.DERIVED
    assert documents_folder().name == "fercore"


def test_a_folder_that_cannot_be_written_is_said(
    show: Callable[..., RecordingMode], settings: Settings, tmp_path: Path
) -> None:
    mode = show()
    (tmp_path / "file").write_text("", "utf-8")
    settings.recording_folder = tmp_path / "file"
    mode.toggle()
    assert not mode.recording and "cannot be written" in said(mode)


def test_hours_and_gigabytes_are_short(qtbot: QtBot) -> None:
    button = RecordButton()
    qtbot.addWidget(button)
    button.show_recording(3727.9, 2_340_000_000, 640_000_000, "3 lost")
    assert button.text() == "■ Stop   1:02:07   2.3 GB   640.0 MB left   ⚠ 3 lost"
    button.show_idle()
    assert button.text() == IDLE


def test_the_window_still_fits_a_small_screen(show: Callable[..., RecordingMode]) -> None:
    mode = show()
    mode.toggle()
    window_of(mode).resize(200, 200)
    assert window_of(mode).width() <= 800
