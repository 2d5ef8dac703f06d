import argparse
import re
import subprocess
import sys
import types

import bu3dfe_fixtures as fixtures
import numpy as np
import pytest

from fercore.cli import inspect
from fercore.datasets.bu3dfe import Bu3dfe
from fercore.datasets.inspection import (
    PARALLEL_FROM,
    check_scan,
    check_scans,
    mesh_defects,
    missing_scans,
)
from fercore.errors import FercoreError
from fercore.structures import Mesh

NAMES = ("F0001_NE00WH", "F0001_AN01WH", "F0001_AN02WH", "M0002_NE00AE", "M0002_AN01AE")


@pytest.fixture
def tree(tmp_path):
    for name in NAMES:
        fixtures.write_scan(tmp_path / name[:5], name)
    return tmp_path


def run(*arguments):
    parser = argparse.ArgumentParser()
    inspect.add_arguments(parser)
    return inspect.run(parser.parse_args([str(argument) for argument in arguments]))


def report_of(capsys, *arguments):
    status = run(*arguments)
    return status, capsys.readouterr().out


class TestMeshDefects:
    VERTICES = np.array(fixtures.VERTICES, dtype=np.float32)
    TRIANGLES = np.array(fixtures.TRIANGLES, dtype=np.int32)

    def test_none(self):
        assert mesh_defects(Mesh(self.VERTICES, self.TRIANGLES)) == []

    def test_small_part(self):
        vertices = np.vstack([self.VERTICES, [[90, 0, 0], [91, 0, 0], [91, 1, 0]]])
        triangles = np.vstack([self.TRIANGLES, [[5, 6, 7]]]).astype(np.int32)
        defects = mesh_defects(Mesh(vertices.astype(np.float32), triangles))
        assert defects == ["1 small part apart from the face (3 vertices)"]

    def test_texture_seam_parts_nothing(self):
        """A mesh cut along an edge, whose two vertices are there once for each side."""
        vertices = np.array([[0, 0, 0], [9, 0, 0], [9, 9, 0], [0, 9, 0]], dtype=np.float32)
        cut = vertices[[0, 1, 2, 0, 2, 3]]
        triangles = np.array([[0, 1, 2], [3, 4, 5]], dtype=np.int32)
        assert mesh_defects(Mesh(cut, triangles)) == ["2 duplicate vertices"]

    def test_unused_vertices_are_no_part(self):
        vertices = np.vstack([self.VERTICES, [[90, 0, 0]]]).astype(np.float32)
        assert mesh_defects(Mesh(vertices, self.TRIANGLES)) == []

    def test_duplicate_vertices(self):
        vertices = np.vstack([self.VERTICES, self.VERTICES[:2]])
        assert mesh_defects(Mesh(vertices, self.TRIANGLES)) == ["2 duplicate vertices"]

    def test_non_manifold_edge(self):
        vertices = np.vstack([self.VERTICES, [[0, -60, 9]]]).astype(np.float32)
        triangles = np.vstack([self.TRIANGLES, [[4, 0, 5]]]).astype(np.int32)
        assert mesh_defects(Mesh(vertices, triangles)) == ["1 non-manifold edge"]


