import gzip
import os

import bu3dfe_fixtures as fixtures
import numpy as np
import pytest
from PIL import Image

from fercore.datasets.bu3dfe import Bu3dfe
from fercore.errors import DatasetError, MeshError
from fercore.expressions import Expression
from fercore.io.bu3dfe_files import ScanId, parse_file_name

NAMES = ("F0001_AN01WH", "F0001_NE00WH", "M0044_SU04AE")


def write_tree(root, names=NAMES):
    """One folder per subject."""
    for name in names:
        fixtures.write_scan(root / name[:5], name)
    return root


def names_of(dataset):
    return [scan.name for scan in dataset.scans()]


class TestNames:
    def test_every_part_is_read(self):
        scan, kind = parse_file_name("f0012_ha03la_f2d.BMP")
        assert scan == ScanId("F0012", Expression.HAPPINESS, 3, "LA")
        assert kind == "F2D.bmp"
        assert scan.name == "F0012_HA03LA"
        assert scan.label == "happiness"

    def test_neutral(self):
        scan, _ = parse_file_name("M0001_NE00BL_RAW.pse")
        assert scan == ScanId("M0001", None, 0, "BL")
        assert scan.label == "neutral"
        assert scan.name == "M0001_NE00BL"

    @pytest.mark.parametrize(
        "name",
        [
            "F0001_AN05WH_F3D.wrl",
            "F0001_AN00WH_F3D.wrl",
            "F0001_NE01WH_F3D.wrl",
            "F001_AN01WH_F3D.wrl",
            "F0001_AN01XX_F3D.wrl",
            "X0001_AN01WH_F3D.wrl",
            "F0001_AN01WH_F3D.wrl.bak",
            "._F0001_AN01WH_F3D.wrl",
            "F0001_AN01WH_F3D.psd",
            "F0001_AN01WH_F2D.wrl",
            "F0001_AN01WH_RAW.bnd",
            "F٠٠٠1_AN01WH_F3D.wrl",
        ],
    )
    def test_other_names_are_not_scans(self, name):
        assert parse_file_name(name) is None


