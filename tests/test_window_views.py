"""What the main window shows of a frame: faces, quality, smoothing, snapshots, space."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest
from app_doubles import FakeAnalyser, TickSource, analysis_of, sample_frame
from PySide6.QtCore import Qt
from window_driver import PATIENCE_MS, action, described

from app.live.inference import Judged
from app.sources.base import Arrival
from fercore.expressions import Expression
from fercore.faces.tracking import TrackedFace
from fercore.structures import FaceBox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from app.start.settings import Settings
    from app.window.main_window import MainWindow


class TwoFaces(FakeAnalyser):
    """Sees two faces, and remembers which pixel was chosen."""

    faces = (
        TrackedFace(1, FaceBox(10, 10, 60, 60, 0.9), None, True),
        TrackedFace(2, FaceBox(90, 10, 150, 60, 0.9), None, False),
    )
    chosen: ClassVar[list[tuple[float, float]]] = []

    def follow_faces(self) -> None:
        self.chosen.clear()

    def select_face(self, x: float, y: float) -> None:
        self.chosen.append((x, y))


def test_a_click_on_another_face_reaches_the_analyser(
    qtbot: QtBot, show_window: Callable[..., MainWindow]
) -> None:
    window = show_window(load=TwoFaces)
    qtbot.waitUntil(lambda: bool(window.colour_view.toolTip()), timeout=PATIENCE_MS)
    qtbot.mouseClick(
        window.colour_view, Qt.MouseButton.LeftButton, pos=window.colour_view.rect().center()
    )
    qtbot.waitUntil(lambda: bool(TwoFaces.chosen), timeout=PATIENCE_MS)
    (x, y) = TwoFaces.chosen[0]
    assert (x, y) == pytest.approx((80, 60), abs=1)


def test_a_key_goes_on_to_the_next_face(
    qtbot: QtBot, show_window: Callable[..., MainWindow]
) -> None:
    window = show_window(load=TwoFaces)
    qtbot.waitUntil(lambda: bool(window.colour_view.toolTip()), timeout=PATIENCE_MS)
    action(window, "Judge another face").trigger()
    assert TwoFaces.chosen == [(120, 35)]


def test_quality_is_judged_while_it_plays(
    qtbot: QtBot, show_window: Callable[..., MainWindow]
) -> None:
    window = show_window()
    # The stand-in's crop is black and without depth.
    qtbot.waitUntil(lambda: "too dark" in window.panel.bar.text(), timeout=PATIENCE_MS)
    window.show_source(TickSource())
    assert "not known" in window.panel.bar.text() and "dark" not in window.panel.bar.text()


def test_smoothing_is_chosen_remembered_and_only_shown(
    qtbot: QtBot, show_window: Callable[..., MainWindow], settings: Settings
) -> None:
    window = show_window()
    qtbot.waitUntil(described(window, "Fusion: anger 75 % ✓"), timeout=PATIENCE_MS)
    window.panel.set_smoothness("strong")
    assert settings.smoothness == "strong"
    # The stand-in changes its mind at once; what is shown follows over some frames.
    qtbot.waitUntil(described(window, "not sure"), timeout=PATIENCE_MS)
    assert window.status.text().startswith("playing, strong smoothing")
    assert window.panel.judged is not None
    raw = window.panel.judged.analysis
    assert raw.verdicts is not None and raw.verdicts.fusion is not None
    assert raw.verdicts.fusion.confidence == pytest.approx(0.75)


def test_without_depth_the_timeline_shows_what_colour_says(
    show_window: Callable[..., MainWindow], monkeypatch: pytest.MonkeyPatch
) -> None:
    window = show_window()
    seen: list[object] = []
    monkeypatch.setattr(window.timeline, "add", lambda _time_s, *said: seen.append(said))
    analysis = analysis_of(sample_frame(), None, Expression.FEAR, None, "no depth from this source")
    window.present(Judged(Arrival(analysis.frame, TickSource(), 0, 0.0), analysis))
    assert analysis.verdicts is not None
    assert seen[-1] == (analysis.verdicts.rgb, None, "RGB")


def test_a_snapshot_is_written_and_its_place_told(
    qtbot: QtBot,
    show_window: Callable[..., MainWindow],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.window.view_panel.snapshot_folder", lambda: tmp_path / "pictures")
    window = show_window()
    action(window, "Take a snapshot").trigger()
    qtbot.waitUntil(described(window, "Fusion: anger"), timeout=PATIENCE_MS)
    action(window, "Take a snapshot").trigger()
    (folder,) = (tmp_path / "pictures").iterdir()
    assert str(folder) in window.status.text()
    assert (folder / "view.png").stat().st_size > 10_000


def test_a_snapshot_that_cannot_be_written_is_told(
    qtbot: QtBot,
    show_window: Callable[..., MainWindow],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("app.window.view_panel.snapshot_folder", lambda: tmp_path / "file")
    window = show_window()
    qtbot.waitUntil(described(window, "Fusion: anger"), timeout=PATIENCE_MS)
    action(window, "Take a snapshot").trigger()
    assert "cannot be written" in window.status.text()


def test_the_face_in_space_has_a_dock_of_its_own(
    qtbot: QtBot, show_window: Callable[..., MainWindow]
) -> None:
    window = show_window()
    qtbot.waitUntil(described(window, "Fusion: anger"), timeout=PATIENCE_MS)
    assert window.cloud.isHidden()
    action(window, "Face in space").trigger()
    view = window.cloud.view
    qtbot.waitUntil(lambda: view.accessibleDescription().endswith("points"), timeout=PATIENCE_MS)
