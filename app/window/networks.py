"""Which networks judge: said in the window, and chosen in a menu while nothing is recorded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QMenu

from app.window.widgets.menus import add_choice
from fercore.errors import FercoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.live.activation_worker import Explainer
    from app.live.inference import Analyser
    from app.live.session import Session
    from app.window.main_window import MainWindow
    from fercore.study.run_files import Weights


class Networks(NamedTuple):
    """Networks by their name, and what is loaded of them when it is needed."""

    name: str  # of a pipeline, or the path of a checkpoint
    load: Callable[[], Analyser]
    weights: Callable[[], tuple[Weights, ...]]
    explain: Callable[[], Explainer]


class NetworkChoice(QObject):
    """Knows the networks that judge now, and has others loaded.

    `find` returns the networks of a name; `known` returns the names of those that
    come along, and is asked when the menu is opened: to know them takes torch.
    """

    def __init__(
        self,
        window: MainWindow,
        session: Session,
        first: Networks,
        find: Callable[[str], Networks],
        known: Callable[[], Sequence[str]],
    ) -> None:
        super().__init__(window)
        self._window, self._session, self._find = window, session, find
        self._tried = [first]
        self._known, self._own = known, [first.name]
        self.menu = QMenu("&Networks", window)
        self.menu.aboutToShow.connect(self._fill)
        window.source_menu.insertMenu(window.source_menu.actions()[-1], self.menu)
        window.judges = Path(first.name).name
        window.networks_changed.connect(self._tell)

    @property
    def now(self) -> Networks:
        """The networks that judge; while others are loaded still the old ones."""
        return self._loaded_by(self._session.loaded_by) or self._tried[0]

    def choose(self, name: str) -> None:
        """Have other networks judge; those of now go on until they are loaded."""
        try:
            self._window.arbiter.require_no_recording()
            wanted = self._loaded_by(self._session.asked_for)
            if wanted is None or name != wanted.name:
                self._load(self._find(name))
        except FercoreError as error:
            self._window.status.show_message(str(error))

    def _loaded_by(self, load: Callable[[], Analyser] | None) -> Networks | None:
        return next((found for found in self._tried if found.load is load), None)

    def _load(self, wanted: Networks) -> None:
        wanted.weights()  # what is missing or damaged is refused before anything is let go
        self._tried.append(wanted)
        self._session.change_networks(wanted.load)
        self._window.status.show_message(f"Loading {Path(wanted.name).name}…")

    def _ask(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self._window, "Choose networks of your own", filter="Checkpoints (*.safetensors)"
        )
        if path:
            self._own.append(path)
            self.choose(path)

    def _fill(self) -> None:
        self.menu.clear()
        names = tuple(dict.fromkeys((*self._known(), *self._own)))
        texts = {name: Path(name).name for name in names}
        add_choice(self.menu, names, self.now.name, self.choose, texts)
        self.menu.addSeparator()
        self.menu.addAction("&Other…").triggered.connect(lambda _checked=False: self._ask())

    def _tell(self) -> None:
        self._window.judges = Path(self.now.name).name
        self._window.status.show_message(f"{self._window.judges} judges now.")
