"""What the report is made of: sections of text, figures, tables and thumbnails.

A table is written once: as figures for machines (TSV) and as words for readers (Markdown, HTML).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tabulate import tabulate

from fercore.runtime.tables import table_text

if TYPE_CHECKING:
    from collections.abc import Mapping

Cell = str | int | float
NOTHING = "–"
_NUMBER = re.compile(r"([–+−<()\d., ]|to|of)+")


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the report."""

    name: str  # of its files
    title: str
    setting: str  # data set, protocol, levels, backbone start
    note: str  # what a reader must know to read it
    header: tuple[str, ...]  # of the shown rows
    shown: tuple[tuple[str, ...], ...]  # formatted
    records: tuple[Mapping[str, Cell], ...]  # the same and more, as numbers 0..1, by column

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Whether each shown column holds numbers alone, for their alignment."""
        return tuple(
            all(_NUMBER.fullmatch(row[place]) for row in self.shown)
            for place in range(len(self.header))
        )

    def to_tsv(self) -> str:
        """Return header and records; every record says what it was measured on."""
        columns = (*(self.records[0] if self.records else self.header), "setting")
        rows = ((*map(_plain, record.values()), self.setting) for record in self.records)
        return table_text(columns, rows)

    def to_markdown(self) -> str:
        """Return title, setting, rows and note."""
        rows = [[cell.replace("|", "\\|") for cell in row] for row in self.shown]
        sides = ["right" if numeric else "left" for numeric in self.numeric]
        grid = tabulate(
            rows,
            self.header,
            tablefmt="pipe",
            disable_numparse=True,
            colalign=sides if rows else None,
        )
        return f"## {self.title}\n\n*{self.setting}*\n\n{grid}\n\n{self.note}\n"


def percent(share: float, digits: int = 1) -> str:
    """Return a share 0..1 as a percentage without its sign, such as `84.7`."""
    return NOTHING if math.isnan(share) else f"{100 * share:.{digits}f}"


def signed(share: float) -> str:
    """Return a difference of shares in percentage points, such as `+2.3`."""
    if math.isnan(share):
        return NOTHING
    points = f"{100 * share:+.1f}".replace("-", "−")
    return "0.0" if points[1:] == "0.0" else points


def interval(low: float, high: float) -> str:
    """Return an interval of shares in percent, such as `81.0–87.2`."""
    return f"{100 * low:.1f} to {100 * high:.1f}"


def signed_interval(low: float, high: float) -> str:
    """Return an interval of differences in percentage points."""
    return f"{signed(low)} to {signed(high)}"


def probability(p: float) -> str:
    """Return a p value, such as `0.012` or `< 0.001`."""
    if math.isnan(p):
        return NOTHING
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _plain(cell: Cell) -> str:
    if isinstance(cell, float):
        return "" if math.isnan(cell) else f"{cell:.6g}"
    return str(cell)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure with its caption."""

    name: str  # of its file
    title: str
    caption: str
    svg: str  # stand-alone


@dataclass(frozen=True, slots=True)
class Thumbnails:
    """Colour and depth of a sample as data URIs."""

    scan: str  # its name in the data set
    rgb: str
    depth: str  # near is bright; transparent where unknown
    depth_range_mm: float  # from the darkest to the brightest


@dataclass(frozen=True, slots=True)
class Tile:
    """Thumbnails of a sample and what is said about it."""

    title: str
    lines: tuple[str, ...]
    thumbnails: Thumbnails


@dataclass(frozen=True, slots=True)
class TileGallery:
    """Tiles of one kind."""

    title: str
    note: str  # what the pictures are and under which terms
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page; figures first, then pictures, then tables."""

    anchor: str
    title: str
    paragraphs: tuple[str, ...] = ()
    findings: tuple[tuple[str, str], ...] = ()  # a claim and what the data say to it
    drawings: tuple[Drawing, ...] = ()
    galleries: tuple[TileGallery, ...] = ()
    tables: tuple[Table, ...] = ()
    folded: tuple[Table, ...] = ()  # shown on demand: long, or said by a figure already
    unshown: tuple[Table, ...] = ()  # files only


@dataclass(frozen=True, slots=True)
class Report:
    """The whole report."""

    title: str
    synthetic: bool
    alert: str  # what a reader must not overlook, such as an unfinished run; or empty
    facts: tuple[tuple[str, str], ...]  # what was run, at the top
    sections: tuple[Section, ...]
    provenance: tuple[tuple[str, str], ...]

    @property
    def drawings(self) -> tuple[Drawing, ...]:
        """All figures."""
        return tuple(drawing for section in self.sections for drawing in section.drawings)

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables."""
        return tuple(
            table
            for section in self.sections
            for table in (*section.tables, *section.folded, *section.unshown)
        )
