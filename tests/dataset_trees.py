"""Small trees in the formats of all data sets, written by hand from their descriptions."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import bu3dfe_fixtures
import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BACKGROUND = -1e9

# A range image of 4 rows and 3 columns, the lowest row first, as it lies in the file. The
# point at the top left is background; v counts from the picture's upper edge.
BNT_ROWS, BNT_COLUMNS = 4, 3
X_MM = (-40.0, 0.0, 40.0, -40.0, 0.0, 40.0, -40.0, 0.0, 40.0, BACKGROUND, 0.0, 40.0)
Y_MM = (-60.0, -60.0, -60.0, -20.0, -20.0, -20.0, 20.0, 20.0, 20.0, BACKGROUND, 60.0, 60.0)
Z_MM = (0.0, 10.0, 0.0, 0.0, 40.0, 0.0, 0.0, 30.0, 0.0, BACKGROUND, 10.0, 0.0)
U = (0.0, 0.5, 1.0, 0.0, 0.5, 1.0, 0.0, 0.5, 1.0, BACKGROUND, 0.5, 1.0)
V = (1.0, 1.0, 1.0, 0.75, 0.75, 0.75, 0.25, 0.25, 0.25, BACKGROUND, 0.0, 0.0)
PLANES = (X_MM, Y_MM, Z_MM, U, V)

BOSPHORUS_NAMES = ("bs000_E_ANGER_0", "bs000_N_N_0", "bs000_N_N_1", "bs104_E_HAPPY_0")
BOSPHORUS_OTHERS = ("bs000_LFAU_10_0", "bs000_YR_R10_0", "bs000_O_EYE_0", "bs104_CAU_A12A15_0")

FER2013_ROWS = (
    *((0, "Training"), (1, "Training"), (3, "Training"), (6, "Training")),
    *((4, "PublicTest"), (2, "PrivateTest"), (5, "PrivateTest")),
)
"""Kaggle's label and the split of each picture; picture i is grey i in all pixels but one."""


def bnt_bytes(
    planes: Sequence[Sequence[float]] = PLANES,
    rows: int = BNT_ROWS,
    columns: int = BNT_COLUMNS,
    background: float = BACKGROUND,
    name: bytes = b"bs000_E_ANGER_0",
    count: int | None = None,
) -> bytes:
    """Return the content of a `.bnt` file."""
    values = [value for plane in planes for value in plane]
    head = struct.pack("<HHdH", rows, columns, background, len(name)) + name
    head += struct.pack("<I", len(values) if count is None else count)
    return head + struct.pack(f"<{len(values)}d", *values)


def write_bu3dfe(root: Path) -> Path:
    """Write two subjects, three scans; one of them without its frontal picture."""
    for name in ("F0001_AN01WH", "F0001_NE00WH", "M0044_SU04AE"):
        bu3dfe_fixtures.write_scan(root / name[:5], name)
    (root / "M0044" / "M0044_SU04AE_F2D.bmp").unlink()
    return root


def write_bu4dfe_frame(folder: Path, number: int, picture: bool = True) -> Path:
    """Write one frame of a sequence; its texture is as grey as its number."""
    folder.mkdir(parents=True, exist_ok=True)
    mesh = folder / f"{number:03d}.wrl"
    mesh.write_text(bu3dfe_fixtures.WRL.replace("F0001_AN01WH_F3D.bmp", f"{number:03d}.jpg"))
    if picture:
        bu3dfe_fixtures.write_picture(mesh.with_suffix(".jpg"), (10, 6), (number,) * 3)
    return mesh


def write_bu4dfe(root: Path) -> Path:
    """Write two subjects, three sequences of five, four and one frames."""
    for sequence, count in (("F001/Angry", 5), ("F001/Happy", 4), ("M043/Surprise", 1)):
        for number in range(count):
            write_bu4dfe_frame(root / sequence, number)
    return root


def write_bosphorus_scan(folder: Path, name: str) -> Path:
    """Write a range image and its picture, of four colours."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.bnt"
    path.write_bytes(bnt_bytes(name=name.encode()))
    # Red and green above, blue and white below.
    corners = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)
    Image.fromarray(corners.repeat(20, axis=0).repeat(15, axis=1)).save(path.with_suffix(".png"))
    return path


def write_bosphorus(root: Path) -> Path:
    """Write two subjects: four scans that are read, four that are not, and landmarks."""
    for name in (*BOSPHORUS_NAMES, *BOSPHORUS_OTHERS):
        write_bosphorus_scan(root / name[:5], name)
    (root / "bs000" / "bs000_E_ANGER_0.lm2").write_text("1\n")
    return root


def fer2013_picture(number: int) -> np.ndarray:
    """Return the picture of a row of `FER2013_ROWS`: (48, 48) uint8, bright in one corner."""
    picture = np.full((48, 48), number, np.uint8)
    picture[0, 0] = 255
    return picture


def write_fer2013(root: Path) -> Path:
    """Write Kaggle's `fer2013.csv`."""
    root.mkdir(parents=True, exist_ok=True)
    lines = [
        f"{label},255{f' {row}' * (48 * 48 - 1)},{usage}"
        for row, (label, usage) in enumerate(FER2013_ROWS)
    ]
    (root / "fer2013.csv").write_text("\n".join(["emotion,pixels,Usage", *lines]) + "\n")
    return root


def write_icml(root: Path) -> Path:
    """Write Kaggle's `icml_face_data.csv`: other order of columns, blanks before their names."""
    root.mkdir(parents=True, exist_ok=True)
    lines = [
        f"{label},{usage},255{f' {row}' * (48 * 48 - 1)}"
        for row, (label, usage) in enumerate(FER2013_ROWS)
    ]
    (root / "icml_face_data.csv").write_text("\n".join(["emotion, Usage, pixels", *lines]) + "\n")
    return root


def write_shards(root: Path) -> Path:
    """Write npz shards, whose labels have an order of their own."""
    root.mkdir(parents=True, exist_ok=True)
    names = np.array(["neutral", "surprise", "sadness", "happiness", "fear", "disgust", "anger"])
    kaggle = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
    order = names.tolist()
    for stem, rows in (
        ("fer2013_train_0", (0, 1)),
        ("fer2013_train_1", (2, 3)),
        ("fer2013_public_test", (4,)),
        ("fer2013_private_test", (5, 6)),
    ):
        labels = [order.index(kaggle[FER2013_ROWS[row][0]]) for row in rows]
        images = np.stack([fer2013_picture(row) for row in rows])
        arrays = {"images": images, "labels": np.array(labels, np.uint8), "label_names": names}
        np.savez(root / f"{stem}.npz", **arrays)
    return root