class TestCheckScan:
    def test_whole(self, tree):
        report = check_scan(Bu3dfe(tree).scans()[0])
        assert report.name == "F0001_NE00WH"
        assert report.vertices == 5
        assert report.broken == ()
        assert report.defects == ()

    @pytest.mark.parametrize(
        "kind", ["F3D.wrl", "F3D.bmp", "F3D.bnd", "F2D.bmp", "RAW.wrl", "RAW.pse"]
    )
    @pytest.mark.parametrize("content", [b"", b"\0\xff" * 40], ids=["empty", "binary"])
    def test_each_broken_file_is_named(self, tree, kind, content):
        path = tree / "F0001" / f"F0001_NE00WH_{kind}"
        path.write_bytes(content)
        report = check_scan(Bu3dfe(tree).scans()[0])
        assert len(report.broken) == 1
        assert report.broken[0].startswith(str(path))
        assert (report.vertices is None) == (kind == "F3D.wrl")

    def test_texture_known_to_the_mesh_alone(self, tree):
        folder = tree / "F0001"
        (folder / "F0001_NE00WH_F3D.bmp").unlink()
        mesh = folder / "F0001_NE00WH_F3D.wrl"
        mesh.write_text(mesh.read_text().replace("F0001_NE00WH_F3D.bmp", "skin.bmp"))
        (folder / "skin.bmp").write_bytes(b"no picture")
        report = check_scan(Bu3dfe(tree).scans()[0])
        assert report.broken[0].startswith(f"{folder / 'skin.bmp'} is no bmp")

    def test_landmarks_of_another_mesh(self, tree):
        path = tree / "F0001" / "F0001_NE00WH_F3D.bnd"
        path.write_text("77" + path.read_text()[1:])
        report = check_scan(Bu3dfe(tree).scans()[0])
        assert report.broken == ()
        assert report.defects == ("1 landmark with a vertex number that the mesh lacks",)

    def test_landmarks_that_contradict_the_mesh(self, tree):
        path = tree / "F0001" / "F0001_NE00WH_F3D.bnd"
        lines = [line.split() for line in path.read_text().splitlines()]
        numbers = [lines[-1][0], *(line[0] for line in lines[:-1])]
        rows = [f"{n}\t\t{' '.join(line[1:])}\n" for n, line in zip(numbers, lines, strict=True)]
        path.write_text("".join(rows))
        (defect,) = check_scan(Bu3dfe(tree).scans()[0]).defects
        assert defect.startswith("landmarks 80 mm from the vertices whose numbers")


def test_many_scans_are_checked_by_several_processes_in_order(tmp_path):
    names = [f"F{number:04d}_NE00WH" for number in range(1, PARALLEL_FROM + 4)]
    for name in names:
        fixtures.write_scan(tmp_path, name)
    (tmp_path / "F0003_NE00WH_F2D.bmp").write_bytes(b"")
    reports = list(check_scans(Bu3dfe(tmp_path).scans()))
    assert [report.name for report in reports] == names
    assert [report.name for report in reports if report.broken] == ["F0003_NE00WH"]


def test_inspection_does_not_wait_for_the_ray_caster():
    code = "import sys, fercore.datasets.inspection; sys.exit('open3d' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_missing_scans_are_those_that_others_have(tree):
    assert missing_scans(Bu3dfe(tree).scans()) == {"M0002": ["AN02"]}


