"""Print what participants of a study are to be told, from STUDY/participant-notice.txt.

The file is made from the study file where it is not there yet: a template with the study's title,
purpose and privacy level. Complete what stands in square brackets, change the rest as you like;
it is never written anew. What it is for: docs/user-studies.md, "Telling participants". It is no
legal advice.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fercore.cli import SubCommand
from fercore.errors import FercoreError, cure
from fercore.runtime.files import write_text_whole

if TYPE_CHECKING:
    import argparse

    from fercore.study.study_file import Study

NOTICE = "participant-notice.txt"
_TEMPLATE = """\
INFORMATION FOR PARTICIPANTS

{title}

Who is responsible
    [name and address of the institution; who leads the study; how to reach the data
    protection officer]

What the study is for
    {purpose}

What happens to you
    A camera looks at your face. From its colour pictures, and from how far away each point of
    it is where the camera measures that, a computer program estimates which facial expression
    it shows: anger, disgust, fear, happiness, sadness, surprise, or none. Such a program is an
    emotion recognition system in the words of the European Union's AI Act (Regulation (EU)
    2024/1689).
    It estimates what a face shows, not what a person feels, and it errs. No decision about
    you is made with it. [Correct this if it is not so.]

What is kept
    {kept}
    The numbers, where your face was in the picture, and the times are kept too.{asked}
    [For how long; who sees it; whether it is passed on; on which legal ground.]

Your rights
    Taking part is voluntary. You can stop at any time without giving a reason and without
    disadvantage, and ask for your data to be deleted: you are participant number [number],
    and nothing else than this number is needed. You have the rights of access,
    rectification, erasure, restriction and objection, and may complain to a data
    protection authority. [Adapt to the law that applies to you.]

[Place, date, name]
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="STUDY", help="the folder of a study")


def run(arguments: argparse.Namespace) -> int:
    """Print the notice, made before where there was none.

    Raises:
        FercoreError: the folder is no study, says no purpose, or cannot be read or written.
    """
    from fercore.study.study_file import load_study

    path = keep_notice(arguments.folder, load_study(arguments.folder))
    try:
        print(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise FercoreError(f"{path} cannot be read ({error}); correct or remove it.") from error
    return 0


def keep_notice(folder: Path, study: Study) -> Path:
    """Return the notice in a study's folder; it is written only where it is not there.

    Raises:
        FercoreError: the study says no purpose, or the file cannot be written.
    """
    path = folder / NOTICE
    if path.exists():
        return path
    if not study.purpose:
        raise FercoreError(
            f"{folder} has a study file that does not say what the study is for; add a line "
            'purpose = "…" at its top: participants are to be told.'
        )
    try:
        write_text_whole(path, _notice(study))
    except OSError as error:
        raise FercoreError(
            f"{path} cannot be written ({error.strerror}); {cure(error)}."
        ) from error
    return path


def _notice(study: Study) -> str:
    asked = ", ".join(field.description.rstrip(".") or field.name for field in study.fields)
    return _TEMPLATE.format(
        title=study.title,
        purpose=study.purpose,
        kept=study.privacy.statement,
        asked=f"\n    You are asked for: {asked}." if asked else "",
    )


SUB_COMMANDS = (
    SubCommand(
        "notice",
        "what participants of a study are to be told, to print and to edit",
        __doc__,
        add_arguments,
        run,
    ),
)
