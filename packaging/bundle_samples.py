"""Zip two synthetic subjects as the sample that travels with the package.

    python packaging/bundle_samples.py SYNTHETIC_ROOT SUBJECT SUBJECT

takes neutral and the six expressions at level 4 of both from what `fercore
synthesize` wrote, and replaces fercore/datasets/sample_subjects.zip.
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

from PIL import Image

from fercore.datasets.bu3dfe import Bu3dfe
from fercore.datasets.samples import ARCHIVE

LEVELS = (0, 4)
JPEG_QUALITY = 92
EPOCH = (1980, 1, 1, 0, 0, 0)  # zip's earliest date: the same input gives the same file


def main(root: Path, subjects: list[str]) -> None:
    """Write the archive and say how large it is."""
    with zipfile.ZipFile(ARCHIVE, "w") as archive:
        _add(archive, "NOTICE.txt", (root / "NOTICE.txt").read_bytes())
        for scan in Bu3dfe(root).scans():
            if scan.id.subject not in subjects or scan.id.level not in LEVELS:
                continue
            for path in (scan.f3d, scan.texture, scan.bnd, scan.f2d):
                if path is not None:
                    _add(archive, f"{scan.id.subject}/{_packed_name(path)}", _packed(path))
    print(f"{ARCHIVE}: {ARCHIVE.stat().st_size / 1e6:.1f} MB")


def _packed_name(path: Path) -> str:
    return path.with_suffix(".jpg").name if path.suffix == ".bmp" else path.name


def _packed(path: Path) -> bytes:
    if path.suffix != ".bmp":
        return path.read_bytes()
    buffer = io.BytesIO()
    Image.open(path).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_LZMA
    archive.writestr(entry, content)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
