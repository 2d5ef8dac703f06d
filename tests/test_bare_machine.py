"""Training and evaluation on a machine that has little more than torch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fer2013_fixtures import write_shard
from made_up_faces import make_cache

from fercore.networks.preprocessing import Preprocessing

BLOCKED = (
    *("open3d", "mediapipe", "cv2", "SimpleITK", "PySide6", "pyrealsense2", "scipy", "sklearn"),
    *("av", "pyqtgraph", "platformdirs", "tabulate", "matplotlib", "jinja2", "pandas"),
    *("pydantic", "annotated_types"),
)
DRIVER = f"""
import sys
for name in {BLOCKED!r}:
    sys.modules[name] = None
from fercore.cli import main
sys.exit(main(sys.argv[1:]))
"""


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "command",
    [
        ("train", "--pipeline", "depth", "--validation-subjects", "1"),
        ("evaluate", "--pipelines", "depth", "--protocol", "holdout90", "--experiments", "1"),
    ],
)
def test_a_cache_is_all_that_training_needs(command: tuple[str, ...], tmp_path: Path) -> None:
    cache = make_cache(tmp_path / "cache", 10, 0, Preprocessing(rgb_size=32))
    paths = ("--data", str(cache), "--output", str(tmp_path / "out"))
    assert "depth" in run(*command, "--epochs", "1", *paths)


def test_fer2013_is_all_that_a_backbone_needs(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (70, 48, 48), np.uint8)
    shard = write_shard(tmp_path / "train.npz", images, np.arange(70) % 7)
    options = ("--backbone", "resnet50", "--backbone-weights", "random", "--epochs", "1")
    small = ("--size", "32", "--batch-size", "16", "--output", str(tmp_path / "out"))
    assert "resnet50" in run("train-backbone", "--data", str(shard), *options, *small)
