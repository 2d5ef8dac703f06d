"""What the report is made of: sections of text, figures, tables and thumbnails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fercore.report.pictures import Thumbnails
    from fercore.report.table import Table


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure with its caption."""

    name: str  # of its file
    title: str
    caption: str
    svg: str  # stand-alone


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