class TestCommand:
    def test_whole_tree(self, tree, capsys):
        status, text = report_of(capsys, tree)
        assert status == 0
        assert f"{tree}: 5 original scans of 2 subjects" in text
        rows = {line.split()[0]: line.split() for line in text.splitlines() if line}
        assert rows["neutral"] == ["neutral", "2", "2", "2"]
        assert rows["anger"] == ["anger", "2", "1", "3", "2"]
        assert rows["surprise"] == ["surprise", "0", "0"]
        assert rows["all"] == ["all", "2", "2", "1", "5", "2"]
        assert "M0002 lacks AN02" in text
        assert "Usable: every file that is there can be read." in text

    def test_damaged_tree(self, tree, capsys):
        folder = tree / "F0001"
        wrl = folder / "F0001_NE00WH_F3D.wrl"
        wrl.write_text(wrl.read_text()[:700])
        (folder / "F0001_AN01WH_F2D.bmp").write_bytes(b"BM")
        (folder / "F0001_AN01WH_RAW.pse").unlink()
        (folder / "F0001_AN02WH_F3D.bnd").unlink()
        (folder / "F0001_AN02WH_F3D.bnd").mkdir()
        status, text = report_of(capsys, tree)
        assert status == 1
        assert "Missing: RAW.pse: 1\n  F0001_AN01WH_RAW.pse" in text
        assert "Missing: F3D.bnd: 1\n  F0001_AN02WH_F3D.bnd" in text
        broken = text[text.index("\nBroken: 3") :]
        assert f"{folder / 'F0001_AN02WH_F3D.bnd'} is a folder where a file is expected" in broken
        assert f"{wrl} is no usable mesh: it is truncated inside" in broken
        assert f"{folder / 'F0001_AN01WH_F2D.bmp'} is " in broken

    def test_missing_companions_alone_leave_the_tree_usable(self, tree, capsys):
        for path in tree.rglob("*RAW*"):
            path.unlink()
        (tree / "F0001" / "F0001_AN01WH_F2D.bmp").unlink()
        status, text = report_of(capsys, tree)
        assert status == 0
        assert "Missing: no scan has a file RAW.wrl." in text
        assert "Missing: F2D.bmp: 1\n  F0001_AN01WH_F2D.bmp" in text

    def test_tree_without_meshes_is_not_usable(self, tree, capsys):
        for path in tree.rglob("*F3D.wrl"):
            path.unlink()
        status, text = report_of(capsys, tree)
        assert status == 1
        assert "Not usable: no scan has an F3D mesh." in text

    def test_known_defects_do_not_break(self, tree, capsys):
        wrl = tree / "F0001" / "F0001_NE00WH_F3D.wrl"
        wrl.write_text(wrl.read_text().replace("0.5 1.0 30.25,", "0.5 1 30.25, 0.5 1 30.25", 1))
        status, text = report_of(capsys, tree)
        assert status == 0
        assert "Known defects, usable all the same: 1\n  F0001_NE00WH: 1 duplicate vertex" in text

    def test_registered_copy(self, tree, capsys):
        fixtures.write_scan(tree / "0 registered", NAMES[0], fixtures.grid_wrl(2, 2998))
        status, text = report_of(capsys, tree)
        assert status == 0
        assert "5 original scans" in text
        ignored, used = tree / "0 registered", tree / "F0001"
        assert f"Found twice: 1\n  {ignored} is ignored for {used} (1 scan)" in text
        status, text = report_of(capsys, ignored)
        assert status == 0
        assert "1 registered scan of 1 subject" in text

    def test_long_lists_are_cut(self, tmp_path, capsys):
        for number in range(1, 27):
            folder = tmp_path / f"F{number:04d}"
            folder.mkdir()
            (folder / f"F{number:04d}_NE00WH_RAW.pse").write_text("broken")
        status, text = report_of(capsys, tmp_path)
        assert status == 1
        assert "Broken: 26\n" in text
        assert text.count("_RAW.pse has 0 lines") == 20
        assert "  and 6 more" in text

    @pytest.mark.parametrize("name", ["absent", "empty"])
    def test_wrong_path(self, tmp_path, name):
        (tmp_path / "empty").mkdir()
        with pytest.raises(FercoreError, match=name):
            run(tmp_path / name)

    def test_one_file(self, tree, capsys):
        status, text = report_of(capsys, tree / "M0002" / "M0002_AN01AE_F3D.bnd")
        assert status == 0
        assert "1 original scan of 1 subject" in text


class TestOverlay:
    @pytest.fixture
    def drawn(self, monkeypatch):
        calls = []
        figure = types.ModuleType("fercore.report.registration_figure")
        figure.write_overlay = lambda scan, path: calls.append((scan.name, path))
        monkeypatch.setitem(sys.modules, "fercore.report.registration_figure", figure)
        return calls

    def test_is_drawn_for_the_scan(self, tree, tmp_path, drawn, capsys):
        output = tmp_path / "figure.png"
        status, text = report_of(capsys, tree, "--overlay", "F0001_AN01WH", "--output", output)
        assert status == 0
        assert drawn == [("F0001_AN01WH", output)]
        assert str(output) in text

    def test_unknown_scan(self, tree, drawn):
        with pytest.raises(FercoreError, match=re.escape("holds no scan F0009_AN01WH")):
            run(tree, "--overlay", "F0009_AN01WH")
        assert drawn == []

    def test_output_needs_a_scan(self, tree):
        with pytest.raises(FercoreError, match="--overlay or --systems SCAN"):
            run(tree, "--output", "x.png")
