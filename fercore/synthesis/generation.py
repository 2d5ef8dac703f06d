"""Makes whole trees of synthetic subjects in the layout of BU-3DFE, with several processes.

Every scan draws from random numbers of its own, keyed by seed, subject and scan, so a tree
does not depend on the number of workers or subjects, nor on how often it was interrupted.
A scan whose six files are there is not made again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from tqdm import tqdm

from fercore.errors import FercoreError
from fercore.expressions import EXPRESSIONS, Expression
from fercore.io.bu3dfe_files import FILE_KINDS, ScanId
from fercore.runtime.files import LOCK_FILE, sole_user, write_text_whole
from fercore.runtime.parsing import parsed_json
from fercore.runtime.processes import in_order
from fercore.runtime.versions import versions
from fercore.synthesis.person import LEVELS
from fercore.synthesis.subjects import (
    MOST_SUBJECTS,
    FaceModel,
    Subject,
    load_face_model,
    random_stream,
    sample_subject,
    scan_vertices,
    subject_code,
    subject_skin,
)
from fercore.synthesis.writer import write_scan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fercore.synthesis.appearance import Skin

GENERATOR = 2
"""Version of what a seed means; raise it when the same seed gives other scans."""

MANIFEST = "synthesis.json"
NOTICE = "NOTICE.txt"

_ANCESTRY = "WH"  # file names need one; the face model knows none

# What a stream of random numbers is for; part of its key.
_PERSON, _SKIN, _GEOMETRY, _PICTURE = range(4)


class SynthesisError(FercoreError):
    """Synthetic subjects cannot be made; the message names the folder and the reason."""


@dataclass(frozen=True, slots=True)
class SubjectRecipe:
    """What decides every byte of a tree, and where the tree is."""

    face_model: Path
    root: Path
    seed: int
    skins: Path | None = None  # folder of photographed skins; None: what lies beside the model


@dataclass(frozen=True, slots=True)
class SyntheticScan:
    """Which scan to make."""

    number: int  # of the subject, from 1
    expression: Expression | None  # None: neutral
    level: int  # 1 to 4; 0 for neutral

    @property
    def subject(self) -> str:
        """The subject's code, such as F9001."""
        return subject_code(self.number)

    @property
    def name(self) -> str:
        """What the names of the scan's files begin with, such as F9001_AN01WH."""
        return ScanId(self.subject, self.expression, self.level, _ANCESTRY).name

    @property
    def position(self) -> int:
        """Place among the subject's 25 scans, from 0."""
        if self.expression is None:
            return 0
        return 1 + self.expression.position * len(LEVELS) + LEVELS.index(self.level)

    def is_finished(self, root: Path) -> bool:
        """Tell whether all six files are there."""
        stem = root / self.subject / self.name
        return all(stem.with_name(f"{self.name}_{kind}").is_file() for kind in FILE_KINDS)


def planned_scans(subjects: int, levels: Sequence[int] = LEVELS) -> list[SyntheticScan]:
    """List the scans of each of the first `subjects` subjects: neutral, then 6 × `levels`."""
    kinds = [(None, 0), *((expression, level) for expression in EXPRESSIONS for level in levels)]
    numbers = range(1, subjects + 1)
    return [SyntheticScan(number, *kind) for number in numbers for kind in kinds]


def synthesize(
    recipe: SubjectRecipe, subjects: int, workers: int, levels: Sequence[int] = LEVELS
) -> int:
    """Make what is still missing of `subjects` subjects; return the number of new scans.

    A scan is the same whichever other levels are made.

    Raises:
        FercoreError: the face model cannot be read, the root holds other data or cannot
            be written, or a number is out of range.
    """
    if not 1 <= subjects <= MOST_SUBJECTS:
        raise SynthesisError(f"--subjects must be from 1 to {MOST_SUBJECTS}, got {subjects}")
    if workers < 1:
        raise SynthesisError(f"--workers must be at least 1, got {workers}")
    if recipe.seed < 0:
        raise SynthesisError(f"--seed must not be negative, got {recipe.seed}")
    try:
        _face_model(recipe.face_model, recipe.skins)  # without one, nothing is to be made
        _refuse_foreign(recipe.root)
        with sole_user(recipe.root):  # another run would take our unfinished files for leftovers
            _claim_root(recipe)
            _remove_unfinished_files(recipe.root)
            planned = planned_scans(subjects, levels)
            scans = [scan for scan in planned if not scan.is_finished(recipe.root)]
            _make_all(recipe, scans, workers)
    except OSError as error:
        raise SynthesisError(f"{recipe.root} cannot be written: {error}") from error
    return len(scans)


