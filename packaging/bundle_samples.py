"""Pack two synthetic subjects as the sample that travels with the package.

    python packaging/bundle_samples.py ROOT/SUBJECT ROOT/SUBJECT

takes neutral and the six expressions at level 4 of both from what `fercore
synthesize` wrote, and replaces fercore/datasets/sample_subjects.tar.xz. Meshes of one
face model share their triangles: packed together they take little more than half of
the space that they take one by one.
"""

from __future__ import annotations

import io
import sys
import tarfile
from pathlib import Path

from PIL import Image

from fercore.datasets.bu3dfe import Bu3dfe
from fercore.datasets.opening import ARCHIVE

LEVELS = (0, 4)
JPEG_QUALITY = {"F3D": 90, "F2D": 75}  # the frontal picture is read by few, the texture by all


def main(folders: list[Path]) -> None:
    """Write the archive and say how large it is."""
    if len({folder.name for folder in folders}) != 2:
        sys.exit("Give the folders of two subjects with different codes.")
    notices = [(folder.parent / "NOTICE.txt").read_text(encoding="utf-8") for folder in folders]
    unfinished = ARCHIVE.with_suffix(".part")
    with tarfile.open(unfinished, "w:xz", preset=9) as archive:
        _add(archive, "NOTICE.txt", "\n".join(dict.fromkeys(notices)).encode())
        for folder in folders:
            _add_subject(archive, folder)
    unfinished.replace(ARCHIVE)
    print(f"{ARCHIVE}: {ARCHIVE.stat().st_size / 1e6:.1f} MB")


def _add_subject(archive: tarfile.TarFile, folder: Path) -> None:
    scans = [scan for scan in Bu3dfe(folder.parent).scans() if scan.id.subject == folder.name]
    if not scans:
        sys.exit(f"{folder} holds no scans; give a folder that fercore synthesize wrote.")
    paths = [
        path
        for scan in scans
        for path in (scan.f3d, scan.bnd, scan.texture, scan.f2d)
        if scan.id.level in LEVELS and path is not None
    ]
    for path in sorted(paths, key=lambda path: (path.suffix, path.name)):  # like beside like
        _add(archive, f"{folder.name}/{_packed_name(path)}", _packed(path))


def _packed_name(path: Path) -> str:
    return path.with_suffix(".jpg").name if path.suffix == ".bmp" else path.name


def _packed(path: Path) -> bytes:
    if path.suffix != ".bmp":
        return path.read_bytes()
    buffer = io.BytesIO()
    quality = JPEG_QUALITY[path.stem[-3:]]
    Image.open(path).save(buffer, "JPEG", quality=quality, optimize=True, progressive=True)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)  # of 1970, and nobody's: the same input gives the same file
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


if __name__ == "__main__":
    main([Path(folder) for folder in sys.argv[1:]])
