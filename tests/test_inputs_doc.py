"""The tables of docs/inputs.md say what the code does: its limits, formats and units."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fuzzed_readers import READERS

from fercore.faces.depth_units import UNITS_M
from fercore.faces.quality import MAX_TILT_DEG
from fercore.geometry import mouth
from fercore.geometry.plausibility import LEAST_WIDTH_MM, MOST_WIDTH_MM, UNITS_MM
from fercore.io.images import MOST_PIXELS, MOST_SIDE_PX, PICTURE_SUFFIXES

DOCS = Path(__file__).parent.parent / "docs"
TABLES = (DOCS / "inputs.md").read_text(encoding="utf-8")
CAMERAS = (DOCS / "cameras.md").read_text(encoding="utf-8")


def test_its_limits_are_those_of_the_code() -> None:
    assert f"{LEAST_WIDTH_MM:g} to {MOST_WIDTH_MM:g} mm wide" in TABLES
    assert f"narrower than {LEAST_WIDTH_MM:g} or wider than {MOST_WIDTH_MM:g} mm" in TABLES
    assert f"tilted by more than {MAX_TILT_DEG:g}°" in TABLES
    assert f"{MOST_SIDE_PX:,} pixels a side or {MOST_PIXELS // 1_000_000} million" in TABLES
    assert f"{mouth.FLOOR_MM:g} mm deep" in TABLES


def test_its_units_are_those_that_are_tried() -> None:
    assert set(UNITS_MM) == set(re.findall(r"[a-z]*metres", TABLES.lower()))
    assert all(name.split(" units")[0].split(" of")[0] in CAMERAS for name in UNITS_M.values())


@pytest.mark.parametrize("suffix", sorted(PICTURE_SUFFIXES))
def test_it_names_every_kind_of_picture(suffix: str) -> None:
    name = {".jpg": "JPEG", ".tif": "TIFF", ".webp": "WebP"}.get(suffix, suffix[1:].upper())
    assert name in TABLES


def test_every_format_that_it_names_is_fuzzed() -> None:
    named = set(re.findall(r"`\.([a-z0-9]+)`", TABLES)) | {"wrl", "csv", "json", "toml"}
    fuzzed = {reader.name.rsplit(".", 1)[-1] for reader in READERS}
    fuzzed |= {"wrz"}  # among the samples of mesh.wrl
    fuzzed |= {"safetensors"}  # its card is; the tensors are checked by their sum first
    fuzzed |= {"bag"}  # the SDK reads it as it does .db3, but writes it no more
    assert named <= fuzzed, named - fuzzed
