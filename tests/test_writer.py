import re
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from toy_face import toy_face_model

from fercore.geometry import MeshRenderer, OrthographicCamera, largest_component
from fercore.io.bu3dfe_files import GROUPS, read_bnd, read_pse
from fercore.io.vrml import read_vrml
from fercore.synthesis.appearance import sample_skin
from fercore.synthesis.scanner import scanner_for
from fercore.synthesis.writer import write_scan

FILES = ("F2D.bmp", "F3D.bmp", "F3D.bnd", "F3D.wrl", "RAW.pse", "RAW.wrl")


@dataclass(frozen=True)
class Name:
    name: str


@pytest.fixture(scope="module")
def model():
    return toy_face_model()


@pytest.fixture(scope="module")
def skin():
    return sample_skin(np.random.default_rng(1))


@pytest.fixture(scope="module")
def scan(model, skin, tmp_path_factory):
    """Return a function from a file's kind to its path, for one written scan."""
    folder = tmp_path_factory.mktemp("F9001")
    name = Name("F9001_NE00WH")
    write_scan(folder, name, model, model.neutral_mm, skin, np.random.default_rng(2))
    return lambda kind: folder / f"{name.name}_{kind}"


def picture(path):
    return cv2.imread(str(path))[..., ::-1].astype(float)


def test_all_six_files_and_nothing_else(scan):
    folder = scan("F3D.wrl").parent
    assert sorted(path.name for path in folder.iterdir()) == [
        f"F9001_NE00WH_{kind}" for kind in FILES
    ]


def test_nodes_come_in_the_order_of_bu3dfe(scan):
    for kind in ("F3D.wrl", "RAW.wrl"):
        text = scan(kind).read_text(encoding="ascii")
        assert text.startswith("#VRML V2.0 utf8\n")
        order = [
            'url "F9001_NE00WH_F3D.bmp"',
            "coord Coordinate {",
            "coordIndex [",
            "texCoord TextureCoordinate {",
            "texCoordIndex [",
            "Viewpoint {",
        ]
        places = [text.index(f" {node}") if node[0] != "V" else text.index(node) for node in order]
        assert places == sorted(places)
        assert text.count("{") == text.count("}")
        assert text.count("[") == text.count("]")


def test_index_lines_end_with_minus_one(scan):
    text = scan("F3D.wrl").read_text(encoding="ascii")
    block = text[text.index("coordIndex [") :].split("]")[0].splitlines()[1:]
    lines = [line for line in block if line.strip()]
    assert len(lines) > 1000
    assert all(re.fullmatch(r"\d+, \d+, \d+, -1,", line) for line in lines)


def test_f3d_reads_back_as_written(scan, model):
    mesh = read_vrml(scan("F3D.wrl"))
    expected = model.neutral_mm[scanner_for(model).cropped.vertices]
    assert mesh.vertices_mm == pytest.approx(expected, abs=6e-3)
    assert mesh.texture_name == "F9001_NE00WH_F3D.bmp"
    assert mesh.uv.min() >= 0
    assert mesh.uv.max() <= 1
    assert (mesh.uv_triangles != mesh.triangles).any()


def test_either_half_of_the_texture_serves_its_side_of_the_face(scan):
    mesh = read_vrml(scan("F3D.wrl"))
    u = mesh.uv[mesh.uv_triangles].mean(axis=1)[:, 0]
    x = mesh.vertices_mm[mesh.triangles].mean(axis=1)[:, 0]
    assert np.mean(u[x < -45] < 0.5) > 0.95
    assert np.mean(u[x > 45] > 0.5) > 0.95


def test_the_right_half_of_the_texture_is_upside_down(scan):
    mesh = read_vrml(scan("F3D.wrl"))
    u, v = mesh.uv[mesh.uv_triangles].mean(axis=1).T
    y = mesh.vertices_mm[mesh.triangles].mean(axis=1)[:, 1]
    assert np.corrcoef(v[u < 0.35], y[u < 0.35])[0, 1] > 0.95
    assert np.corrcoef(v[u > 0.5], y[u > 0.5])[0, 1] < -0.95


def test_the_textured_mesh_looks_like_the_picture(scan):
    mesh = read_vrml(scan("F3D.wrl"))
    camera = OrthographicCamera.framing(mesh.vertices_mm)
    rendering = MeshRenderer(mesh, threads=1).orthographic(camera)
    seen = np.isfinite(rendering.depth_m)
    seen = cv2.erode(seen.astype(np.uint8), np.ones((41, 41))).astype(bool)
    assert seen.mean() > 0.3
    textured = cv2.GaussianBlur(rendering.rgb.astype(np.float32), (0, 0), 8)[seen]
    pictured = cv2.GaussianBlur(picture(scan("F2D.bmp")), (0, 0), 8)[seen]
    # Light and motion differ; skin, eyes, lips and brows must still fall together.
    assert np.corrcoef(textured[:, 1], pictured[:, 1])[0, 1] > 0.4


