"""People who never were: `fercore synthesize`, and `fercore prepare synthetic`.

`synthesize` makes subjects in the layout of BU-3DFE, `prepare` samples before depth cameras.
"""

from __future__ import annotations

import os
from argparse import ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING

from fercore.cli import SubCommand, levels
from fercore.errors import FercoreError

if TYPE_CHECKING:
    import argparse

    from fercore.caches.synthetic import CacheRecipe

MOST_SAMPLES = 9999
"""Of one subject: their names have four digits."""

ALL_LEVELS = (1, 2, 3, 4)

_SAMPLE_OPTIONS = ("subjects", "samples_per_subject", "cameras", "levels", "skins")

_SUBJECTS = """Make synthetic subjects in the layout of BU-3DFE.

The faces come from a morphable model, ICT-FaceKit or the MakeHuman head; nobody was
recorded. Codes run from F9001 so that nobody takes them for BU-3DFE's. The letter for sex
is true with MakeHuman and arbitrary with ICT-FaceKit, which knows no sex; the letters for
ancestry are arbitrary. The same seed always gives the same subjects, and an interrupted
command, given again, goes on where it stopped.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--face-model",
        type=Path,
        required=True,
        metavar="FILE_OR_FOLDER",
        help="ict_face_model.npz, ICT-FaceKit's folder FaceXModel, or makehuman_head.npz",
    )
    parser.add_argument(
        "--skins",
        type=Path,
        metavar="FOLDER",
        help="MakeHuman's skin textures (default: makehuman_skins beside makehuman_head.npz; "
        "ICT-FaceKit: painted skins only)",
    )
    parser.add_argument("--subjects", type=int, required=True, metavar="N", help="how many people")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="ROOT", help="folder to write to"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="which people: 0, 1, 2, ... (0)"
    )
    parser.add_argument(
        "--levels", type=levels, default=ALL_LEVELS, help="beside neutral (default 1,2,3,4)"
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes at work (default: one for each core)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Make the subjects and say how many scans are new.

    Raises:
        FercoreError: the face model cannot be read, or the root cannot be used.
    """
    from fercore.synthesis.generation import SubjectRecipe, planned_scans, synthesize

    root = arguments.output.resolve()
    skins = None if arguments.skins is None else arguments.skins.resolve()
    recipe = SubjectRecipe(arguments.face_model.resolve(), root, arguments.seed, skins)
    made = synthesize(recipe, arguments.subjects, arguments.workers, arguments.levels)
    total = len(planned_scans(arguments.subjects, arguments.levels))
    print(f"{root}: {total} scans of {arguments.subjects} synthetic subjects, {made} of them new")
    return 0


def add_sample_options(parser: argparse.ArgumentParser) -> None:
    """Declare what `fercore prepare` asks of synthetic samples alone; None: not given."""
    only = parser.add_argument_group("synthetic only")
    only.add_argument("--subjects", type=int, metavar="N", help="how many people, of all models")
    only.add_argument(
        "--samples-per-subject", type=int, metavar="M", help="pictures with depth of each"
    )
    only.add_argument(
        "--cameras",
        type=_names,
        metavar="NAMES",
        help="depth cameras in turn: d415,d435,d455,d405,sr305,scanner (all)",
    )
    only.add_argument("--levels", type=levels, help="beside neutral (1,2,3,4)")
    only.add_argument(
        "--skins", type=Path, metavar="FOLDER", help="photographed skins (those beside the model)"
    )
    only.add_argument(
        "--no-occluders",
        action="store_true",
        help="without glasses, hands and things held before the face",
    )


def refuse_sample_options(arguments: argparse.Namespace) -> None:
    """Check that no option of synthetic samples is given for a data set.

    Raises:
        FercoreError: one is.
    """
    given = [name for name in _SAMPLE_OPTIONS if getattr(arguments, name) is not None]
    given += ["no_occluders"] if arguments.no_occluders else []
    if given:
        option = given[0].replace("_", "-")
        raise FercoreError(f"--{option} belongs to synthetic samples; leave it out.")


def prepare_samples(arguments: argparse.Namespace) -> None:
    """Render and cut out what is not there yet.

    Raises:
        FercoreError: an option makes no sense, a face model cannot be read, or the cache
            cannot be written.
    """
    from tqdm import tqdm

    from fercore.caches.synthetic import prepare_synthetic

    _check_samples(arguments)
    recipe = _sample_recipe(arguments)
    with tqdm(total=recipe.rows, unit="sample", disable=None) as progress:
        for rows in prepare_synthetic(arguments.output, recipe, arguments.workers):
            progress.update(rows - progress.n)


def _sample_recipe(arguments: argparse.Namespace) -> CacheRecipe:
    from fercore.caches.synthetic import CacheRecipe
    from fercore.networks.preprocessing import Preprocessing
    from fercore.synthesis.samples import SampleRecipe
    from fercore.synthesis.sensors import CAMERA_NAMES

    samples = SampleRecipe(
        face_models=tuple(path.resolve() for path in arguments.roots),
        seed=arguments.seed,
        cameras=arguments.cameras or CAMERA_NAMES,
        levels=arguments.levels or ALL_LEVELS,
        occluded=not arguments.no_occluders,
        skins=None if arguments.skins is None else arguments.skins.resolve(),
    )
    for name in samples.cameras:
        if name not in CAMERA_NAMES:
            known = ", ".join(CAMERA_NAMES)
            raise FercoreError(f"--cameras {name} is unknown; there are {known}.")
    each = arguments.samples_per_subject
    return CacheRecipe(samples, arguments.subjects, each, Preprocessing())


def _check_samples(arguments: argparse.Namespace) -> None:
    from fercore.synthesis.subjects import MOST_SUBJECTS

    for name, most in (("subjects", MOST_SUBJECTS), ("samples_per_subject", MOST_SAMPLES)):
        option, value = f"--{name.replace('_', '-')}", getattr(arguments, name)
        if value is None:
            raise FercoreError(f"synthetic samples need {option}; give a number up to {most}.")
        if not 1 <= value <= most:
            raise FercoreError(f"{option} {value} makes no sense; give 1 to {most}.")


def _names(text: str) -> tuple[str, ...]:
    names = tuple(part.strip().lower() for part in text.split(","))
    if not all(names) or len(set(names)) < len(names):
        raise ArgumentTypeError(f"{text!r}: give different cameras such as d415,d435")
    return names


SUB_COMMANDS = (
    SubCommand(
        "synthesize",
        "make synthetic subjects in the layout of BU-3DFE",
        _SUBJECTS,
        add_arguments,
        run,
    ),
)
