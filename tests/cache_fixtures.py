"""What a small cache of made-up scans says of itself and of its rows."""

from __future__ import annotations

from dataclasses import replace

from fercore.caches.records import FORMAT_VERSION, CacheRow, Manifest
from fercore.networks.preprocessing import Preprocessing
from fercore.structures import FaceBox

SIZES = Preprocessing(rgb_size=8, depth_size=6)
MANIFEST = Manifest(
    format_version=FORMAT_VERSION,
    source="tree",
    scans_sha256="0" * 64,
    rows=6,
    views=1,
    seed=3,
    preprocessing=SIZES,
    versions={"python": "3.11"},
)
ROW = CacheRow(
    row=0,
    scan="F0001_AN03WH",
    subject="F0001",
    expression="anger",
    level=3,
    ancestry="WH",
    view="f2d",
    status="ok",
    reason="",
    valid_fraction=0.6875,
    box=FaceBox(-12, 30, 480, 522, 0.9375),
    fell_back=False,
    edge_shift_px=1.25,
)
NEUTRAL = replace(ROW, scan="F0001_NE00WH", expression="neutral", level=0)
FACELESS = replace(
    ROW,
    scan="M9002_SU04WH",
    subject="M9002",
    expression="surprise",
    level=4,
    status="no face",
    reason="no face found",
    valid_fraction=0.0,
    box=None,
    fell_back=None,
    edge_shift_px=None,
)
