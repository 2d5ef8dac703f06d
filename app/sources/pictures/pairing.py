"""Which files of a folder are frames: the colour pictures, and the depth map of each.

Colour lies in `rgb/`, `color/`, `image/` and the like, or in the folder itself; depth in
`aligned_depth/`, `depth/` and the like, or beside the colour. They belong together by TUM's
lists, else by their names, else by the nearest of the time stamps in their names.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from app.sources.pictures.names import (
    Role,
    frame_key,
    has_tum_lists,
    is_aligned,
    last_number_of,
    numbers_of,
    role_of,
    stamp_of,
    tum_pairs,
    tum_stamps,
)
from fercore.io.depth_maps import DEPTH_KINDS
from fercore.io.files import natural_key
from fercore.io.images import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    Matching = dict[Path, Path]  # the depth map of each colour picture that has one

_SHARE_OF_PERIOD = 0.6  # colour and depth further apart than this belong to two frames
_FEW_PICTURES_PERIOD = 1 / 30  # seconds; where there are too few pictures to tell
_NEIGHBOURS = 2  # depth maps on either side of a picture's stamp that may be its own


class Pair(NamedTuple):
    """A colour picture and the depth map that belongs to it."""

    rgb: Path
    depth: Path | None


@dataclass(frozen=True, slots=True)
class PictureFolder:
    """The frames of a folder."""

    pairs: tuple[Pair, ...]  # in the order of their numbers
    lone_depths: int  # depth maps that belong to no colour picture
    is_tum: bool  # laid out as TUM's data sets are

    @property
    def has_depth(self) -> bool:
        """Whether there is any depth map."""
        return self.lone_depths > 0 or any(pair.depth for pair in self.pairs)

    def account(self) -> str:
        """Return what could not be put together, in one phrase; empty where all could."""
        if not self.has_depth:
            return ""
        missing = sum(pair.depth is None for pair in self.pairs)
        parts = (
            f"{missing} of {len(self.pairs)} pictures are without depth map" if missing else "",
            f"{self.lone_depths} depth maps without picture" if self.lone_depths else "",
        )
        return ", ".join(filter(None, parts))


def look_into(folder: Path) -> PictureFolder:
    """Return the frames of a folder; none where it holds no colour picture.

    Raises:
        OSError: it cannot be read.
    """
    inside = _visible(folder)
    folders = [path for path in inside if path.is_dir()]
    home = next((path for path in _colour_homes(folders) if _pictures(_visible(path))), None)
    beside = inside if home is None else _visible(home)
    colours, depths = _colours(beside, is_apart=home is not None), _depths(folders, beside)
    is_tum = has_tum_lists(folder)
    matching = _listed(folder, colours, depths) if is_tum else {}
    matching = matching or _by_names(colours, depths)
    pairs = tuple(Pair(path, matching.get(path)) for path in colours)
    return PictureFolder(pairs, len(depths) - len(matching), is_tum)


def _visible(folder: Path) -> list[Path]:
    """Return what is in a folder, without the shadows that macOS leaves beside files."""
    return sorted(
        (path for path in folder.iterdir() if not path.name.startswith(".")),
        key=lambda path: natural_key(path.name),
    )


def _colour_homes(folders: Sequence[Path]) -> list[Path]:
    """Return the folders called after colour; mere `images` last, which may be anything."""
    called = [path for path in folders if role_of(path.name) is Role.COLOUR]
    return sorted(called, key=lambda path: path.name.lower().startswith("im"))


def _pictures(files: Iterable[Path]) -> list[Path]:
    return [path for path in files if path.suffix.lower() in PICTURE_SUFFIXES]


def _colours(files: Sequence[Path], is_apart: bool) -> list[Path]:
    """Return the colour pictures; where others lie beside them, those that are called so."""
    pictures = _pictures(files)
    roles = {path: role_of(path.stem) for path in pictures}
    if is_apart or Role.DEPTH not in roles.values():
        return [path for path in pictures if roles[path] is not Role.DEPTH]
    called = [path for path in pictures if roles[path] is Role.COLOUR]
    return called or [path for path in pictures if roles[path] is Role.UNSAID]


def _depths(folders: Sequence[Path], beside: Sequence[Path]) -> list[Path]:
    """Return the depth maps, of each name the kind of file that loses least."""
    rooms = [path for path in folders if role_of(path.name) is Role.DEPTH]
    # Aligned maps come first: others show what another eye sees.
    for room in sorted(rooms, key=lambda path: (not is_aligned(path.name), len(path.name))):
        found = _best_kinds(path for path in _visible(room) if role_of(path.stem) is not Role.OTHER)
        if found:
            return found
    return _best_kinds(path for path in beside if role_of(path.stem) is Role.DEPTH)


def _best_kinds(paths: Iterable[Path]) -> list[Path]:
    best: dict[str, Path] = {}
    for path in paths:
        kind = path.suffix.lower()
        if kind in DEPTH_KINDS:
            rival = best.get(path.stem)
            if rival is None or DEPTH_KINDS.index(kind) < DEPTH_KINDS.index(rival.suffix.lower()):
                best[path.stem] = path
    return list(best.values())


def _listed(folder: Path, colours: Sequence[Path], depths: Sequence[Path]) -> Matching:
    """Return what TUM's lists say of these files."""
    known = {path.resolve(): path for path in (*colours, *depths)}
    is_depth = set(depths)
    matching: Matching = {}
    for listed in tum_pairs(folder):
        one, other = (known.get(path.resolve()) for path in listed)
        if one is not None and other is not None and (one in is_depth) != (other in is_depth):
            colour, depth = (other, one) if one in is_depth else (one, other)
            matching.setdefault(colour, depth)
    if matching:
        return matching
    stamps = {known.get(path.resolve()): s for path, s in tum_stamps(folder).items()}
    return _nearest(
        {path: stamps[path] for path in colours if path in stamps},
        {path: stamps[path] for path in depths if path in stamps},
    )


