"""Starts the application: `rgbd-fer` and `python -m app`.

rgbd-fer                                            the bundled sample, in a window
rgbd-fer --source BU_3DFE/F0001                     one subject
rgbd-fer --headless --output OUT --max-frames 60    no window, files instead
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fercore.errors import FercoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtWidgets import QApplication

    from app.inference import Analyser
    from app.logs import Troubles
    from app.settings import Settings
    from app.sources.base import FrameSource

DEFAULT_PIPELINE = "fusion-resnet50"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the application; return its exit status (2: something the user can put right)."""
    options = _parse(arguments)
    try:
        if options.headless:
            return _run_headless(options)
        return _run_window(options)
    except FercoreError as error:
        print(f"rgbd-fer: {error}", file=sys.stderr)
        return 2


def create_application(headless: bool) -> QApplication:
    """Return the Qt application, drawing off screen if `headless`.

    Raises:
        FercoreError: there is no display.
    """
    from PySide6.QtCore import qInstallMessageHandler
    from PySide6.QtWidgets import QApplication

    from app.logs import log_qt_message

    # cv2 points this at Qt plugins of its own, which do not fit.
    os.environ.pop("QT_QPA_PLATFORM_PLUGIN_PATH", None)
    if headless:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    elif not has_display():
        raise FercoreError("there is no display; add --headless --output DIR to do without one.")
    qInstallMessageHandler(log_qt_message)
    application = QApplication(["rgbd-fer"])
    application.setApplicationName("rgbd-fer")
    application.setStyle("Fusion")
    return application


def has_display() -> bool:
    """Tell whether a window can be shown."""
    if not sys.platform.startswith("linux"):
        return True
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return any(os.environ.get(name) for name in names)


def run_window(
    application: QApplication,
    load_analyser: Callable[[], Analyser],
    source: FrameSource,
    name: str,
    settings: Settings,
    troubles: Troubles,
) -> int:
    """Show the window until it is closed; return the exit status."""
    import signal

    from app.main_window import MainWindow
    from app.session import Session
    from app.widgets.theme import apply_theme

    apply_theme(application, settings.theme)
    window = MainWindow(Session(load_analyser), settings, troubles)
    window.begin(source, name)
    window.show()
    # The window's timers let Python see the signal.
    signal.signal(signal.SIGINT, lambda _number, _frame: window.close())
    return application.exec()


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the application's options."""
    parser = argparse.ArgumentParser(
        prog="rgbd-fer", description="Shows facial expressions recognised from colour and depth."
    )
    parser.add_argument(
        "--source",
        metavar="sample|PATH",
        help="a BU-3DFE root, subject or scan (default: the "
        "last one in the window, else the bundled sample)",
    )
    parser.add_argument(
        "--pipeline",
        type=_pipeline,
        default=DEFAULT_PIPELINE,
        metavar="SLUG",
        help=f"which networks judge (default: {DEFAULT_PIPELINE})",
    )
    parser.add_argument("--headless", action="store_true", help="no window; write files instead")
    parser.add_argument("--output", type=Path, metavar="DIR", help="where --headless writes")
    parser.add_argument(
        "--max-frames", type=_positive, metavar="N", help="--headless ends after N frames"
    )
    return parser


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = build_parser()
    options = parser.parse_args(arguments)
    if options.headless and options.output is None:
        parser.error("--headless needs --output DIR")
    if not options.headless and (options.output or options.max_frames):
        parser.error("--output and --max-frames belong to --headless")
    return options


def _pipeline(text: str) -> str:
    from fercore.models import PIPELINES

    if text not in PIPELINES:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(PIPELINES)}")
    return text


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return int(text)


def _run_headless(options: argparse.Namespace) -> int:
    from app.headless import run_headless
    from app.logs import Troubles, start_logging
    from app.sources.choice import SAMPLE, source_named

    start_logging(Troubles())
    source = source_named(options.source or SAMPLE)
    application = create_application(headless=True)
    analyser = _loader(options.pipeline)()
    try:
        run_headless(application, source, analyser, options.output, options.max_frames)
    finally:
        analyser.close()
    return 0


def _run_window(options: argparse.Namespace) -> int:
    from app.logs import Troubles, start_logging
    from app.settings import Settings

    troubles, settings = Troubles(), Settings()
    start_logging(troubles)
    source, name = _first_source(options.source, settings)
    application = create_application(headless=False)
    sys.excepthook = _log_uncaught
    return run_window(application, _loader(options.pipeline), source, name, settings, troubles)


def _first_source(wanted: str | None, settings: Settings) -> tuple[FrameSource, str]:
    """Return the source asked for; else the last one if it can still be used, else the sample."""
    from app.sources.choice import SAMPLE

    if wanted is not None:
        return _checked_source(wanted), wanted
    try:
        last = settings.source or SAMPLE
        return _checked_source(last), last
    except FercoreError as error:
        import logging

        logging.getLogger(__name__).warning("The last source cannot be used: %s", error)
        return _checked_source(SAMPLE), SAMPLE


def _checked_source(name: str) -> FrameSource:
    """Return a source that opens, so that a wrong path is refused before a window shows up."""
    from app.sources.choice import source_named

    source = source_named(name)
    try:
        source.open()
    finally:
        source.close()
    return source


def _loader(pipeline: str) -> Callable[[], Analyser]:
    def load() -> Analyser:
        import torch

        from fercore.predictor import Predictor

        # The replay renders beside it. Where every core is taken twice, the threads of
        # torch's loops wait for one another: cropping a face then takes 100 ms, not 3.
        torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
        return Predictor.from_pipeline(pipeline)

    return load


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: object) -> None:
    """Keep the window alive when one of its slots raises."""
    import logging

    logging.getLogger(__name__).error("Something went wrong: %s", error, exc_info=error)
