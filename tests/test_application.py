from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from app_doubles import FakeAnalyser, TickSource, write_tree
from PySide6.QtCore import QTimer
from study_fixtures import write_study

from app import application
from app.application import main
from app.start.logs import Troubles
from app.start.settings import Settings
from app.window.main_window import MainWindow

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtWidgets import QApplication

HEAVY = ("torch", "open3d", "mediapipe", "cv2", "PySide6", "numpy", "av", "tqdm")


@pytest.fixture
def fake_networks(monkeypatch: pytest.MonkeyPatch, qapp: QApplication) -> None:
    monkeypatch.setattr(application, "loader", lambda *_: FakeAnalyser)
    monkeypatch.setattr(application, "create_application", lambda headless: qapp)


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what is written to stderr by arguments that must be refused."""
    try:
        status = main(arguments)
    except SystemExit as exit_:
        status = int(str(exit_.code))
    assert status == 2
    return capsys.readouterr().err


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, json\nfrom app.application import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as e:\n    assert e.code == 0\n"
        f"print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "--max-frames" in result.stdout
    assert json.loads(result.stdout.splitlines()[-1]) == []


def test_python_dash_m_is_the_same_command() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "app", "--help"], capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith("usage: rgbd-fer")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--headless"], "--output"),
        (["--output", "somewhere"], "--headless"),
        (["--headless", "--output", "x", "--max-frames", "0"], "positive"),
        (["--headless", "--output", "x", "--max-frames", "many"], "positive"),
        (["--output", "somewhere"], "--study"),
        (["--max-frames", "3"], "--headless"),
        (["--headless", "--output", "x", "--study", "s.toml"], "needs the window"),
        (["--study", "nowhere.toml"], "nowhere.toml does not exist; write a study file first"),
        (["--pipeline", "resnet"], "fusion-resnet50"),
        (["--checkpoint", "nowhere.safetensors"], "nowhere.safetensors"),
        (["--checkpoint", __file__, "--pipeline", "depth"], "not allowed with"),
    ],
)
def test_wrong_arguments_are_explained(
    capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    assert complaint in refusal(capsys, *arguments)


def test_a_wrong_path_is_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, fake_networks: None
) -> None:
    for extra in ([], ["--headless", "--output", str(tmp_path / "out")]):
        text = refusal(capsys, "--source", str(tmp_path / "nowhere"), *extra)
        assert text.startswith("rgbd-fer: ") and text.count("\n") == 1
        assert "nowhere" in text and "Traceback" not in text
    assert not (tmp_path / "out").exists()


def test_a_broken_scan_is_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, fake_networks: None
) -> None:
    write_tree(tmp_path, "F9001_AN03WH")
    broken = tmp_path / "F9001" / "F9001_AN03WH_F3D.wrl"
    broken.write_text("#VRML V2.0 utf8\nShape {")
    for extra in ([], ["--headless", "--output", str(tmp_path / "out")]):
        text = refusal(capsys, "--source", str(broken), *extra)
        assert text.startswith("rgbd-fer: ") and text.count("\n") == 1
        assert broken.name in text and "Traceback" not in text


def test_headless_writes_as_many_rows_as_asked(
    tmp_path: Path, fake_networks: None, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_tree(tmp_path / "tree", "F9001_NE00WH", "F9001_AN04WH")
    output = tmp_path / "out"
    arguments = ["--headless", "--source", str(root), "--max-frames", "12"]
    assert main([*arguments, "--output", str(output)]) == 0
    with (output / "predictions.tsv").open() as file:
        assert len(list(csv.DictReader(file, delimiter="\t"))) == 12
    assert "F9001_AN04WH" in capsys.readouterr().out


def test_without_a_display_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from fercore.errors import FercoreError

    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(FercoreError, match="no display; add --headless"):
        application.create_application(headless=False)


def test_a_display_that_does_not_answer_is_one_sentence() -> None:
    """In a process of its own: Qt would end it."""
    code = "from app.application import main\nraise SystemExit(main(['--source', 'sample']))"
    gone = {name: value for name, value in os.environ.items() if name != "WAYLAND_DISPLAY"}
    gone.update(DISPLAY=":987", QT_QPA_PLATFORM="xcb")
    result = subprocess.run(
        [sys.executable, "-c", code], env=gone, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert result.stderr.startswith("rgbd-fer: ") and result.stderr.count("\n") == 1
    assert ":987" in result.stderr and "--headless" in result.stderr


def test_the_display_can_be_asked_for_from_a_script() -> None:
    for platform, status in (("offscreen", 0), ("nonsense", 1)):
        environment = dict(os.environ, QT_QPA_PLATFORM=platform)
        command = [sys.executable, "-m", "app.start.display"]
        assert subprocess.run(command, env=environment, check=False).returncode == status


def test_ctrl_c_while_loading_ends_quietly(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fake_networks: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(text: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("app.sources.choice.opened_source", interrupted)
    monkeypatch.setattr("app.sources.choice.source_named", interrupted)
    assert main(["--source", "sample"]) == 130
    assert main(["--source", "sample", "--headless", "--output", str(tmp_path)]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_checkpoint_of_ones_own_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fercore.inference.predictor import Predictor

    loaded: list[object] = []
    for name in ("from_checkpoint", "from_pipeline"):
        monkeypatch.setattr(Predictor, name, loaded.append)
    application.loader("depth", tmp_path / "mine.safetensors")()
    application.loader("depth")()
    assert loaded == [tmp_path / "mine.safetensors", "depth"]


def test_cv2s_plugin_path_is_out_of_the_way() -> None:
    """In a process of its own: there is one QApplication only."""
    code = (
        "import os, cv2\nfrom app.application import create_application\n"
        "create_application(headless=True)\n"
        "assert 'QT_QPA_PLATFORM_PLUGIN_PATH' not in os.environ"
    )
    wrong = dict(os.environ, QT_QPA_PLATFORM_PLUGIN_PATH="/nowhere")
    subprocess.run([sys.executable, "-c", code], env=wrong, check=True)


def test_the_window_runs_until_it_is_closed(qapp: QApplication, tmp_path: Path) -> None:
    settings = Settings(tmp_path / "s.json")
    palette = qapp.palette()

    def close_when_playing() -> None:
        if settings.source is None:
            QTimer.singleShot(50, close_when_playing)
            return
        for window in qapp.topLevelWidgets():
            if isinstance(window, MainWindow):
                window.close()

    QTimer.singleShot(50, close_when_playing)
    status = application.run_window(qapp, FakeAnalyser, TickSource, "ticks", settings, Troubles())
    qapp.setPalette(palette)
    assert status == 0
    assert settings.source == "ticks"


def test_a_study_is_opened_with_the_window(qapp: QApplication, tmp_path: Path) -> None:
    from PySide6.QtWidgets import QDockWidget

    settings = Settings(tmp_path / "s.json")
    palette, titles = qapp.palette(), []

    def close_when_playing() -> None:
        windows = [w for w in qapp.topLevelWidgets() if isinstance(w, MainWindow)]
        if settings.source is None:
            QTimer.singleShot(50, close_when_playing)
            return
        for window in windows:
            titles.extend(dock.windowTitle() for dock in window.findChildren(QDockWidget))
            window.close()

    QTimer.singleShot(50, close_when_playing)
    folder = write_study(tmp_path / "study")
    status = application.run_window(
        qapp, FakeAnalyser, TickSource, "ticks", settings, Troubles(), study=folder
    )
    qapp.setPalette(palette)
    assert status == 0 and "Study: Reading faces" in titles


def test_a_run_is_told_which_weights_judge() -> None:
    (weights,) = application.weights_of("fusion-resnet50")()
    assert weights.pipeline == "fusion-resnet50" and len(weights.sha256) == 64


def test_the_last_source_comes_again_and_a_lost_one_gives_way_to_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(tmp_path / "s.json")
    root = write_tree(tmp_path / "tree", "F9001_AN04WH")
    monkeypatch.setattr("fercore.datasets.opening.sample_root", lambda: root)
    settings.source = str(root)
    open_source, name = application.first_source(None, settings)
    source = open_source()
    assert name == source.name == str(root)
    source.close()
    monkeypatch.chdir(tmp_path)
    open_source, name = application.first_source("tree", settings)
    assert name == str(root)
    open_source().close()
    settings.source = str(tmp_path / "gone")
    open_source, name = application.first_source(None, settings)
    source = open_source()
    source.close()
    assert name == source.name == "sample"
    assert "gone" in caplog.text


def test_doctor_hears_of_the_display_and_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.start.diagnosis import CHECKS, check_display, check_log

    assert check_display().works
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    without = check_display()
    assert not without.works and "--headless" in without.cure and not without.essential
    assert check_log().finding.endswith("rgbd-fer.log")
    assert len(CHECKS) == 5


def test_the_sample_is_a_source(sample_root: Path) -> None:
    from app.sources.choice import source_named
    from app.sources.scans.replay import ReplaySource

    source = source_named("sample")
    assert isinstance(source, ReplaySource)
    assert len({clip.subject for clip in source.clips}) == 2
    assert sum(not clip.stands_alone for clip in source.clips) == 12
    assert sum(clip.stands_alone for clip in source.clips) == 14
    source.open()
    frame = source.read(1)
    source.close()
    assert frame is not None and frame.truth is None
