"""A session from the form to files that open, in the window, with a rendered face."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import pytest
from app_doubles import FakeAnalyser, opening
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit
from study_fixtures import write_study
from window_driver import action, window_of

from app.live.session import Session
from app.sources.scans.synthetic import SyntheticSource
from app.start.logs import Troubles
from app.start.settings import Settings
from app.window.main_window import MainWindow
from app.window.study.mode import StudyMode
from app.window.study.recording_line import IDLE
from fercore.cli import main
from fercore.errors import FercoreError
from fercore.study.events import MARKER, NOTE, read_events
from fercore.study.layout import runs_of
from fercore.study.media import count_pictures
from fercore.study.predictions import read_predictions
from fercore.study.recover import sole_writer
from fercore.study.run_files import RunState, Weights, read_run_record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from app.window.study.dock import StudyDock
    from fercore.study.layout import RunPlace

PATIENCE_MS = 20_000


@pytest.fixture
def troubles() -> Iterator[Troubles]:
    handler = Troubles()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def mode(qtbot: QtBot, tmp_path: Path, troubles: Troubles) -> Iterator[StudyMode]:
    """Return study mode of a window that plays the rendered face; see that no thread is left."""
    before = set(threading.enumerate())
    session = Session(FakeAnalyser)
    settings = Settings(tmp_path / "s.json")
    window = MainWindow(session, settings, troubles)
    qtbot.addWidget(window)
    mode = StudyMode(window, session, lambda: (Weights("fusion-resnet50", "0" * 64),))
    window.begin(opening(SyntheticSource()), "synthetic")
    window.show()
    # A source that is still being opened cannot be stopped.
    qtbot.waitUntil(lambda: session.source is not None, timeout=PATIENCE_MS)
    yield mode
    window.close()
    assert set(threading.enumerate()) <= before


def opened(mode: StudyMode, folder: Path) -> StudyDock:
    mode.open(folder)
    assert mode.dock is not None
    return mode.dock


def begin_session(dock: StudyDock, subject: str = "01", age: str = "30") -> None:
    dock.form.subject.setText(subject)
    field = dock.form.fields["age"]
    assert isinstance(field, QLineEdit)
    field.setText(age)
    dock.form.begin.click()


def override_red_checks(dock: StudyDock, qtbot: QtBot) -> None:
    """Wait until frames are judged, then give a reason for whatever is red."""
    qtbot.waitUntil(lambda: finding(dock, "light") != "no face", timeout=PATIENCE_MS)
    for check in dock.checklist.checks():
        dock.checklist.reason(check.item).setText("this is a rehearsal")


def finding(dock: StudyDock, item: str) -> str:
    return next(check.finding for check in dock.checklist.checks() if check.item == item)


def frames(mode: StudyMode) -> int:
    assert mode.desk is not None
    progress = mode.desk.progress()
    return progress.counts.frames if progress is not None else 0


def press(qtbot: QtBot, mode: StudyMode, key: Qt.Key) -> None:
    qtbot.keyClick(mode.parent(), key)


def markers(place: RunPlace) -> list[str]:
    return [event.name for event in read_events(place.events) if event.type == MARKER]


@pytest.mark.parametrize("privacy", ["derived", "blurred", "full"])
def test_from_the_form_to_files_that_open(
    privacy: str, qtbot: QtBot, mode: StudyMode, tmp_path: Path
) -> None:
    folder = write_study(tmp_path / "study", privacy, "mjpeg")
    dock = opened(mode, folder)
    begin_session(dock)
    assert dock.form.message.text() == "Participant 01, session 1."
    dock.sheet.start.click()
    assert "mend it or give a reason" in dock.sheet.message.text()
    override_red_checks(dock, qtbot)
    conditions = []
    for _ in range(2):
        block = dock.sheet.block
        assert block is not None
        conditions.append(block.condition)
        dock.sheet.start.click()
        qtbot.waitUntil(lambda: frames(mode) > 5, timeout=PATIENCE_MS)
        press(qtbot, mode, Qt.Key.Key_F5)
        assert dock.line.text().startswith("● RECORDING 0:0") and "0 dropped" in dock.line.text()
        assert not dock.form.isEnabled() and not dock.links.isEnabled()
        press(qtbot, mode, Qt.Key.Key_F5)
        dock.sheet.stop.click()
        # On a busy machine the pictures are still being blurred.
        said = dock.sheet.message
        qtbot.waitUntil(lambda s=said: s.text().startswith("Recorded: "), timeout=PATIENCE_MS)
        assert dock.line.text() == IDLE
        dock.sheet.next.click()
    assert dock.sheet.block is None
    assert not dock.sheet.start.isEnabled()

    places = runs_of(folder)
    records = [read_run_record(place.session) for place in places]
    assert conditions == [record.condition for record in records] == ["calm", "happy"]
    for place, record in zip(places, records, strict=True):
        assert record.state is RunState.COMPLETE and record.synthetic
        assert record.weights[0].pipeline == "fusion-resnet50"
        assert len(read_predictions(place.predictions)) == record.counts.frames > 5
        assert markers(place) == ["stimulus", "stimulus"]
        for path, kept in (
            (place.colour, record.counts.colour_pictures),
            (place.depth, record.counts.depth_maps),
        ):
            assert (count_pictures(path) if path.exists() else 0) == kept
        assert (record.counts.colour_pictures > 0) is (privacy != "derived")
        assert (record.counts.depth_maps > 0) is (privacy == "full")
        overridden = [check for check in record.checklist if not check.passed]
        assert {check.overridden_because for check in overridden} <= {"this is a rehearsal"}
        noted = [event.name for event in read_events(place.events) if event.type == NOTE]
        assert all(any(check.item in name for name in noted) for check in overridden)


def test_other_networks_end_a_baseline_that_is_being_recorded(
    qtbot: QtBot, mode: StudyMode, tmp_path: Path
) -> None:
    dock = opened(mode, write_study(tmp_path / "study", baseline=True))
    begin_session(dock)
    qtbot.waitUntil(lambda: window_of(mode).session.source is not None, timeout=PATIENCE_MS)
    dock.baseline.start.click()
    assert dock.baseline.running
    window_of(mode).session.change_networks(lambda: FakeAnalyser())
    qtbot.waitUntil(lambda: not dock.baseline.running, timeout=PATIENCE_MS)
    assert dock.baseline.message.text() == "Other networks judge now; record the baseline again."
    assert mode.desk is not None
    with pytest.raises(FercoreError, match="No baseline was begun"):
        mode.desk.baseline.finish("01", "1")


def test_another_source_is_asked_for_and_marks_the_run(
    qtbot: QtBot, mode: StudyMode, tmp_path: Path, questions: list[str]
) -> None:
    folder = write_study(tmp_path / "study")
    dock = opened(mode, folder)
    begin_session(dock)
    override_red_checks(dock, qtbot)
    window, before = window_of(mode), window_of(mode).session.source
    dock.sheet.start.click()
    qtbot.waitUntil(lambda: frames(mode) > 2, timeout=PATIENCE_MS)
    window._open_named("synthetic:2")
    assert "the report will say that the source was changed" in questions[-1]
    qtbot.waitUntil(lambda: window_of(mode).session.source is not before, timeout=PATIENCE_MS)
    after = window_of(mode).session.source
    assert after is not None
    remark = f"the source changed to {after.name}"
    dock.refresh()
    dock.sheet.stop.click()
    (place,) = runs_of(folder)
    assert read_run_record(place.session).remarks == (remark,)
    assert remark in [event.name for event in read_events(place.events)]
    assert main(["study-report", str(folder)]) == 0
    page = next(folder.rglob("*.html")).read_text(encoding="utf-8")
    assert f"In {place.folder.name} {remark}." in page


def test_closing_the_window_closes_the_run(
    qtbot: QtBot,
    mode: StudyMode,
    tmp_path: Path,
    questions: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = write_study(tmp_path / "study")
    dock = opened(mode, folder)
    begin_session(dock)
    override_red_checks(dock, qtbot)
    dock.sheet.start.click()
    qtbot.waitUntil(lambda: frames(mode) > 2, timeout=PATIENCE_MS)
    press(qtbot, mode, Qt.Key.Key_F5)
    window = mode.parent()
    assert isinstance(window, MainWindow)
    with monkeypatch.context() as patch:
        patch.setattr("app.window.main_window.is_confirmed", lambda *_: False)
        window.close()
    assert window.isVisible() and mode.desk is not None and mode.desk.recording
    window.close()
    assert "not count as complete. Quit nevertheless?" in questions[-1]
    (place,) = runs_of(folder)
    record = read_run_record(place.session)
    assert record.state is RunState.EARLY
    assert record.problem == "The study was closed while it recorded."
    assert markers(place) == ["stimulus"]
    with sole_writer(place):
        pass  # the run is free for whoever exports or withdraws it


def test_the_form_refuses_to_overwrite(mode: StudyMode, tmp_path: Path) -> None:
    dock = opened(mode, write_study(tmp_path / "study", "blurred"))
    begin_session(dock, age="thirty")
    assert dock.form.message.text() == "`age` must be a whole number, not 'thirty'."
    begin_session(dock)
    begin_session(dock)
    assert "sub-01 exists already" in dock.form.message.text()
    begin_session(dock, "1")
    assert "could be mistaken" in dock.form.message.text()


def test_a_study_cannot_take_the_windows_keys(mode: StudyMode, tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    path = folder / "study.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('key = "F5"', 'key = "F11"'), encoding="utf-8")
    with pytest.raises(FercoreError, match="'F11' of the marker 'stimulus' is taken by 'Full"):
        mode.open(folder)
    path.write_text(text.replace('key = "F5"', 'key = "Foo"'), encoding="utf-8")
    with pytest.raises(FercoreError, match="which is none"):
        mode.open(folder)


def test_the_remote_control_shows_its_token(mode: StudyMode, tmp_path: Path) -> None:
    from fercore.study.remote_client import RemoteClient, RemoteError

    links = opened(mode, write_study(tmp_path / "study")).links
    assert not (links.remote.isChecked() or links.lsl.isChecked() or links.token.text())
    links.port.setValue(0)
    links.remote.click()
    port = int(links.message.text().rstrip(".").split()[-1])
    with RemoteClient("127.0.0.1", port, links.token.text()) as client:
        assert client.status()["recording"] is False
        with pytest.raises(RemoteError, match="enrol the participant first"):
            client.start("01", "1", "video", "calm")
    links.remote.click()
    assert not links.token.text() and not links.remote.isChecked()
    links.interface.setText("localhost")
    links.remote.click()
    assert "no IP address" in links.message.text() and not links.remote.isChecked()


def test_no_snapshot_is_taken_while_a_study_is_open(mode: StudyMode, tmp_path: Path) -> None:
    opened(mode, write_study(tmp_path / "study"))
    window = window_of(mode)
    action(window, "Take a snapshot").trigger()
    assert "in its runs alone" in window.status.text()
    mode.close()
    window.arbiter.require_snapshot()
