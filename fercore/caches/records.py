"""What a prepared cache records about itself: its manifest and the rows of its index."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from fercore.expressions import EXPRESSIONS, NEUTRAL
from fercore.networks.preprocessing import Preprocessing
from fercore.runtime.parsing import checked, parsed_json
from fercore.runtime.tables import parse_table, table_line
from fercore.structures import FaceBox

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMAT_VERSION = 1
RGB_FILE, DEPTH_FILE = "rgb.npy", "depth_m.npy"
INDEX_FILE, MANIFEST_FILE = "index.tsv", "cache.json"

OK = "ok"
"""Status of a row with a face; any other status says what kept it from having one."""

F2D_VIEW, RENDERED_VIEW, CAMERA_VIEW = "f2d", "rendered", "camera"
"""A row's picture: the data set's own frontal one, the textured mesh rendered from the front
where there is none, or the mesh as a camera at the desk would see it."""

FRONTAL_VIEWS = (F2D_VIEW, RENDERED_VIEW)
"""A scan has one row with one of these, its first."""


@dataclass(frozen=True, slots=True)
class CacheRow:
    """One view of one scan, and where its crop came from."""

    row: int  # in rgb and depth_m
    scan: str  # such as F0001_AN01WH
    subject: str
    expression: str  # an expression's name, or neutral
    level: int  # 1 to 4; 0: neutral, or a data set without levels
    ancestry: str  # BU-3DFE's two letters; empty in other data sets
    view: str  # f2d, rendered or camera; of synthetic samples the depth camera's name
    status: str  # ok, or what went wrong in a few words
    reason: str  # the details, or why the view or its registration is second best; else empty
    valid_fraction: float  # share of the face's box with measured depth, 0..1
    box: FaceBox | None  # the square that was cut out, in the view's pixels
    fell_back: bool | None  # the registration was implausible and its start is used
    edge_shift_px: float | None  # how far the registration moved the face's edge from its start
    target: tuple[float, ...] | None = None  # (7,) share of people who see each expression, then
    # calm; None: the label alone is known

    @property
    def usable(self) -> bool:
        """Whether the row's arrays hold a face."""
        return self.status == OK

    @property
    def lacks_level(self) -> bool:
        """Whether it shows an expression of a data set without levels."""
        return self.level == 0 and self.expression != NEUTRAL


_SAID_SINCE = {"dataset", "terms", "synthetic"}
"""What manifests of older caches lack."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a cache was made of, and how; equal manifests make equal caches."""

    format_version: int
    source: str  # name of the data set's folder
    scans_sha256: str  # of the names of all scans, in order
    rows: int
    views: int  # rendered views for each scan, beside its picture
    seed: int
    preprocessing: Preprocessing
    versions: dict[str, str]
    dataset: str = ""  # whose codes the subjects have; empty: made before caches said so
    terms: str = ""  # under which the data may be used
    synthetic: bool = False  # nobody was recorded

    def to_json(self) -> str:
        """Return the content of `cache.json`."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Parse the content of `cache.json`.

        Raises:
            ValueError: it is not what `to_json` wrote.
        """
        content: dict[str, Any] = parsed_json(text)
        if not isinstance(content, dict):
            raise ValueError("no table of values")
        version = content.get("format_version")
        if version != FORMAT_VERSION:
            raise ValueError(f"format {version}, this version reads {FORMAT_VERSION}")
        missing = {field.name for field in fields(cls)} ^ (_SAID_SINCE | content.keys())
        if missing:
            raise ValueError(f"missing or unknown: {', '.join(sorted(missing))}")
        raw = content["preprocessing"]
        if not isinstance(raw, dict):
            raise ValueError("preprocessing is no table of values")
        try:
            parameters = checked(Preprocessing, raw)
        except ValueError as error:
            raise ValueError(f"preprocessing parameters: {error}") from error
        manifest = checked(cls, {**content, "preprocessing": parameters})
        if manifest.rows < 0 or manifest.views < 0:
            raise ValueError("rows and views must not be negative")
        return manifest


COLUMNS = (
    *("row", "scan", "subject", "expression", "level", "ancestry", "view", "status", "reason"),
    *("valid_fraction", "box_x0", "box_y0", "box_x1", "box_y1", "box_score"),
    *("fell_back", "edge_shift_px", "target"),
)
_ADDED = ("target",)  # caches that were made before lack it


def format_row(row: CacheRow) -> str:
    """Return the row's line of `index.tsv`, with its line break."""
    box = row.box
    values = [
        *(row.row, row.scan, row.subject, row.expression, row.level, row.ancestry),
        *(row.view, row.status, row.reason, f"{row.valid_fraction:.4f}"),
        *([""] * 5 if box is None else [f"{v:g}" for v in (box.x0, box.y0, box.x1, box.y1)]),
        *([] if box is None else [f"{box.score:.4f}"]),
        "" if row.fell_back is None else int(row.fell_back),
        "" if row.edge_shift_px is None else f"{row.edge_shift_px:.3f}",
        "" if row.target is None else " ".join(f"{share:.4g}" for share in row.target),
    ]
    return table_line(values)


def parse_row(cells: Sequence[str]) -> CacheRow:
    """Parse the cells of a row of `index.tsv`.

    Raises:
        ValueError: they are not what `format_row` wrote.
    """
    value = dict(zip(COLUMNS, cells, strict=True))
    return CacheRow(
        row=int(value["row"]),
        scan=value["scan"],
        subject=value["subject"],
        expression=value["expression"],
        level=int(value["level"]),
        ancestry=value["ancestry"],
        view=value["view"],
        status=value["status"],
        reason=value["reason"],
        valid_fraction=float(value["valid_fraction"]),
        box=_parse_box(cells[10:15]),
        fell_back=None if not value["fell_back"] else value["fell_back"] == "1",
        edge_shift_px=None if not value["edge_shift_px"] else float(value["edge_shift_px"]),
        target=_parse_target(value["target"]),
    )


def parse_index(content: str) -> list[CacheRow]:
    """Parse `index.tsv`; a last line that was cut off, as by a kill, is left out.

    Raises:
        ValueError: the header or a row is not what was written, or the rows are not in order.
    """
    rows = [parse_row(cells) for cells in parse_table(content, COLUMNS, _ADDED)]
    if [row.row for row in rows] != list(range(len(rows))):
        raise ValueError("its rows are not numbered in order")
    return rows


def _parse_target(text: str) -> tuple[float, ...] | None:
    shares = tuple(float(share) for share in text.split())
    if shares and (len(shares) != len(EXPRESSIONS) + 1 or not 0.99 < sum(shares) < 1.01):
        raise ValueError(f"{text!r} is no distribution over six expressions and calm")
    return shares or None


def _parse_box(cells: Sequence[str]) -> FaceBox | None:
    return None if not cells[0] else FaceBox(*(float(cell) for cell in cells))
