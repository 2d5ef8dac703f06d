import tarfile
from pathlib import Path

import pytest

from fercore.datasets import opening
from fercore.datasets.bu3dfe import Bu3dfe
from fercore.errors import DatasetError
from fercore.expressions import EXPRESSIONS


def test_two_subjects_show_neutral_and_every_expression(sample_root: Path) -> None:
    scans = Bu3dfe(sample_root).scans()
    by_subject = {scan.id.subject for scan in scans}
    assert len(by_subject) == 2
    assert all(subject[1] == "9" for subject in by_subject)  # no code of BU-3DFE's
    for subject in by_subject:
        shown = [scan.id.expression for scan in scans if scan.id.subject == subject]
        assert shown == [None, *EXPRESSIONS]


def test_every_sample_has_its_mesh_picture_and_landmarks(sample_root: Path) -> None:
    for scan in Bu3dfe(sample_root).scans():
        assert scan.missing() == ["RAW.wrl", "RAW.pse"]
        mesh = scan.mesh()
        assert 8_000 <= len(mesh.vertices_mm) <= 11_000
        assert mesh.texture_rgb is not None
        assert scan.picture_rgb().shape == (512, 512, 3)
        assert len(scan.landmarks().points_mm) == 83


def test_the_subjects_are_of_two_face_models(sample_root: Path) -> None:
    first, second = (scan.mesh() for scan in Bu3dfe(sample_root).scans() if scan.id.level == 0)
    assert first.triangles.shape != second.triangles.shape


def test_the_archive_is_small_and_carries_its_notice() -> None:
    assert opening.ARCHIVE.stat().st_size <= 4e6
    with tarfile.open(opening.ARCHIVE) as archive:
        file = archive.extractfile("NOTICE.txt")
        assert file is not None
        notice = file.read().decode()
    assert "ICT-FaceKit" in notice and "MIT License" in notice
    assert "head of MakeHuman" in notice and "CC0" in notice


def test_samples_are_unpacked_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    root = opening.sample_root()
    stamp = root.stat().st_mtime_ns
    assert opening.sample_root() == root
    assert root.stat().st_mtime_ns == stamp
    assert [p.name for p in root.parent.iterdir()] == [root.name]


@pytest.mark.parametrize("length", [0, 10, 100_000])
def test_a_damaged_archive_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, length: int
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    damaged = tmp_path / "samples.tar.xz"
    damaged.write_bytes(opening.ARCHIVE.read_bytes()[:length])
    monkeypatch.setattr(opening, "ARCHIVE", damaged)
    with pytest.raises(DatasetError, match="cannot be unpacked"):
        opening.sample_root()
    assert list((tmp_path / "cache" / "fercore").iterdir()) == []
