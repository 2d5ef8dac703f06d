import subprocess
import sys
import time
from importlib.metadata import version

import pytest

from fercore.cli import main, sub_commands

COMMANDS = [command.name for command in sub_commands()]


def test_help_is_fast_and_loads_no_heavy_library() -> None:
    code = (
        "import sys; from fercore.cli import build_parser; build_parser().format_help(); "
        "print([m for m in ('torch', 'numpy', 'cv2', 'open3d', 'mediapipe', 'SimpleITK', "
        "'PySide6', 'scipy') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    from app.application import main as start

    for program, run in (("fercore", main), ("rgbd-fer", start)):
        with pytest.raises(SystemExit) as caught:
            run(["--version"])
        assert caught.value.code == 0
        assert capsys.readouterr().out == f"{program} {version('fercore')}\n"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert all(command in shown for command in COMMANDS)


def test_help_answers_within_half_a_second() -> None:
    def seconds() -> float:
        started_s = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "fercore.cli", "--help"], capture_output=True, check=True
        )
        return time.perf_counter() - started_s

    # The best of several: other work on the machine is not ours to answer for.
    assert min(seconds() for _ in range(5)) < 0.5


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: fercore {command}")


@pytest.mark.parametrize(
    "arguments",
    [
        ["inspect", "no/such/folder"],
        ["prepare", "bu3dfe", "no/such/folder", "--output", "unused"],
        ["predict", "no/such/scan.wrl"],
        ["train", "--pipeline", "depth", "--data", "no/such/cache", "--output", "unused"],
        ["evaluate", "--data", "no/such/cache", "--output", "unused"],
        ["report", "no/such/run"],
        ["bench", "folds", "--data", "no/such/cache"],
        ["synthesize", "--face-model", "no/such.npz", "--subjects", "1", "--output", "unused"],
    ],
)
def test_a_wrong_path_is_one_sentence_and_status_2(
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1
    assert "no/such" in shown.err
    assert "Traceback" not in shown.err
