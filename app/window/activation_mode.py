"""The overlay of where the networks look: its entry in the menu View, its thread, its legend.

It is off until asked for. Frames and verdicts go their way as without it: a thread of its own
explains the newest verdict twice a second or less, and whatever it finds is drawn with its age.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from app.drawing.heat import HeatLayer, heat_image
from app.drawing.overlay import HEADS, age_text, by_head
from app.live.activation_worker import ActivationWorker, Wanted
from app.window.widgets.menus import Command, add_switch

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QImage

    from app.live.activation_worker import Explained, Explainer
    from app.live.inference import Judged
    from app.window.main_window import MainWindow
    from fercore.inference.activation_maps import ActivationMaps
    from fercore.structures import FloatArray, Verdicts

OLDEST_S = 5.0
"""A map older than this says nothing of the face that is there now."""
_LITTLE = 0.15  # of the other picture's largest value, and it can hardly be seen
_FOLLOW_MS = 100
_JOIN_TIMEOUT_S = 10.0
NOT_EXPLAINED = "Where these networks look cannot be shown: they did not come from a checkpoint."
_LOADING, _SEARCHING = "Where the networks look: loading…", "Where the networks look: …"


class ActivationMode(QObject):
    """Adds the overlay to a window; closing the window ends the thread.

    `load` returns what explains the networks that judge, None where nothing can; it is called
    in the thread, when the overlay is first switched on.
    """

    def __init__(self, window: MainWindow, load: Callable[[], Explainer] | None) -> None:
        super().__init__(window)
        self._window, self._load = window, load
        self._worker: ActivationWorker | None = None
        self._shown: Explained | None = None
        self._images: tuple[QImage | None, QImage | None] = (None, None)  # colour, depth
        self._era = 0  # a map from before the last change of the source is nobody's
        command, menu = Command.WHERE_NETWORKS_LOOK, window.view_menu
        self.switch = add_switch(window, menu, command, self._turn)
        self._timer = QTimer(self)
        self._timer.setInterval(_FOLLOW_MS)
        self._timer.timeout.connect(self._follow)
        window.presented.connect(self._present)
        window.cleared.connect(self._forget)
        window.networks_changed.connect(self._load_anew)
        window.closing.connect(self.close)

    def close(self) -> None:
        """End the thread; safe to call twice."""
        self._timer.stop()
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()
            worker.join(_JOIN_TIMEOUT_S)

    def _turn(self, on: bool) -> None:
        self._forget()
        if not on:
            self._timer.stop()
        elif self._load is None:
            self._give_up(NOT_EXPLAINED)
        else:
            self._begin(self._load)

    def _load_anew(self) -> None:
        """Explain the networks that judge now."""
        self.close()
        self._turn(self.switch.isChecked())

    def _begin(self, load: Callable[[], Explainer]) -> None:
        self._window.status.show_message("")
        if self._worker is None:
            self._worker = ActivationWorker(load)
            self._worker.start()
        self._timer.start()
        judged = self._window.panel.judged
        if judged is not None:  # while paused, no other will come
            self._present(judged)

    def _give_up(self, problem: str) -> None:
        self.close()
        self.switch.setChecked(False)
        self._window.status.show_message(problem)

    def _present(self, judged: Judged) -> None:
        """Have a frame's verdict explained, and draw over it what is known."""
        worker, wanted = self._worker, self._wanted(judged)
        if worker is None or not self.switch.isChecked():
            return
        if wanted is None:
            self._draw(None)
            return
        worker.offer(wanted)
        self._draw(wanted)

    def _follow(self) -> None:
        """Take up a new map."""
        worker = self._worker
        if worker is None:
            return
        if worker.problem:
            self._give_up(worker.problem)
            return
        explained, judged = worker.take(), self._window.panel.judged
        if explained is None or judged is None or explained.wanted.whose[0] != self._era:
            return
        self._shown = explained
        peak = _peak(explained.maps)
        rgb, depth = explained.maps
        self._images = (_image(rgb, peak), _image(depth, peak))
        self._draw(self._wanted(judged))

    def _forget(self) -> None:
        self._era += 1
        self._shown = None
        if self._worker is not None:
            self._worker.forget()
        self._draw(None)

    def _wanted(self, judged: Judged) -> Wanted | None:
        """Return what is to be explained of a frame, None where nobody spoke."""
        pair, verdicts = judged.analysis.pair, judged.analysis.verdicts
        if pair is None or verdicts is None or verdicts.best() is None:
            return None
        face = next((each.identity for each in judged.faces if each.followed), None)
        whose = (self._era, judged.arrival.clip, face)
        return Wanted(pair, verdicts, whose, judged.arrival.arrived_s)

    def _draw(self, present: Wanted | None) -> None:
        """Draw the newest map over the frame that is shown, if it is of the same face."""
        colour = depth = None
        if present is not None and self._worker is not None:
            shown = self._shown
            if shown is not None and _belongs(shown.wanted, present):
                colour, depth = _layers(shown, self._images, _age(shown.wanted, present))
            else:
                colour = HeatLayer(None, _SEARCHING if self._worker.ready else _LOADING)
        self._window.colour_view.show_heat(colour)
        self._window.depth_view.show_heat(depth)


def _belongs(explained: Wanted, present: Wanted) -> bool:
    """Return whether a map still stands for what is said now, of the same face."""
    recent = present.arrived_s - explained.arrived_s <= OLDEST_S
    same_verdict = _spoken(explained.verdicts) == _spoken(present.verdicts)
    return recent and same_verdict and explained.whose == present.whose


def _spoken(verdicts: Verdicts) -> tuple[str, str]:
    """Return the leading head and its verdict; somebody must have spoken."""
    heads = zip(HEADS, by_head(verdicts), strict=True)
    return next((head, one.label) for head, one in heads if one is not None)


def _age(explained: Wanted, present: Wanted) -> str:
    """Return how old a map is; that of the frame on the screen is as old as that."""
    if explained.arrived_s == present.arrived_s:
        return "of this very picture"
    return age_text(max(0.0, time.monotonic() - explained.arrived_s))


def _layers(
    shown: Explained, images: tuple[QImage | None, QImage | None], age: str
) -> tuple[HeatLayer, HeatLayer]:
    peak = _peak(shown.maps)
    colour, depth = (
        HeatLayer(image, f"{_finding(shown.wanted.verdicts, heat, peak, what)}, {age}")
        for image, heat, what in zip(images, shown.maps, ("colour", "depth"), strict=True)
    )
    return colour, depth


def _finding(verdicts: Verdicts, heat: FloatArray | None, peak: float, what: str) -> str:
    """Return in words which verdict of which head is explained, and by how much of a picture."""
    head, label = _spoken(verdicts)
    if heat is None:
        return f"{head} says {label} without {what}"
    most = float(heat.max())
    found = "What" if most > _LITTLE * peak else "Little here" if most > 0 else "Nothing here"
    return f"{found} speaks for {label} ({head})"


def _peak(maps: ActivationMaps) -> float:
    return max((float(heat.max()) for heat in maps if heat is not None), default=0.0)


def _image(heat: FloatArray | None, peak: float) -> QImage | None:
    return None if heat is None else heat_image(heat, peak)
