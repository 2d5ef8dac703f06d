"""`fercore synthesize`: make synthetic subjects in the layout of BU-3DFE.

The faces come from a morphable model, ICT-FaceKit or the MakeHuman head; nobody was
recorded. Codes run from F9001 so that nobody takes them for BU-3DFE's. The letter for sex
is true with MakeHuman and arbitrary with ICT-FaceKit, which knows no sex; the letters for
ancestry are arbitrary. The same seed always gives the same subjects, and an interrupted
command, given again, goes on where it stopped.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from fercore.cli import SubCommand, levels

if TYPE_CHECKING:
    import argparse


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
        "--levels", type=levels, default=(1, 2, 3, 4), help="beside neutral (default 1,2,3,4)"
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


SUB_COMMANDS = (
    SubCommand(
        "synthesize",
        "make synthetic subjects in the layout of BU-3DFE",
        __doc__,
        add_arguments,
        run,
    ),
)