def test_the_scan_is_one_connected_surface(scan):
    mesh = read_vrml(scan("F3D.wrl"), texture=False)
    assert len(largest_component(mesh).triangles) == len(mesh.triangles)


def test_the_picture_is_512_pixels_square(scan):
    assert picture(scan("F2D.bmp")).shape == (512, 512, 3)


def test_raw_is_larger_and_in_another_frame(scan, model):
    face, raw = read_vrml(scan("F3D.wrl")), read_vrml(scan("RAW.wrl"))
    assert len(raw.triangles) > len(face.triangles)
    assert raw.texture_name == face.texture_name
    before = model.neutral_mm[scanner_for(model).uncropped.vertices]
    assert np.abs(raw.vertices_mm - before).max() > 1
    centred, moved = before - before.mean(axis=0), raw.vertices_mm - raw.vertices_mm.mean(axis=0)
    sizes = np.linalg.norm(centred, axis=1)
    assert np.linalg.norm(moved, axis=1) == pytest.approx(sizes, abs=0.03)


def test_landmarks_are_vertices_of_f3d(scan):
    mesh, landmarks = read_vrml(scan("F3D.wrl"), texture=False), read_bnd(scan("F3D.bnd"))
    assert mesh.vertices_mm[landmarks.vertices] == pytest.approx(landmarks.points_mm, abs=1e-3)
    first = scan("F3D.bnd").read_text(encoding="ascii").splitlines()[0]
    assert re.fullmatch(r"\d+\t\t-?\d+\.\d+ -?\d+\.\d+ -?\d+\.\d+", first)


def test_landmarks_come_in_the_order_of_bu3dfe(scan):
    rows = np.loadtxt(scan("F3D.bnd"))
    points = {name: rows[group, 1:] for name, group in GROUPS.items()}
    assert rows.shape == (83, 4)
    assert points["right eye"][:, 0].max() < 0 < points["left eye"][:, 0].min()
    assert points["right brow"][:, 0].max() < 0 < points["left brow"][:, 0].min()
    assert points["right brow"][:, 1].mean() > points["right eye"][:, 1].max()
    assert rows[48, 1] == points["outer lips"][:, 0].min()
    assert rows[54, 1] == points["outer lips"][:, 0].max()
    assert rows[51, 2] > points["inner lips"][:, 1].mean() > rows[57, 2]
    assert rows[75, 2] == points["contour"][:, 1].min()
    assert abs(rows[75, 1]) < 5


def test_the_pose_file_is_in_the_frame_of_raw(scan):
    pose = read_pse(scan("RAW.pse"))
    raw = read_vrml(scan("RAW.wrl"), texture=False)
    assert pose.points_mm.shape == (8, 3)
    nearest = np.linalg.norm(raw.vertices_mm[:, None] - pose.points_mm, axis=2).min(axis=0)
    assert nearest.max() < 0.02
    assert pose.normal[2] > 0.9


def test_topology_is_the_same_in_every_scan(scan, model, skin, tmp_path):
    opened = model.neutral_mm + model.expression_mm["jawOpen"]
    write_scan(tmp_path, Name("F9001_SU04WH"), model, opened, skin, np.random.default_rng(5))
    first, second = read_vrml(scan("F3D.wrl")), read_vrml(tmp_path / "F9001_SU04WH_F3D.wrl")
    assert (first.triangles == second.triangles).all()
    assert (first.uv_triangles == second.uv_triangles).all()
    assert np.abs(first.vertices_mm - second.vertices_mm).max() > 15


def test_the_same_random_numbers_give_the_same_bytes(scan, model, skin, tmp_path):
    name = Name("F9001_NE00WH")
    write_scan(tmp_path, name, model, model.neutral_mm, skin, np.random.default_rng(2))
    for kind in FILES:
        assert (tmp_path / f"{name.name}_{kind}").read_bytes() == scan(kind).read_bytes()


def test_a_write_that_fails_leaves_no_half_file(model, skin, tmp_path, monkeypatch):
    def full_disk(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_scan(
            tmp_path, Name("F9001_NE00WH"), model, model.neutral_mm, skin, np.random.default_rng(2)
        )
    assert list(tmp_path.iterdir()) == []
