"""What a stress run has measured so far: `stress.tsv` and `stress.json`.

`stress.tsv` has one row for each checkpoint, perturbation, severity, head and subject;
its column `weights` is the `name` of a checkpoint in `stress.json`. Both are replaced
as a whole, so a measurement is in them completely or not at all.
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

from fercore.errors import FercoreError
from fercore.results import STRESS_COLUMNS
from fercore.runtime.files import write_text_whole
from fercore.runtime.parsing import parsed_json
from fercore.runtime.tables import parse_table, table_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FORMAT = 1
TABLE_FILE, MANIFEST_FILE = "stress.tsv", "stress.json"
IDENTITY = ("format", "dataset", "levels", "view", "faces_sha256", "seed")
"""Entries of `stress.json` that must agree when a run goes on."""


@dataclass(frozen=True, slots=True)
class StressRow:
    """How many of a subject's faces one head got right."""

    weights: str
    perturbation: str
    unit: str
    severity: float
    head: str  # fusion, rgb or depth
    subject: str
    samples: int
    correct: int


class StressRecords:
    """The records of one folder; goes on with those that an earlier run left.

    `manifest` is the content of `stress.json` but for `weights` and `faces_not_found`.

    Raises:
        FercoreError: the folder holds a run on other faces or a damaged one, or cannot
            be written.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self._folder = folder
        earlier = _read_manifest(folder / MANIFEST_FILE)
        if earlier:
            _require_same(earlier, manifest, folder)
        self._manifest = {**earlier, **manifest}
        self._weights: dict[str, dict[str, str]] = {
            w["name"]: w for w in earlier.get("weights", [])
        }
        self._not_found: list[dict[str, Any]] = list(earlier.get("faces_not_found", []))
        self._rows = _read_rows(folder / TABLE_FILE) if earlier else []
        self._done = {(row.weights, row.perturbation, row.severity) for row in self._rows}

    @property
    def rows(self) -> tuple[StressRow, ...]:
        """All rows so far."""
        return tuple(self._rows)

    def register(self, card: dict[str, str]) -> str:
        """Note a checkpoint (`pipeline`, `sha256`, ...) and return its name.

        That is its pipeline, with the checksum's beginning where another has it already.
        """
        for name, known in self._weights.items():
            if known["sha256"] == card["sha256"]:
                return name
        name = card["pipeline"]
        if name in self._weights:
            name = f"{name}@{card['sha256'][:8]}"
        self._weights[name] = {"name": name, **card}
        return name

    def has(self, weights: str, perturbation: str, severity: float) -> bool:
        """Whether a checkpoint's accuracy at a severity is known."""
        return (weights, perturbation, severity) in self._done

    def faces_not_found(self, perturbation: str, severity: float) -> int:
        """Return how many faces the detector missed at a severity."""
        at = (perturbation, severity)
        entries = {(e["perturbation"], e["severity"]): e["faces"] for e in self._not_found}
        return int(entries.get(at, 0))

    def add(self, rows: Iterable[StressRow]) -> None:
        """Add complete measurements and write them.

        Raises:
            FercoreError: the folder cannot be written.
        """
        added = list(rows)
        self._rows += added
        self._done |= {(row.weights, row.perturbation, row.severity) for row in added}
        self.write()

    def miss(self, perturbation: str, severity: float, faces: int) -> None:
        """Note how many faces were not found; written with the next rows."""
        entry = {"perturbation": perturbation, "severity": severity, "faces": faces}
        self._not_found = [e for e in self._not_found if {**e, "faces": faces} != entry]
        self._not_found.append(entry)

    def write(self) -> None:
        """Write both files.

        Raises:
            FercoreError: the folder cannot be written.
        """
        content = {
            **self._manifest,
            "weights": list(self._weights.values()),
            "faces_not_found": self._not_found,
        }
        # The manifest first: a row whose checkpoint it does not name means nothing.
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        _replace(self._folder / MANIFEST_FILE, text)
        _replace(self._folder / TABLE_FILE, table_text(STRESS_COLUMNS, map(_cells, self._rows)))


def _cells(row: StressRow) -> tuple[str, ...]:
    return tuple(f"{v:g}" if isinstance(v, float) else str(v) for v in astuple(row))


def _read_manifest(path: Path) -> dict[str, Any]:
    """Return the content of `stress.json`, empty where there is none."""
    try:
        content = parsed_json(path.read_bytes())
        if not isinstance(content, dict):
            raise ValueError("no table of values")
        if content.get("format") != FORMAT:
            raise ValueError(f"format {content.get('format')}, this version reads {FORMAT}")
        _require_lists(content)
    except FileNotFoundError:
        return {}
    except NotADirectoryError:
        raise FercoreError(f"{path.parent} is no folder; choose another --output.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FercoreError(f"{path} cannot be read ({error}); remove it to start anew.") from error
    return content


def _require_lists(content: dict[str, Any]) -> None:
    for weights in content["weights"]:
        weights["name"], weights["sha256"]
    for entry in content["faces_not_found"]:
        entry["perturbation"], entry["severity"], entry["faces"]


def _read_rows(path: Path) -> list[StressRow]:
    try:
        return [_parse(row) for row in parse_table(path.read_text("utf-8"), STRESS_COLUMNS)]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        raise FercoreError(f"{path} cannot be read ({error}); remove it to start anew.") from error


def _parse(cells: list[str]) -> StressRow:
    weights, perturbation, unit, severity, head, subject, samples, correct = cells
    return StressRow(
        *(weights, perturbation, unit, float(severity), head, subject),
        *(int(samples), int(correct)),
    )


def _require_same(earlier: dict[str, Any], manifest: dict[str, Any], folder: Path) -> None:
    differing = [name for name in IDENTITY if earlier.get(name) != manifest[name]]
    if differing:
        raise FercoreError(
            f"{folder} holds a stress run with other {', '.join(differing)}; "
            f"choose another --output or remove its {MANIFEST_FILE} and {TABLE_FILE}."
        )


def _replace(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text_whole(path, text)
    except OSError as error:
        raise FercoreError(
            f"{path} cannot be written ({error.strerror or error}); "
            "put that right and run the same command again to go on."
        ) from error
