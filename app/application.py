"""Starts the application: `rgbd-fer` and `python -m app`.

rgbd-fer                                            the bundled sample, in a window
rgbd-fer --source BU_3DFE/F0001                     one subject
rgbd-fer --source realsense                         a depth camera, live
rgbd-fer --source webcam:0                          a webcam: colour alone judges
rgbd-fer --source RECORDING.db3                     a recording, a video, a folder of pictures
rgbd-fer --study STUDY.toml --output FOLDER         record a user study into a folder
rgbd-fer --present                                  full screen, for an audience
rgbd-fer --checkpoint MINE.safetensors              networks of one's own
rgbd-fer --headless --output OUT --max-frames 60    no window, files instead
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from app.start.options import parsed
from fercore.errors import FercoreError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from PySide6.QtWidgets import QApplication

    from app.live.activation_worker import Explainer
    from app.live.inference import Analyser
    from app.sources.base import FrameSource
    from app.start.logs import Troubles
    from app.start.settings import Settings
    from app.window.networks import Networks
    from fercore.study.run_files import Weights

_INTERRUPTED = 130  # as shells have it for Ctrl-C


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the application; return its exit status (2: something the user can put right)."""
    options = parsed(arguments)
    try:
        if options.headless:
            return _run_headless(options)
        return _run_window(options)
    except FercoreError as error:
        print(f"rgbd-fer: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return _INTERRUPTED


def create_application(headless: bool) -> QApplication:
    """Return the Qt application, drawing off screen if `headless`.

    Raises:
        FercoreError: no window can be shown.
    """
    from PySide6.QtCore import qInstallMessageHandler
    from PySide6.QtWidgets import QApplication

    from app.start.display import display_problem, forget_foreign_plugins
    from app.start.logs import log_qt_message
    from app.window.widgets.theme import EvenFusion
    from fercore.runtime.processes import keep_decimal_point

    forget_foreign_plugins()
    if headless:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    elif problem := display_problem():
        raise FercoreError(f"{problem}; add --headless --output DIR to do without one.")
    qInstallMessageHandler(log_qt_message)
    application = QApplication(["rgbd-fer"])
    keep_decimal_point()  # Qt has taken up the user's language
    application.setApplicationName("rgbd-fer")
    application.setDesktopFileName("rgbd-fer")  # whose icon the desktop shows
    application.setStyle(EvenFusion())
    return application


def run_window(
    application: QApplication,
    load_analyser: Callable[[], Analyser],
    open_source: Callable[[], FrameSource],
    name: str,
    settings: Settings,
    troubles: Troubles,
    weights: Callable[[], tuple[Weights, ...]] = tuple,
    study: Path | None = None,
    explainer: Callable[[], Explainer] | None = None,
    present: bool = False,
    networks: Networks | None = None,
) -> int:
    """Play a source in the window until that is closed; return the exit status.

    `open_source` returns it ready to be read; `name` is what the settings remember. `weights`
    returns what judges; `study` is the folder of a study to open; `explainer` loads what tells
    where the networks look; `present` begins on the stage. With `networks`, which are loaded by
    `load_analyser`, others can be chosen.
    """
    import signal

    from app.live.session import Session
    from app.window.main_window import MainWindow
    from app.window.modes import add_modes
    from app.window.networks import NetworkChoice
    from app.window.widgets.theme import apply_theme

    apply_theme(application, settings.theme)
    session = Session(load_analyser)
    window = MainWindow(session, settings, troubles)
    if networks is not None:
        choice = NetworkChoice(window, session, networks, _found, _shipped)
        weights, explainer = lambda: choice.now.weights(), lambda: choice.now.explain()
    mode = add_modes(window, session, settings, weights, explainer)
    if study is not None:
        mode.open(study)
    window.begin(open_source, name)
    if present:
        window.enter_stage()
    else:
        window.show()
    # The window's timers let Python see the signal.
    signal.signal(signal.SIGINT, lambda _number, _frame: window.close())
    return application.exec()


def _run_headless(options: argparse.Namespace) -> int:
    from app.headless.run import run_headless
    from app.sources.choice import SAMPLE, source_named
    from app.start.logs import Troubles, start_logging

    start_logging(Troubles())
    source = source_named(options.source or SAMPLE)
    application = create_application(headless=True)
    analyser = loader(options.pipeline, options.checkpoint)()
    try:
        run_headless(application, source, analyser, options.output, options.max_frames)
    finally:
        analyser.close()
    return 0


def _run_window(options: argparse.Namespace) -> int:
    from app.start.logs import Troubles, start_logging
    from app.start.settings import Settings

    troubles, settings = Troubles(), Settings()
    start_logging(troubles)
    study = _study(options)
    application = create_application(headless=False)
    open_source, name = first_source(options.source, settings)
    sys.excepthook = _log_uncaught
    networks = _networks(options.pipeline, options.checkpoint)
    return run_window(
        application, networks.load, open_source, name, settings, troubles, networks.weights, study,
        networks.explain, options.present, networks,
    )  # fmt: skip


def _study(options: argparse.Namespace) -> Path | None:
    """Return the folder of the study asked for, None without one."""
    if options.study is None:
        return None
    from app.window.study.study_folder import study_folder

    return study_folder(options.study, options.output)


def first_source(wanted: str | None, settings: Settings) -> tuple[Callable[[], FrameSource], str]:
    """Return the source asked for; else the last one if it can still be used, else the sample.

    It is opened here, so that a wrong path is refused before a window shows up. A camera that
    was asked for is opened by the window, which can wait for it.
    """
    from app.sources.choice import SAMPLE, full_name, is_camera, opened_source, source_named

    if wanted is not None and is_camera(wanted):
        source_named(wanted)  # such a word there must be
        return lambda: opened_source(wanted), wanted
    if wanted is not None:
        return _given(opened_source(wanted)), full_name(wanted)
    try:
        last = settings.source or SAMPLE
        return _given(opened_source(last)), last
    except FercoreError as error:
        import logging

        logging.getLogger(__name__).warning("The last source cannot be used: %s", error)
        return _given(opened_source(SAMPLE)), SAMPLE


def _given(source: FrameSource) -> Callable[[], FrameSource]:
    return lambda: source


def _networks(pipeline: str, checkpoint: Path | None = None) -> Networks:
    from app.window.networks import Networks

    return Networks(
        str(checkpoint or pipeline),
        loader(pipeline, checkpoint),
        weights_of(pipeline, checkpoint),
        _explainer(pipeline, checkpoint),
    )


def _found(name: str) -> Networks:
    """Return the networks of a pipeline, or of a checkpoint's path."""
    from pathlib import Path

    return _networks(name) if name in _shipped() else _networks("", Path(name))


def _shipped() -> tuple[str, ...]:
    """Return the pipelines whose networks come along."""
    from fercore.networks.checkpoints import weights_folder

    return tuple(sorted(path.stem for path in weights_folder().glob("*.safetensors")))


def loader(pipeline: str, checkpoint: Path | None = None) -> Callable[[], Analyser]:
    """Return what loads the networks of a pipeline or, where one is given, of a checkpoint."""

    def load() -> Analyser:
        import torch

        from fercore.inference.predictor import Predictor
        from fercore.runtime.processes import limit_blas_threads

        # The replay renders beside it. Where every core is taken twice, the threads of
        # torch's loops wait for one another: cropping a face then takes 100 ms, not 3.
        torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
        limit_blas_threads()  # now that the import above has loaded numpy and scipy
        if checkpoint is not None:
            return Predictor.from_checkpoint(checkpoint)
        return Predictor.from_pipeline(pipeline)

    return load


def _explainer(pipeline: str, checkpoint: Path | None = None) -> Callable[[], Explainer]:
    def load() -> Explainer:
        from fercore.inference.activation_maps import ActivationExplainer
        from fercore.networks.checkpoints import shipped_checkpoint

        path = checkpoint or shipped_checkpoint(pipeline)
        return ActivationExplainer.from_checkpoint(path)

    return load


def weights_of(pipeline: str, checkpoint: Path | None = None) -> Callable[[], tuple[Weights, ...]]:
    """Return what tells which weights these are."""

    def find() -> tuple[Weights, ...]:
        from fercore.networks.checkpoints import load_card, shipped_checkpoint
        from fercore.study.run_files import Weights

        card = load_card(checkpoint or shipped_checkpoint(pipeline))
        return (Weights(card.pipeline, card.sha256),)

    return find


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: object) -> None:
    """Keep the window alive when one of its slots raises."""
    import logging

    logging.getLogger(__name__).error("Something went wrong: %s", error, exc_info=error)