def _make_all(recipe: SubjectRecipe, scans: Sequence[SyntheticScan], workers: int) -> None:
    make = partial(_make, recipe)
    made = map(make, scans) if workers == 1 else in_order(make, scans, workers)
    for _ in tqdm(made, total=len(scans), unit="scan", disable=None):
        pass


def _make(recipe: SubjectRecipe, scan: SyntheticScan) -> None:
    model = _face_model(recipe.face_model, recipe.skins)
    subject, skin = _person(recipe, scan.number)
    geometry = random_stream(recipe.seed, scan.number, _GEOMETRY, scan.position)
    picture = random_stream(recipe.seed, scan.number, _PICTURE, scan.position)
    vertices = scan_vertices(model, subject, scan.expression, scan.level, geometry)
    folder = recipe.root / scan.subject
    folder.mkdir(exist_ok=True)
    write_scan(folder, scan, model, vertices, skin, picture)


@lru_cache(maxsize=1)
def _face_model(path: Path, skins: Path | None) -> FaceModel:
    return load_face_model(path, skins)


@lru_cache(maxsize=2)
def _person(recipe: SubjectRecipe, number: int) -> tuple[Subject, Skin]:
    model = _face_model(recipe.face_model, recipe.skins)
    subject = sample_subject(model, number, random_stream(recipe.seed, number, _PERSON))
    return subject, subject_skin(model, subject, random_stream(recipe.seed, number, _SKIN))


def _refuse_foreign(root: Path) -> None:
    if root.exists() and not root.is_dir():
        raise SynthesisError(f"{root} is a file: give a folder to write to")
    if (root / MANIFEST).is_file() or not root.is_dir():
        return
    if any(path.name != LOCK_FILE for path in root.iterdir()):
        raise SynthesisError(f"{root} holds other data: give an empty or a new folder")


def _claim_root(recipe: SubjectRecipe) -> None:
    """Write manifest and notice into a new root, or check that an old one is of this recipe."""
    root = recipe.root
    model = _face_model(recipe.face_model, recipe.skins)
    wanted: dict[str, object] = {
        "generator": GENERATOR,
        "seed": recipe.seed,
        "face_model_sha256": model.fingerprint(),
    }
    if (root / MANIFEST).is_file():
        _require_same(root, wanted)
        return
    (root / NOTICE).write_text(model.terms(), encoding="utf-8")
    _write_manifest(root, wanted, model)


def _require_same(root: Path, wanted: dict[str, object]) -> None:
    try:
        found = parsed_json((root / MANIFEST).read_bytes())
    except ValueError as error:
        raise SynthesisError(f"{root / MANIFEST} is damaged: give a new folder") from error
    for key, value in wanted.items():
        if not isinstance(found, dict) or found.get(key) != value:
            raise SynthesisError(
                f"{root} holds synthetic subjects of another {key.split('_sha')[0]}: "
                "give a new folder"
            )


def _write_manifest(root: Path, wanted: dict[str, object], model: FaceModel) -> None:
    manifest = {
        "content": "synthetic subjects in the layout of BU-3DFE; no person was recorded",
        "synthetic": True,
        "face_model": model.name,
        "skins": [] if model.photos is None else list(model.photos.names),
        **wanted,
        "versions": versions(),
        "codes": model.codes,
        "notice": model.terms(),
    }
    write_text_whole(root / MANIFEST, json.dumps(manifest, indent=2) + "\n")


def _remove_unfinished_files(root: Path) -> None:
    for leftover in root.glob("*/*.part"):
        leftover.unlink()
