"""The README's commands run: the very lines, on small made-up data and with less work to do.

A new command of the README needs a line in SMALL, a new file that it reads one in INPUTS.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import dataset_trees
import pytest
import readme_inputs as inputs
import tiny_makehuman
import torch
from test_readme import ROOT, commands

from app import application
from app.headless.run import PICTURE, PREDICTIONS, VIDEO
from fercore.baselines import filling
from fercore.caches import scans as preparation_run
from fercore.cli import build_parser, main
from fercore.evaluation.stress import perturbations
from fercore.synthesis import generation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).name


@dataclass(frozen=True)
class Small:
    """What keeps a command small: options of the README taken away, others added."""

    added: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def arguments(self, words: list[str]) -> list[str]:
        """Return a command's words with that change."""
        kept, leaving = [], False
        for word in words:
            leaving = word in self.left_out or (leaving and not word.startswith("--"))
            if not leaving:
                kept.append(word)
        return [*kept, *self.added]


FEW_FACES = ("--levels", "4")
ONE_EPOCH = ("--epochs", "1", "--backbone-weights", "random")

SMALL = {
    "inspect": Small(),
    "predict": Small(),
    "prepare": Small(),
    "prepare synthetic": Small(
        ("--subjects", "1", "--samples-per-subject", "2", "--workers", "1"),
    ),
    "synthesize": Small(("--subjects", "1", "--workers", "1")),
    "train": Small(
        (*ONE_EPOCH, *FEW_FACES, "--copies", "1", "--validation-subjects", "1"), ("--branches",)
    ),
    "train-backbone": Small((*ONE_EPOCH, "--size", "32", "--precision", "float32")),
    "evaluate": Small(
        ("--epochs", "1", "--protocol", "holdout90", "--experiments", "1", "--pipelines", "depth"),
        ("--folds", "--engine", "--address", "--backbone-weights"),
    ),
    "stress": Small((*FEW_FACES, "--workers", "1"), ("--scans",)),
    "report": Small(),
    "analyse": Small(),
    "rgbd-fer": Small(("--headless", "--output", "played", "--max-frames", "2")),
}

WEIGHTS = ROOT / "weights"
INPUTS: dict[str, Callable[[Path], object]] = {
    "/data/BU_3DFE": inputs.write_bu3dfe,
    "/data/BU_4DFE": dataset_trees.write_bu4dfe,
    "/data/Bosphorus": dataset_trees.write_bosphorus,
    "synthetic": inputs.write_synthetic,
    "ict_face_model.npz": inputs.write_face_model,
    "makehuman_head.npz": tiny_makehuman.write_head,
    "face.png": inputs.write_picture,
    "face-depth.png": inputs.write_depth,
    "holiday.jpg": inputs.write_picture,
    "talk.mp4": inputs.write_film,
    "recordings": inputs.write_films,
    "fer2013.csv": inputs.write_fer2013,
    "cache": partial(inputs.write_cache, weights=WEIGHTS),
    "trained": partial(inputs.write_weights, weights=WEIGHTS),
    "weights": partial(inputs.write_weights, weights=WEIGHTS),
    "run": inputs.write_evaluation,
}


@pytest.fixture
def less_work(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Shrink what no option can, and give back what a command changes for its process."""
    planned = generation.planned_scans
    gain = perturbations.PERTURBATIONS[0]
    few = (replace(gain, severities=gain.severities[:1]),)
    monkeypatch.setattr(generation, "planned_scans", lambda *given: planned(*given)[:1])
    monkeypatch.setattr(perturbations, "PERTURBATIONS", few)
    # Half of the time would go into worker processes, for two scans.
    for module in (preparation_run, filling):
        monkeypatch.setattr(module, "in_order", lambda work, jobs, _: (work(j) for j in jobs))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def small(program: str, words: list[str]) -> list[str]:
    """Return the arguments of the command made small."""
    name = program if program == "rgbd-fer" else words[0]
    name = " ".join(words[:2]) if " ".join(words[:2]) in SMALL else name
    if name not in SMALL:
        pytest.fail(f"the README has `{name}`, which SMALL in {HERE} does not know: add a line")
    return SMALL[name].arguments(words)


def lay_out(arguments: list[str], folder: Path) -> list[str]:
    """Write what a command reads into a folder; return its arguments with paths there."""
    moved = []
    for before, word in zip(["", *arguments], arguments, strict=False):
        name = next((name for name in INPUTS if word == name or word.startswith(f"{name}/")), None)
        if name is None or before == "--output":
            moved.append(word)
            continue
        path = folder / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            INPUTS[name](path)
        moved.append(f"{path.relative_to(folder)}{word.removeprefix(name)}")
    return moved


def require_inputs(arguments: list[str], command: str) -> None:
    """Fail where a command reads a file that was not laid out."""
    parsed = vars(build_parser().parse_args(arguments))
    for name, value in parsed.items():
        for path in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(path, Path) and name != "output" and not path.exists():
                pytest.fail(f"`{command}` reads {path}, which INPUTS in {HERE} does not know")


@pytest.mark.parametrize("command", commands("fercore"))
def test_a_command_of_fercore_runs(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, less_work: None
) -> None:
    monkeypatch.chdir(tmp_path)
    program, *words = shlex.split(command)
    arguments = lay_out(small(program, words), tmp_path)
    require_inputs(arguments, command)
    assert main(arguments) == 0, f"`{command}` ends with an error, see what it printed"
    for output in re.findall(r"--output (\S+)", command):
        path = tmp_path / output
        assert path.is_file() or any(path.iterdir()), f"`{command}` leaves no {output}"


@pytest.mark.parametrize("command", commands("rgbd-fer"))
def test_a_command_of_the_application_runs(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, less_work: None, qapp: object
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(application, "create_application", lambda headless: qapp)
    program, *words = shlex.split(command)
    arguments = lay_out(small(program, words), tmp_path)
    assert application.main(arguments) == 0, f"`{command}` ends with an error"
    for name in (PREDICTIONS, VIDEO, PICTURE):
        assert (tmp_path / "played" / name).stat().st_size > 0


def test_a_command_that_is_not_known_is_named() -> None:
    with pytest.raises(pytest.fail.Exception, match="`conquer`, which SMALL in test_readme_com"):
        small("fercore", ["conquer", "/data"])


def test_a_file_that_is_not_known_is_named() -> None:
    with pytest.raises(pytest.fail.Exception, match="reads nowhere, which INPUTS in test_readme_c"):
        require_inputs(["inspect", "nowhere", "--output", "new.png"], "fercore inspect nowhere")


def test_options_are_taken_away_with_their_values() -> None:
    words = shlex.split("train --branches a b --data cache --branches c")
    assert Small(("--epochs", "1"), ("--branches",)).arguments(words) == shlex.split(
        "train --data cache --epochs 1"
    )
