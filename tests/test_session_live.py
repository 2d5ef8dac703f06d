"""A camera in the session and in the window: always live, lost and found again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from app_doubles import FakeAnalyser, TickSource, opening, sample_frame
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QSlider
from session_driver import next_shown, settle, until

from app.live.session import Session, State
from app.sources.base import Condition, Control, Health, SourceFacts, SourceTimeout
from app.sources.realsense.camera import RealSenseSource
from app.start.logs import Troubles
from app.start.settings import Settings
from app.window.main_window import MainWindow
from app.window.widgets.banner import Banner
from app.window.widgets.camera_options import CameraOptions
from app.window.widgets.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from camera_doubles import Bench
    from pytestqt.qtbot import QtBot

    from fercore.structures import RGBDFrame

PATIENCE_MS = 20_000
POWER = Control("laser_power", "Laser power", 150, 0, 360, 30, "mW")
PRESET = Control("preset", "Preset", 1, 0, 2, 1, "", ((0, "Custom"), (1, "Hand"), (2, "Face")))
SMOOTH = Control("spatial_filter", "Smooth", 1, 0, 1, 1)


class Camera:
    """A camera at thirty frames a second that can be lost, or send nothing."""

    name = "camera"
    facts = SourceFacts()

    def __init__(self) -> None:
        self.condition = Condition(Health.GOOD)
        self.controls: tuple[Control, ...] = (POWER, PRESET, SMOOTH)
        self.adjusted: list[tuple[str, float]] = []
        self.index = 0

    def open(self) -> None:
        pass

    def read(self, timeout_s: float) -> RGBDFrame | None:
        import time

        time.sleep(0.02)
        if self.condition.health is Health.LOST:
            raise SourceTimeout(self.condition.sentence)
        self.index += 1
        return sample_frame(self.index)

    def adjust(self, name: str, value: float) -> None:
        self.adjusted.append((name, value))

    def close(self) -> None:
        pass


def test_a_camera_is_live_from_the_start_and_cannot_be_paused(
    make_session: Callable[..., Session],
) -> None:
    session = make_session()
    camera = Camera()
    session.open(opening(camera))
    until(session, lambda: session.state is State.LIVE)
    next_shown(session)
    session.pause()
    session.step()
    before = camera.index
    settle(session)
    assert session.state is State.LIVE and camera.index > before + 5
    assert session.condition == Condition(Health.GOOD)


def test_a_camera_shows_itself_while_networks_load(make_session: Callable[..., Session]) -> None:
    import threading

    loaded = threading.Event()

    def load() -> FakeAnalyser:
        loaded.wait(10)
        return FakeAnalyser()

    session = make_session(load)
    session.open(opening(Camera()))
    shown = [next_shown(session) for _ in range(3)]
    assert session.state is State.LOADING
    assert len({analysis.frame.index for analysis in shown}) == 3
    assert all(analysis.verdicts is None for analysis in shown)
    loaded.set()
    until(session, lambda: session.state is State.LIVE)


def test_a_lost_camera_is_told_and_comes_back(
    make_session: Callable[..., Session], bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    session = make_session()
    bench.plug_in()
    session.open(opening(RealSenseSource(bus=bench)))
    until(session, lambda: session.state is State.LIVE)
    next_shown(session)
    bench.pull_out()
    until(session, lambda: session.state is State.RECONNECTING)
    settle(session)
    bench.plug_in()
    until(session, lambda: session.state is State.LIVE)
    assert next_shown(session).verdicts is not None
    assert caplog.text.count("was unplugged") == 1
    assert caplog.text.count("is back") == 1
    assert "Traceback" not in caplog.text


def test_a_replay_has_no_condition(make_session: Callable[..., Session]) -> None:
    session = make_session()
    session.open(opening(TickSource()))
    until(session, lambda: session.state is State.PLAYING)
    assert session.condition is None


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    settings = Settings(tmp_path / "s.json")
    troubles = Troubles()
    logging.getLogger().addHandler(troubles)
    made = MainWindow(Session(FakeAnalyser), settings, troubles)
    qtbot.addWidget(made)
    yield made
    made.close()
    logging.getLogger().removeHandler(troubles)


def test_the_window_of_a_camera(qtbot: QtBot, window: MainWindow) -> None:
    camera = Camera()
    window.begin(opening(camera), "realsense")
    window.show()
    qtbot.waitUntil(lambda: "live" in window.banner.text(), timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: "Fusion" in window.banner.text(), timeout=PATIENCE_MS)
    assert window.transport.isHidden() and window.camera.options.isVisible()
    assert "True expression" not in window.banner.text()
    qtbot.keyClick(window, Qt.Key.Key_Space)
    camera.condition = Condition(Health.DOUBTFUL, "camera measures no depth at all.")
    qtbot.waitUntil(lambda: "no depth at all" in window.banner.text(), timeout=PATIENCE_MS)
    assert "Fusion" in window.banner.text()
    camera.condition = Condition(Health.LOST, "camera was unplugged; plug it in again.")
    qtbot.waitUntil(lambda: "reconnecting…" in window.banner.text(), timeout=PATIENCE_MS)
    qtbot.wait(200)
    assert "Fusion" not in window.banner.text() and "plug it in again" in window.banner.text()
    assert window.status.text().startswith("reconnecting…")
    camera.condition = Condition(Health.GOOD)
    qtbot.waitUntil(lambda: "Fusion" in window.banner.text(), timeout=PATIENCE_MS)
    assert "plug it in" not in window.banner.text()


def test_after_a_camera_a_replay_has_its_transport_again(qtbot: QtBot, window: MainWindow) -> None:
    window.begin(opening(Camera()), "realsense")
    window.show()
    qtbot.waitUntil(window.transport.isHidden, timeout=PATIENCE_MS)
    window.open_source(opening(TickSource()), "ticks")
    qtbot.waitUntil(window.transport.isVisible, timeout=PATIENCE_MS)
    assert window.camera.options.isHidden()
    transport = window.transport
    assert all(a.isEnabled() for a in (transport.play, transport.step, transport.faster))
    assert "live" not in window.banner.text()


def test_a_setting_of_the_dock_reaches_the_camera(qtbot: QtBot, window: MainWindow) -> None:
    camera = Camera()
    window.begin(opening(camera), "realsense")
    window.show()
    qtbot.waitUntil(window.camera.options.isVisible, timeout=PATIENCE_MS)
    window.camera.options.findChildren(QCheckBox)[0].setChecked(False)
    assert camera.adjusted == [("spatial_filter", 0.0)]


def test_the_dock_offers_slider_choice_and_switch(qtbot: QtBot) -> None:
    dock = CameraOptions()
    qtbot.addWidget(dock)
    chosen: list[tuple[str, float]] = []
    dock.chosen.connect(lambda name, value: chosen.append((name, value)))
    dock.set_settings((POWER, PRESET, SMOOTH))
    slider, box = dock.findChildren(QSlider)[0], dock.findChildren(QComboBox)[0]
    assert (slider.maximum(), slider.value()) == (12, 5)
    assert slider.accessibleName() == "Laser power" and box.currentText() == "Hand"
    slider.setValue(7)
    box.activated.emit(2)
    assert chosen == [("laser_power", 210.0), ("preset", 2.0)]
    form = dock.widget()
    dock.set_settings((POWER, PRESET, SMOOTH))
    assert dock.widget() is form


def test_a_slider_of_a_wide_range_gives_values_the_camera_takes(qtbot: QtBot) -> None:
    dock = CameraOptions()
    qtbot.addWidget(dock)
    chosen: list[float] = []
    dock.chosen.connect(lambda _name, value: chosen.append(value))
    dock.set_settings((Control("exposure", "Exposure", 8500, 1, 165000, 1, "µs"),))
    slider = dock.findChildren(QSlider)[0]
    slider.setValue(slider.maximum())
    slider.setValue(100)
    assert chosen[0] == 165000
    assert chosen[1] == pytest.approx(16501, abs=10) and chosen[1] == round(chosen[1])


def test_the_banner_shows_a_camera_before_any_frame(qtbot: QtBot) -> None:
    banner = Banner()
    qtbot.addWidget(banner)
    assert banner.text() == " | "
    banner.show_camera("lost", "reconnecting…", "It was unplugged.")
    assert banner.text().endswith("⟳ reconnecting… | It was unplugged.")
    banner.show_camera("good", "", "")
    assert banner.text() == " | "


def test_the_transport_of_a_recording_has_nothing_to_choose(qtbot: QtBot) -> None:
    transport = Transport()
    qtbot.addWidget(transport)
    transport.resize(1200, 40)  # else what does not fit is hidden too
    transport.show()
    transport.set_clips([])
    transport.set_live(False)
    assert transport.isVisible() and transport.play.isEnabled()
    assert [box.isVisible() for box in transport.findChildren(QComboBox)] == [False, False, True]
    transport.set_clips([("F9001", "anger")])
    boxes = transport.findChildren(QComboBox)
    qtbot.waitUntil(lambda: all(box.isVisible() for box in boxes), timeout=PATIENCE_MS)
