"""The menu of networks: others are loaded while those of now judge, and never in a recording."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from app_doubles import FakeAnalyser, analysis_of
from window_driver import PATIENCE_MS, described, state

from app.window.networks import NetworkChoice, Networks
from fercore.errors import CheckpointError
from fercore.expressions import Expression
from fercore.study.run_files import Weights

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from pytestqt.qtbot import QtBot

    from app.live.inference import Judged
    from app.window.main_window import MainWindow
    from fercore.structures import Analysis, RGBDFrame


class Sad(FakeAnalyser):
    """Says sadness, always."""

    def analyse(self, frame: RGBDFrame) -> Analysis:
        return analysis_of(frame, fusion=Expression.SADNESS)


class Recording:
    recording = True


def networks(name: str) -> Networks:
    """Return networks of a name; `missing` cannot be loaded, `broken` fails later."""

    def load() -> FakeAnalyser:
        if name == "broken":
            raise CheckpointError("it is damaged")
        return Sad()

    def weights() -> tuple[Weights, ...]:
        if name == "missing":
            raise CheckpointError("there is no missing.safetensors")
        return (Weights(name, "0" * 64),)

    return Networks(name, load, weights, lambda: None)


def said(judged: Judged) -> tuple[int, str]:
    """Return the number of a frame and what was said of it."""
    best = judged.analysis.verdicts.best()
    return judged.analysis.frame.index, best.label


def offer(window: MainWindow) -> NetworkChoice:
    first = Networks("first", window.session.loaded_by, partial(networks("first").weights), list)
    return NetworkChoice(window, window.session, first, networks, lambda: ["first", "sad"])


def test_other_networks_judge_once_they_are_loaded(
    qtbot: QtBot, show_window: Callable[..., MainWindow]
) -> None:
    window = show_window()
    choice = offer(window)
    qtbot.waitUntil(described(window, "Fusion: anger"), timeout=PATIENCE_MS)
    assert "playing, first" in window.status.text()
    choice.choose("sad")
    qtbot.waitUntil(described(window, "Fusion: sadness 75 %"), timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: "sad judges now." in window.status.text(), timeout=PATIENCE_MS)
    assert choice.now.weights()[0].pipeline == "sad"
    choice.menu.aboutToShow.emit()
    checked = [action.text() for action in choice.menu.actions() if action.isChecked()]
    assert checked == ["sad"] and len(choice.menu.actions()) == 4


def test_while_paused_the_frame_in_view_is_judged_by_the_new_networks(
    qtbot: QtBot, show_window: Callable[..., MainWindow]
) -> None:
    window = show_window()
    choice = offer(window)
    qtbot.waitUntil(described(window, "Fusion: anger"), timeout=PATIENCE_MS)
    window.transport.play_pressed.emit()
    qtbot.waitUntil(state(window, "paused"), timeout=PATIENCE_MS)
    qtbot.wait(200)  # what was under way arrives
    index = window.panel.judged.analysis.frame.index
    shown: list[tuple[int, str] | str] = []
    window.cleared.connect(lambda: shown.append("cleared"))
    window.networks_changed.connect(lambda: shown.append("changed"))
    window.presented.connect(lambda judged: shown.append(said(judged)))
    choice.choose("sad")
    qtbot.waitUntil(lambda: len(shown) > 2, timeout=PATIENCE_MS)
    qtbot.wait(100)  # it stays in view
    assert shown == ["cleared", "changed", (index, "sadness")]
    assert window.status.text().startswith("paused, sad") and described(window, "sadness")()


def test_a_resting_face_is_of_the_networks_that_judged_it(
    qtbot: QtBot, show_window: Callable[..., MainWindow]
) -> None:
    window = show_window()
    choice = offer(window)
    qtbot.waitUntil(described(window, "Fusion: anger"), timeout=PATIENCE_MS)
    window.panel.toggle_resting()
    qtbot.waitUntil(lambda: "keep still" in window.status.text(), timeout=PATIENCE_MS)
    choice.choose("sad")
    qtbot.waitUntil(described(window, "sadness 75 %"), timeout=PATIENCE_MS)
    assert window.panel.resting.remark == ""


def test_what_is_chosen_last_judges_though_others_were_loading(
    qtbot: QtBot, show_window: Callable[..., MainWindow], monkeypatch: pytest.MonkeyPatch
) -> None:
    window = show_window()
    choice = offer(window)
    qtbot.waitUntil(described(window, "Fusion: anger"), timeout=PATIENCE_MS)
    begun, may_end = threading.Event(), threading.Event()

    def load_slowly() -> Sad:
        begun.set()
        may_end.wait(PATIENCE_MS / 1000)
        return Sad()

    found: list[str] = []

    def find(name: str) -> Networks:
        found.append(name)
        wanted = networks(name)
        return wanted._replace(load=load_slowly) if name == "sad" else wanted

    monkeypatch.setattr(choice, "_find", find)
    choice.choose("sad")
    assert begun.wait(PATIENCE_MS / 1000)
    choice.choose("sad")  # it is on its way
    choice.choose("first")
    assert found == ["sad", "first"]
    may_end.set()
    qtbot.waitUntil(lambda: not window.session.changes_networks, timeout=PATIENCE_MS)
    assert choice.now.name == "first"


def test_networks_that_cannot_be_loaded_change_nothing(
    qtbot: QtBot, show_window: Callable[..., MainWindow]
) -> None:
    window = show_window()
    choice = offer(window)
    qtbot.waitUntil(described(window, "Fusion: anger"), timeout=PATIENCE_MS)
    choice.choose("missing")
    assert "there is no missing.safetensors" in window.status.text()
    choice.choose("broken")
    qtbot.waitUntil(lambda: "it is damaged" in window.status.text(), timeout=PATIENCE_MS)
    assert choice.now.name == "first"


def test_nothing_is_changed_while_something_is_recorded(
    show_window: Callable[..., MainWindow],
) -> None:
    window = show_window()
    choice = offer(window)
    window.arbiter.quick = Recording()
    choice.choose("sad")
    assert not window.session.changes_networks and "stop it first" in window.status.text()
    window.arbiter.quick = None