class TestLayouts:
    @pytest.mark.parametrize("below", ["", "BU_3DFE", "BU-3DFE/BU-3DFE", "Subjects", "original"])
    def test_roots_vary(self, tmp_path, below):
        write_tree(tmp_path / below)
        dataset = Bu3dfe(tmp_path)
        assert names_of(dataset) == ["F0001_NE00WH", "F0001_AN01WH", "M0044_SU04AE"]
        assert dataset.subjects() == ["F0001", "M0044"]
        assert not any(scan.missing() for scan in dataset.scans())
        assert dataset.duplicates() == []
        assert dataset.problems == ()

    def test_flat(self, tmp_path):
        for name in NAMES:
            fixtures.write_scan(tmp_path, name)
        assert len(Bu3dfe(tmp_path).scans()) == 3

    def test_lower_case(self, tmp_path):
        write_tree(tmp_path)
        for path in sorted(tmp_path.rglob("*.*")):
            path.rename(path.with_name(path.name.lower()))
        scan = Bu3dfe(tmp_path).find("M0044_SU04AE")
        assert scan.missing() == []
        assert scan.mesh().texture_rgb is not None

    def test_pictures_of_other_kinds_and_gzipped_meshes(self, tmp_path):
        write_tree(tmp_path)
        for path in sorted(tmp_path.rglob("*.bmp")):
            with Image.open(path) as picture:
                picture.save(path.with_suffix(".png"))
            path.unlink()
        for path in sorted(tmp_path.rglob("*.wrl")):
            path.with_suffix(".wrl.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
        for scan in Bu3dfe(tmp_path).scans():
            assert scan.missing() == []
            assert scan.mesh().is_textured
            assert scan.picture_rgb().shape == (512, 512, 3)

    def test_one_subject(self, tmp_path):
        write_tree(tmp_path)
        assert names_of(Bu3dfe(tmp_path / "M0044")) == ["M0044_SU04AE"]

    @pytest.mark.parametrize(
        "kind", ["F3D.wrl", "F3D.bmp", "F3D.bnd", "F2D.bmp", "RAW.wrl", "RAW.pse"]
    )
    def test_any_file_of_a_scan(self, tmp_path, kind):
        write_tree(tmp_path)
        (scan,) = Bu3dfe(tmp_path / "F0001" / f"F0001_AN01WH_{kind}").scans()
        assert scan.name == "F0001_AN01WH"
        assert scan.missing() == []

    def test_kinds_in_folders_of_their_own(self, tmp_path):
        fixtures.write_scan(tmp_path / "mesh", "F0001_AN01WH")
        (tmp_path / "pictures").mkdir()
        for kind in ("F2D.bmp", "F3D.bmp"):
            name = f"F0001_AN01WH_{kind}"
            (tmp_path / "mesh" / name).rename(tmp_path / "pictures" / name)
        dataset = Bu3dfe(tmp_path)
        (scan,) = dataset.scans()
        assert scan.missing() == []
        assert scan.mesh().texture_rgb[0, 0].tolist() == [200, 100, 50]
        assert dataset.duplicates() == []

    def test_odd_paths_and_links(self, tmp_path):
        write_tree(tmp_path / "mit Leerzeichen" / "表情 ü")
        (tmp_path / "view").mkdir()
        (tmp_path / "view" / "data").symlink_to(tmp_path / "mit Leerzeichen")
        (tmp_path / "view" / "loop").symlink_to(tmp_path / "view")
        dataset = Bu3dfe(tmp_path / "view")
        assert len(dataset.scans()) == 3
        assert dataset.duplicates() == []
        assert dataset.scans()[0].mesh().texture_rgb is not None

    def test_text_will_do_as_path(self, tmp_path):
        assert len(Bu3dfe(str(write_tree(tmp_path))).scans()) == 3


class TestFiles:
    def test_contents(self, tmp_path):
        scan = Bu3dfe(write_tree(tmp_path)).find("F0001_AN01WH")
        mesh = scan.mesh()
        np.testing.assert_array_equal(mesh.vertices_mm, fixtures.VERTICES)
        assert mesh.texture_rgb.shape == (6, 10, 3)
        assert scan.picture_rgb().shape == (512, 512, 3)
        assert scan.picture_rgb()[7, 9].tolist() == [90, 80, 70]
        assert scan.landmarks().points_mm.shape == (83, 3)
        assert scan.pose().points_mm.shape == (2, 3)
        assert scan.folder() == tmp_path / "F0001"

    def test_missing_companions(self, tmp_path):
        write_tree(tmp_path)
        for kind in ("F2D.bmp", "F3D.bnd", "RAW.wrl", "RAW.pse", "F3D.wrl"):
            (tmp_path / "F0001" / f"F0001_AN01WH_{kind}").unlink()
        scan = Bu3dfe(tmp_path).find("F0001_AN01WH")
        assert scan.missing() == ["F3D.wrl", "F3D.bnd", "F2D.bmp", "RAW.wrl", "RAW.pse"]
        with pytest.raises(MeshError, match=r"F0001_AN01WH_F3D\.wrl is missing from"):
            scan.mesh()
        for read, kind in (
            (scan.picture_rgb, "F2D.bmp"),
            (scan.landmarks, "F3D.bnd"),
            (scan.pose, "RAW.pse"),
        ):
            with pytest.raises(DatasetError, match=f"F0001_AN01WH_{kind} is missing"):
                read()

    def test_missing_texture_leaves_the_mesh(self, tmp_path, caplog):
        write_tree(tmp_path)
        (tmp_path / "F0001" / "F0001_AN01WH_F3D.bmp").unlink()
        assert Bu3dfe(tmp_path).find("F0001_AN01WH").mesh().texture_rgb is None
        assert "which is missing" in caplog.text

    def test_damaged_texture_leaves_the_mesh(self, tmp_path, caplog):
        write_tree(tmp_path)
        (tmp_path / "F0001" / "F0001_AN01WH_F3D.bmp").write_bytes(b"BM")
        assert Bu3dfe(tmp_path).find("F0001_AN01WH").mesh().texture_rgb is None
        assert "F0001_AN01WH_F3D.bmp" in caplog.text

    def test_picture_of_another_size(self, tmp_path):
        write_tree(tmp_path)
        fixtures.write_picture(tmp_path / "F0001" / "F0001_AN01WH_F2D.bmp", (500, 512), (1, 1, 1))
        with pytest.raises(DatasetError, match="500×512 pixels, and 512×512 are expected"):
            Bu3dfe(tmp_path).find("F0001_AN01WH").picture_rgb()

    def test_no_file_stays_open(self, tmp_path):
        write_tree(tmp_path)
        before = len(os.listdir("/proc/self/fd"))
        for scan in Bu3dfe(tmp_path).scans():
            scan.mesh(), scan.picture_rgb(), scan.landmarks(), scan.pose()
        assert len(os.listdir("/proc/self/fd")) == before


class TestCopies:
    """The registered re-release beside the original, and other second copies."""

    REGISTERED = fixtures.grid_wrl(2, 2998)

    def test_registered_release_alone(self, tmp_path):
        for name in NAMES:
            fixtures.write_scan(tmp_path, name, self.REGISTERED)
        dataset = Bu3dfe(tmp_path)
        assert len(dataset.scans()) == 3
        assert dataset.scans()[0].mesh().vertices_mm.shape == (5996, 3)

    def test_original_is_preferred(self, tmp_path):
        # The registered copy comes first by name and depth, and must lose all the same.
        for name in NAMES:
            fixtures.write_scan(tmp_path / "a", name, self.REGISTERED)
        write_tree(tmp_path / "b" / "BU-3DFE")
        dataset = Bu3dfe(tmp_path)
        assert len(dataset.scans()) == 3
        for scan in dataset.scans():
            assert tmp_path / "b" in scan.f3d.parents
        assert [(copy.name, copy.ignored) for copy in dataset.duplicates()] == [
            (scan.name, tmp_path / "a") for scan in dataset.scans()
        ]

    def test_copies_are_never_mixed(self, tmp_path):
        fixtures.write_scan(tmp_path / "a", NAMES[0], self.REGISTERED)
        write_tree(tmp_path / "b")
        (tmp_path / "b" / "F0001" / f"{NAMES[0]}_F3D.bnd").unlink()
        scan = Bu3dfe(tmp_path).find(NAMES[0])
        assert scan.f3d.parent == tmp_path / "b" / "F0001"
        assert scan.missing() == ["F3D.bnd"]

    def test_more_complete_then_higher_then_first(self, tmp_path):
        for folder in ("a", "b", "c/d"):
            fixtures.write_scan(tmp_path / folder, NAMES[0])
        assert Bu3dfe(tmp_path).scans()[0].folder() == tmp_path / "a"
        (tmp_path / "a" / f"{NAMES[0]}_RAW.pse").unlink()
        assert Bu3dfe(tmp_path).scans()[0].folder() == tmp_path / "b"
        (tmp_path / "b" / f"{NAMES[0]}_RAW.pse").unlink()
        dataset = Bu3dfe(tmp_path)
        assert dataset.scans()[0].folder() == tmp_path / "c" / "d"
        assert [copy.ignored for copy in dataset.duplicates()] == [tmp_path / "a", tmp_path / "b"]

    def test_explicit_file_wins(self, tmp_path):
        for folder in ("a", "b"):
            fixtures.write_scan(tmp_path / folder, NAMES[0])
        scan = Bu3dfe(tmp_path).find(str(tmp_path / "b" / f"{NAMES[0]}_F2D.bmp"))
        assert scan.folder() == tmp_path / "b"

    def test_names_that_differ_in_case_only(self, tmp_path):
        fixtures.write_scan(tmp_path, NAMES[0])
        fixtures.write_picture(tmp_path / f"{NAMES[0].lower()}_f2d.bmp", (512, 512), (1, 1, 1))
        dataset = Bu3dfe(tmp_path)
        assert dataset.scans()[0].f2d == tmp_path / f"{NAMES[0]}_F2D.bmp"
        (copy,) = dataset.duplicates()
        assert copy.ignored == tmp_path / f"{NAMES[0].lower()}_f2d.bmp"


class TestFind:
    @pytest.mark.parametrize("text", ["F0001_AN01WH", "f0001_an01wh", "F0001_AN01WH_F3D.wrl"])
    def test_by_name(self, tmp_path, text):
        assert Bu3dfe(write_tree(tmp_path)).find(text).name == "F0001_AN01WH"

    @pytest.mark.parametrize("text", ["F0001_AN02WH", "F0001", "", "nonsense"])
    def test_unknown(self, tmp_path, text):
        with pytest.raises(DatasetError, match="names look like F0001_NE00WH"):
            Bu3dfe(write_tree(tmp_path)).find(text)


class TestWrongPaths:
    def test_absent(self, tmp_path):
        with pytest.raises(DatasetError, match="absent does not exist; give BU-3DFE's folder"):
            Bu3dfe(tmp_path / "absent")

    def test_without_scans(self, tmp_path):
        (tmp_path / "F001").mkdir()
        (tmp_path / "F001" / "000.wrl").write_text(fixtures.WRL)
        with pytest.raises(DatasetError, match=r"no scan of BU-3DFE: files named like F0001_AN01"):
            Bu3dfe(tmp_path)

    def test_file_of_another_name(self, tmp_path):
        (tmp_path / "face.wrl").write_text(fixtures.WRL)
        with pytest.raises(DatasetError, match="is not named like a file of BU-3DFE"):
            Bu3dfe(tmp_path / "face.wrl")

    def test_folder_named_like_a_file(self, tmp_path):
        write_tree(tmp_path)
        mesh = tmp_path / "F0001" / "F0001_AN01WH_F3D.wrl"
        mesh.unlink()
        mesh.mkdir()
        dataset = Bu3dfe(tmp_path)
        assert dataset.problems == (f"{mesh} is a folder where a file is expected",)
        assert dataset.find("F0001_AN01WH").missing() == ["F3D.wrl"]

    def test_nothing_but_folders_named_like_files(self, tmp_path):
        (tmp_path / "F0001_AN01WH_F3D.wrl").mkdir()
        with pytest.raises(DatasetError, match="is a folder where a file is expected"):
            Bu3dfe(tmp_path)

    def test_folder_that_may_not_be_read(self, tmp_path, monkeypatch):
        write_tree(tmp_path)
        scandir = os.scandir

        def guarded(path):
            if str(path).endswith("M0044"):
                raise PermissionError(13, "Permission denied", str(path))
            return scandir(path)

        # File modes do not stop the superuser, who may well run this test.
        monkeypatch.setattr(os, "scandir", guarded)
        dataset = Bu3dfe(tmp_path)
        assert dataset.subjects() == ["F0001"]
        assert dataset.problems == (f"{tmp_path / 'M0044'} cannot be searched: Permission denied",)
