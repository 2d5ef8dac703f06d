"""The overlay of where the networks look, in the window."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
from app_doubles import BlindAnalyser, FakeAnalyser, TickSource, analysis_of, opening
from PySide6.QtCore import Qt
from window_driver import PATIENCE_MS, action, described, state

from app.drawing.heat import heat_image
from app.drawing.qimage import to_array
from app.window.activation_mode import NOT_EXPLAINED, ActivationMode
from fercore.errors import CheckpointError
from fercore.expressions import Expression
from fercore.inference.activation_maps import ActivationMaps
from fercore.structures import Analysis, RGBDFrame

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

    from app.window.main_window import MainWindow
    from fercore.structures import FacePair, FloatArray, Verdicts

TEXT = "Where the networks look"
COLOUR = np.array([[0, 0], [0, 4]], np.float32)
DEPTH = np.array([[2, 0], [0, 0]], np.float32)


class Stub:
    """Finds the same maps for every face; knows whom it explained."""

    def __init__(
        self, colour: FloatArray | None = COLOUR, depth: FloatArray | None = DEPTH
    ) -> None:
        self.maps = ActivationMaps(colour, depth)
        self.asked: list[Verdicts] = []

    def explain(self, pair: FacePair, verdicts: Verdicts) -> ActivationMaps:
        self.asked.append(verdicts)
        return self.maps


class Explained:
    """A window with the overlay, and what stands behind it."""

    def __init__(self, window: MainWindow, stub: Stub) -> None:
        self.window, self.stub = window, stub
        self.loads = 0
        self.mode = ActivationMode(window, window._session, self._load)

    def _load(self) -> Stub:
        self.loads += 1
        return self.stub

    def legends(self) -> tuple[str, str]:
        return self.window.colour_view.legend, self.window.depth_view.legend

    def begins(self, colour: str, depth: str) -> Callable[[], bool]:
        return lambda: self.legends()[0].startswith(colour) and self.legends()[1].startswith(depth)


@pytest.fixture
def show(qtbot: QtBot, show_window: Callable[..., MainWindow]) -> Callable[..., Explained]:
    """Return what shows a window that has begun to play, with the overlay off."""

    def build(stub: Stub | None = None, clip_frames: int = 3000) -> Explained:
        window = show_window(source=TickSource(clip_frames))
        explained = Explained(window, stub or Stub())
        qtbot.waitUntil(described(window, "anger"), timeout=PATIENCE_MS)
        return explained

    return build


def worker_runs() -> bool:
    return any(thread.name == "activation maps" for thread in threading.enumerate())


def test_it_is_off_until_asked_for_and_loads_nothing(
    qtbot: QtBot, show: Callable[..., Explained]
) -> None:
    explained = show()
    qtbot.wait(200)
    assert not explained.mode.switch.isChecked() and not worker_runs()
    assert explained.loads == 0 and explained.legends() == ("", "")


def test_the_legends_name_expression_head_and_age(
    qtbot: QtBot, show: Callable[..., Explained]
) -> None:
    explained = show()
    action(explained.window, TEXT).trigger()
    wanted = "What speaks for anger (Fusion), "
    qtbot.waitUntil(explained.begins(wanted, wanted), timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: explained.legends()[0].endswith(" old"), timeout=PATIENCE_MS)
    assert explained.legends()[0] == explained.legends()[1]
    assert explained.loads == 1


def test_a_key_switches_it_and_the_pictures_show_it(
    qtbot: QtBot, show: Callable[..., Explained]
) -> None:
    explained = show()
    window = explained.window
    window.activateWindow()
    qtbot.keyClick(window, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(explained.begins("What", "What"), timeout=PATIENCE_MS)
    window.transport.play.trigger()  # the pictures stand still
    qtbot.waitUntil(state(window, "paused"), timeout=PATIENCE_MS)
    qtbot.waitUntil(explained.begins("What", "What"), timeout=PATIENCE_MS)
    qtbot.wait(100)
    with_map = [to_array(view.grab().toImage()) for view in (window.colour_view, window.depth_view)]
    action(window, TEXT).trigger()
    assert explained.legends() == ("", "")
    without = [to_array(view.grab().toImage()) for view in (window.colour_view, window.depth_view)]
    for before, after in zip(with_map, without, strict=True):
        changed = (before != after).any(axis=2)
        assert 0.01 < changed.mean() < 0.5


def test_switched_on_again_it_needs_no_second_loading(
    qtbot: QtBot, show: Callable[..., Explained]
) -> None:
    explained = show()
    for _ in range(3):
        explained.mode.switch.setChecked(True)
        qtbot.waitUntil(explained.begins("What", "What"), timeout=PATIENCE_MS)
        explained.mode.switch.setChecked(False)
    assert explained.loads == 1


def test_while_it_is_off_nothing_is_explained(qtbot: QtBot, show: Callable[..., Explained]) -> None:
    explained = show()
    explained.mode.switch.setChecked(True)
    qtbot.waitUntil(explained.begins("What", "What"), timeout=PATIENCE_MS)
    explained.mode.switch.setChecked(False)
    qtbot.wait(100)
    asked = len(explained.stub.asked)
    qtbot.wait(800)
    assert len(explained.stub.asked) <= asked + 1


def test_a_paused_picture_is_explained_too(qtbot: QtBot, show: Callable[..., Explained]) -> None:
    explained = show()
    explained.window.transport.play.trigger()
    qtbot.waitUntil(state(explained.window, "paused"), timeout=PATIENCE_MS)
    explained.mode.switch.setChecked(True)
    wanted = "What speaks for anger (Fusion), of this very picture"
    qtbot.waitUntil(explained.begins(wanted, wanted), timeout=PATIENCE_MS)


def test_a_modality_without_a_part_in_the_verdict_says_so(
    qtbot: QtBot, show: Callable[..., Explained]
) -> None:
    explained = show(Stub(depth=None))
    explained.mode.switch.setChecked(True)
    without = "Fusion says anger without depth, "
    qtbot.waitUntil(explained.begins("What speaks", without), timeout=PATIENCE_MS)
    explained.stub.maps = ActivationMaps(None, DEPTH)
    without = "Fusion says anger without colour, "
    qtbot.waitUntil(explained.begins(without, "What speaks"), timeout=PATIENCE_MS)


def test_little_and_nothing_are_told_from_each_other(
    qtbot: QtBot, show: Callable[..., Explained]
) -> None:
    explained = show(Stub(colour=0.01 * COLOUR, depth=DEPTH))
    explained.mode.switch.setChecked(True)
    qtbot.waitUntil(explained.begins("Little here speaks", "What"), timeout=PATIENCE_MS)
    explained.stub.maps = ActivationMaps(0 * COLOUR, 0 * DEPTH)
    qtbot.waitUntil(explained.begins("Nothing here", "Nothing here"), timeout=PATIENCE_MS)


def test_it_follows_the_verdict_and_never_shows_another_ones_map(
    qtbot: QtBot, show: Callable[..., Explained]
) -> None:
    explained = show(clip_frames=10)
    window = explained.window
    window.panel.set_smoothness("strong")  # the map is of what the networks say
    wrong: list[str] = []

    def compare(analysis: Analysis) -> None:
        assert analysis.verdicts is not None and analysis.verdicts.fusion is not None
        legend = explained.legends()[0]
        if "speaks for" in legend and f" {analysis.verdicts.fusion.label} " not in legend:
            wrong.append(legend)

    window.presented.connect(compare)
    explained.mode.switch.setChecked(True)
    seen: set[str] = set()

    def saw_two() -> bool:
        seen.add(explained.legends()[0].partition(",")[0])
        return sum("speaks for" in legend for legend in seen) > 1

    qtbot.waitUntil(saw_two, timeout=PATIENCE_MS)
    assert not wrong


def test_no_face_no_map(qtbot: QtBot, show_window: Callable[..., MainWindow]) -> None:
    window = show_window(load=BlindAnalyser)
    explained = Explained(window, Stub())
    qtbot.waitUntil(lambda: "no face found" in window.banner.text(), timeout=PATIENCE_MS)
    explained.mode.switch.setChecked(True)
    qtbot.wait(300)
    assert explained.legends() == ("", "") and not explained.stub.asked


def test_a_face_that_goes_takes_its_map_along(
    qtbot: QtBot, show_window: Callable[..., MainWindow]
) -> None:
    class Leaving(FakeAnalyser):
        gone = False

        def analyse(self, frame: RGBDFrame) -> Analysis:
            if self.gone:
                return Analysis(frame, None, None, "no face found", 0.0)
            return analysis_of(frame, Expression.ANGER)

    analyser = Leaving()
    explained = Explained(show_window(source=TickSource(3000), load=lambda: analyser), Stub())
    qtbot.waitUntil(described(explained.window, "anger"), timeout=PATIENCE_MS)
    explained.mode.switch.setChecked(True)
    qtbot.waitUntil(explained.begins("What", "What"), timeout=PATIENCE_MS)
    analyser.gone = True
    qtbot.waitUntil(lambda: explained.legends() == ("", ""), timeout=PATIENCE_MS)


def test_another_source_takes_the_old_map_away(
    qtbot: QtBot, show: Callable[..., Explained]
) -> None:
    explained = show()
    explained.mode.switch.setChecked(True)
    qtbot.waitUntil(explained.begins("What", "What"), timeout=PATIENCE_MS)
    era = explained.mode._era
    explained.window.open_source(opening(TickSource(3000, first=Expression.FEAR)), "ticks")
    qtbot.waitUntil(lambda: explained.mode._era > era, timeout=PATIENCE_MS)
    assert "anger" not in explained.legends()[0]
    fear = "What speaks for fear"
    qtbot.waitUntil(explained.begins(fear, fear), timeout=PATIENCE_MS)


def test_networks_that_cannot_be_explained_say_so_in_one_sentence(
    qtbot: QtBot, show_window: Callable[..., MainWindow]
) -> None:
    window = show_window()
    mode = ActivationMode(window, window._session, None)
    action(window, TEXT).trigger()
    assert NOT_EXPLAINED in window.status.text() and not mode.switch.isChecked()


def test_a_damaged_checkpoint_reaches_the_status_line_and_switches_it_off(
    qtbot: QtBot, show_window: Callable[..., MainWindow]
) -> None:
    def load() -> Stub:
        raise CheckpointError("x.safetensors is damaged: its checksum is not that of its card.")

    window = show_window()
    mode = ActivationMode(window, window._session, load)
    mode.switch.setChecked(True)
    qtbot.waitUntil(lambda: "x.safetensors is damaged" in window.status.text(), timeout=PATIENCE_MS)
    assert not mode.switch.isChecked() and not worker_runs()


def test_closing_the_window_ends_the_thread(qtbot: QtBot, show: Callable[..., Explained]) -> None:
    explained = show()
    explained.mode.switch.setChecked(True)
    qtbot.waitUntil(worker_runs, timeout=PATIENCE_MS)
    explained.window.close()
    assert not worker_runs()


def test_the_heat_is_clear_where_nothing_is_and_brightest_where_most_is() -> None:
    image = heat_image(COLOUR, 4.0)
    assert image is not None
    side = image.width()
    corner, peak = image.pixelColor(0, 0), image.pixelColor(side - 1, side - 1)
    assert corner.alpha() == 0 and peak.alpha() > 150
    half = heat_image(COLOUR, 8.0)
    assert half is not None and 0 < half.pixelColor(side - 1, side - 1).alpha() < peak.alpha()
    assert heat_image(0 * COLOUR, 4.0) is None


def test_the_age_is_that_of_the_explained_frame(
    qtbot: QtBot, show: Callable[..., Explained], monkeypatch: pytest.MonkeyPatch
) -> None:
    explained = show()
    explained.mode.switch.setChecked(True)
    qtbot.waitUntil(explained.begins("What", "What"), timeout=PATIENCE_MS)
    shown = explained.mode._shown
    assert shown is not None
    monkeypatch.setattr(
        "app.window.activation_mode.time.monotonic", lambda: shown.wanted.arrived_s + 0.25
    )
    explained.mode._draw(shown.wanted._replace(arrived_s=shown.wanted.arrived_s + 0.2))
    assert explained.legends()[0].endswith(", 250 ms old")


def test_an_old_map_is_not_drawn(qtbot: QtBot, show: Callable[..., Explained]) -> None:
    explained = show()
    explained.mode.switch.setChecked(True)
    qtbot.waitUntil(explained.begins("What", "What"), timeout=PATIENCE_MS)
    shown = explained.mode._shown
    assert shown is not None
    explained.mode._draw(shown.wanted._replace(arrived_s=shown.wanted.arrived_s + 5.1))
    assert explained.legends() == ("Where the networks look: …", "")


def test_it_takes_what_a_frame_without_depth_gives(
    qtbot: QtBot, show_window: Callable[..., MainWindow]
) -> None:
    class Webcam(FakeAnalyser):
        def analyse(self, frame: RGBDFrame) -> Analysis:
            flat = RGBDFrame(frame.rgb, None, None, frame.timestamp_s, frame.index)
            return analysis_of(flat, None, Expression.FEAR, None, "no depth from this source")

    explained = Explained(show_window(source=TickSource(3000), load=Webcam), Stub(depth=None))
    qtbot.waitUntil(described(explained.window, "fear"), timeout=PATIENCE_MS)
    explained.mode.switch.setChecked(True)
    wanted = ("What speaks for fear (RGB), ", "RGB says fear without depth, ")
    qtbot.waitUntil(explained.begins(*wanted), timeout=PATIENCE_MS)
