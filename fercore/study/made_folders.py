"""Exports and reports made of a study, and whose data are in them, so that they can be found.

Such a folder appears whole or not at all, and only files that were put there are ever
deleted: what a researcher adds by hand stays, and so does what lies behind a link. Each folder
carries a mark of its own, so that those inside the study are found without its index too.
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from fercore.errors import FercoreError, cure
from fercore.runtime.checking import Text, described
from fercore.runtime.files import sole_user, write_text_whole
from fercore.runtime.parsing import parsed_json

INDEX = "made.json"  # in the study: what was made where
MARK = ".fercore-made.json"  # in each made folder: which files are ours, and whose data they hold
_LOCKS = ".made"


@dataclass(frozen=True, slots=True)
class Made:
    """A folder that was made of a study's data."""

    folder: Path  # absolute
    kind: str  # such as "bids" or "report"
    subjects: tuple[str, ...]  # labels

    @property
    def unfinished(self) -> Path:
        """Where it is built before it takes its name."""
        return self.folder.with_name(f".{self.folder.name}.part")


@dataclass(frozen=True, slots=True)
class Mark:
    """What a made folder says of itself."""

    files: tuple[Text, ...]  # put there by its maker
    subjects: tuple[Text, ...]  # labels of those whose data it stands for


@contextmanager
def making(study: Path, folder: Path, kind: str, subjects: Sequence[str]) -> Iterator[Path]:
    """Give a folder to be filled, which takes its name and the place of an earlier one at the end.

    Raises:
        FercoreError: the name is taken by something else, or the disk is full.
    """
    made = Made(folder.resolve(), kind, tuple(sorted(set(subjects))))
    _require_free(made)
    try:
        _remember(study, made)
        shutil.rmtree(made.unfinished, ignore_errors=True)
        made.unfinished.mkdir(parents=True)
        yield made.unfinished
        write_text_whole(made.unfinished / MARK, _mark(made))
        delete_made(made.folder)
        made.unfinished.replace(made.folder)
    except OSError as error:
        raise FercoreError(
            f"{folder} cannot be written ({error.strerror or error}); "
            f"{cure(error)} or name another folder."
        ) from error
    finally:
        shutil.rmtree(made.unfinished, ignore_errors=True)


def made_folders(study: Path) -> list[Made]:
    """Return what was made of a study.

    Raises:
        FercoreError: the index is damaged.
    """
    path = study / INDEX
    try:
        entries = described(tuple[Made, ...], parsed_json(path.read_bytes()))
        return [replace(entry, folder=study.resolve() / entry.folder) for entry in entries]
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise FercoreError(
            f"{path} is damaged ({error}); delete the study's exports by hand, then this file."
        ) from error


def is_there(made: Made) -> bool:
    """Whether the folder still lies where it was made, finished or not."""
    return (made.folder / MARK).is_file() or made.unfinished.is_dir()


def marked_folders(study: Path) -> list[Made]:
    """Return the folders inside a study that carry a mark or were never finished, by searching.

    Where a mark does not say whose data it stands for, `subjects` is empty.
    """
    found = [_found(path.parent) for path in sorted(study.resolve().rglob(MARK))]
    for path in sorted(study.resolve().rglob(".*.part")):
        if path.is_dir() and not path.is_symlink():
            name = path.name.removeprefix(".").removesuffix(".part")
            found.append(Made(path.with_name(name), "unfinished", ()))
    return found


def files_of(made: Made) -> list[Path]:
    """Return all files of a folder that were put there by its maker.

    Raises:
        FercoreError: its mark is damaged.
    """
    ours = [made.folder / name for name in _marked(made.folder)]
    rest = [path for path in made.unfinished.rglob("*") if not path.is_dir()]
    return [path for path in ours if path.is_file() or path.is_symlink()] + rest


def delete_made(folder: Path) -> None:
    """Delete the files that were put into a folder, and what is then empty; the mark goes last.

    Raises:
        OSError: something cannot be deleted.
        FercoreError: its mark is damaged.
    """
    for name in _marked(folder):
        if name != MARK:
            (folder / name).unlink(missing_ok=True)
    (folder / MARK).unlink(missing_ok=True)
    inner = [path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink()]
    for path in [*sorted(inner, reverse=True), folder]:
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def forget(study: Path, made: Made) -> None:
    """Take a folder out of the index.

    Raises:
        OSError: the index cannot be written.
    """
    with sole_user(study / _LOCKS):
        _write(study, [entry for entry in made_folders(study) if entry.folder != made.folder])


def _remember(study: Path, made: Made) -> None:
    with sole_user(study / _LOCKS):
        earlier = [entry for entry in made_folders(study) if entry.folder != made.folder]
        _write(study, [*earlier, made])


def _require_free(made: Made) -> None:
    folder = made.folder
    if not folder.exists():
        return
    if not folder.is_dir():
        raise FercoreError(f"{folder} is a file; name another --output.")
    ours = {*_marked(folder)}
    for path in folder.rglob("*"):
        if not path.is_dir() and str(path.relative_to(folder)) not in ours:
            raise FercoreError(
                f"{folder} holds {path.name}, which was not made here; "
                "move it elsewhere or name another --output."
            )


def _files_in(folder: Path) -> tuple[str, ...]:
    names = [str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()]
    return (*sorted(names), MARK)


def _mark(made: Made) -> str:
    return json.dumps(asdict(Mark(_files_in(made.unfinished), made.subjects))) + "\n"


def _found(folder: Path) -> Made:
    try:
        return Made(folder, "marked", _read_mark(folder).subjects)
    except FercoreError:
        return Made(folder, "marked", ())


def _marked(folder: Path) -> list[str]:
    """Return the names in a mark that lie in its folder, none where there is no mark.

    A mark that was tampered with must not reach out of its folder, through links neither.
    """
    inside = folder.resolve()
    ours = []
    for name in _read_mark(folder).files:
        if "\0" in name:
            continue
        parent = (folder / name).parent.resolve()
        if ".." not in Path(name).parts and (parent == inside or inside in parent.parents):
            ours.append(name)
    return ours


def _read_mark(folder: Path) -> Mark:
    """Return what a mark says; those of earlier versions are a list of names alone."""
    try:
        content = parsed_json((folder / MARK).read_bytes())
        content = {"files": content, "subjects": []} if isinstance(content, list) else content
        mark = described(Mark, content)
    except FileNotFoundError:
        return Mark((), ())
    except (OSError, ValueError) as error:
        raise FercoreError(f"{folder / MARK} is damaged; delete {folder} by hand.") from error
    return mark


def _write(study: Path, entries: list[Made]) -> None:
    root = study.resolve()
    values = [
        {
            # Relative inside the study, so that the study may be moved as a whole.
            "folder": str(e.folder.relative_to(root) if root in e.folder.parents else e.folder),
            "kind": e.kind,
            "subjects": list(e.subjects),
        }
        for e in entries
    ]
    write_text_whole(study / INDEX, json.dumps(values, indent=2) + "\n")
