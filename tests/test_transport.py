"""The controls of a replay: clips, steps, speed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox

from app.window.widgets.transport import Transport
from fercore.expressions import EXPRESSIONS

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

CLIPS = [(s, str(e)) for s in ("F9001", "M9002") for e in EXPRESSIONS]


def test_transport_chooses_subject_and_scan(qtbot: QtBot) -> None:
    transport = Transport()
    qtbot.addWidget(transport)
    transport.set_clips(CLIPS)
    chosen: list[int] = []
    transport.clip_chosen.connect(chosen.append)
    actions = {action.text(): action for action in transport.playback_actions()}
    for text in ("Next scan", "Next subject", "Previous scan", "First scan", "Previous scan"):
        actions[text].trigger()
    assert chosen == [1, 6, 5, 0, 11]
    assert transport.chosen() == ("M9002", "surprise")


def test_transport_follows_the_source(qtbot: QtBot) -> None:
    transport = Transport()
    qtbot.addWidget(transport)
    transport.set_clips(CLIPS)
    transport.set_clip(8)
    assert transport.chosen() == ("M9002", "fear")
    transport.set_clip(99)
    assert transport.chosen() == ("M9002", "fear")


def test_transport_without_clips_offers_nothing_to_choose(qtbot: QtBot) -> None:
    transport = Transport()
    qtbot.addWidget(transport)
    enabled = {a.text() for a in transport.playback_actions() if a.isEnabled()}
    assert enabled == {"Play", "Step one frame", "&Loop", "Slower", "Faster"}


def test_speed_goes_in_steps_and_stops_at_both_ends(qtbot: QtBot) -> None:
    transport = Transport()
    qtbot.addWidget(transport)
    speeds: list[float] = []
    transport.speed_chosen.connect(speeds.append)
    for _ in range(3):
        transport.slower.trigger()
    for _ in range(4):
        transport.faster.trigger()
    assert speeds == [0.5, 0.25, 0.5, 1.0, 2.0]


@pytest.mark.parametrize("key", [Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_PageUp])
def test_a_key_that_jumps_does_not_change_the_speed(qtbot: QtBot, key: Qt.Key) -> None:
    transport = Transport()
    qtbot.addWidget(transport)
    speeds: list[float] = []
    transport.speed_chosen.connect(speeds.append)
    (box,) = (b for b in transport.findChildren(QComboBox) if b.accessibleName() == "Speed")
    qtbot.keyClick(box, key)
    assert speeds == []


def test_every_button_tells_its_key(qtbot: QtBot) -> None:
    transport = Transport()
    qtbot.addWidget(transport)
    for action in transport.playback_actions():
        assert action.shortcut().toString() in action.toolTip()


def test_signals_do_not_eat_references(qtbot: QtBot) -> None:
    """PySide6 6.12.0 drops one reference to True at each emit, which ends Python 3.11."""
    transport = Transport()
    qtbot.addWidget(transport)
    before = sys.getrefcount(True)
    for _ in range(200):
        transport.play_pressed.emit()
    assert abs(sys.getrefcount(True) - before) < 100