def _by_names(colours: Sequence[Path], depths: Sequence[Path]) -> Matching:
    """Return what names say: those of one frame are alike, or tell nearly the same time."""
    found = [_alike(colours, depths, key) for key in (frame_key, numbers_of, last_number_of)]
    found.append(_nearest(_stamped(colours), _stamped(depths)))
    return max(found, key=len)  # the first of equals


def _alike(
    colours: Sequence[Path], depths: Sequence[Path], key: Callable[[str], tuple[str, ...]]
) -> Matching:
    """Return the pairs whose names have one key that no other picture and no other map has."""
    keys = [{path: key(path.stem) for path in paths} for paths in (colours, depths)]
    counts = [Counter(each.values()) for each in keys]
    by_key = {name: path for path, name in keys[1].items() if counts[1][name] == 1}
    return {
        path: by_key[name]
        for path, name in keys[0].items()
        if counts[0][name] == 1 and name in by_key
    }


def _stamped(paths: Sequence[Path]) -> dict[Path, float]:
    stamps = {path: stamp_of(path.stem) for path in paths}
    return {path: stamp for path, stamp in stamps.items() if stamp is not None}


def _nearest(colours: Mapping[Path, float], depths: Mapping[Path, float]) -> Matching:
    """Return the pairs whose stamps are nearest to each other, each file in one at most."""
    if not colours or not depths:
        return {}
    order = sorted(depths, key=depths.__getitem__)
    times = np.array([depths[path] for path in order])
    most = _SHARE_OF_PERIOD * _period(sorted(colours.values()))
    apart = []
    for path, stamp in colours.items():
        place = int(np.searchsorted(times, stamp))
        for near in range(max(0, place - _NEIGHBOURS), min(len(order), place + _NEIGHBOURS)):
            apart.append((abs(float(times[near]) - stamp), str(path), path, order[near]))
    matching: Matching = {}
    taken: set[Path] = set()
    for gap, _, colour, depth in sorted(apart, key=lambda entry: entry[:2]):
        if gap <= most and colour not in matching and depth not in taken:
            matching[colour] = depth
            taken.add(depth)
    return matching


def _period(stamps: Sequence[float]) -> float:
    """Return the usual time between pictures, in the stamps' own unit."""
    steps = np.diff(np.array(stamps))
    steps = steps[steps > 0]
    return float(np.median(steps)) if len(steps) else _FEW_PICTURES_PERIOD
