"""Bosphorus' range images: small ones written number by number, and every kind of damage."""

from __future__ import annotations

import struct

import dataset_trees as trees
import numpy as np
import pytest

from fercore.errors import MeshError
from fercore.io.bnt import parse_bnt, read_bnt

HEADER = struct.calcsize("<HHdH")
NAME = b"bs000_E_ANGER_0"
FIRST_VALUE = HEADER + len(NAME) + 4


def written(folder, content):
    path = folder / "bs000_E_ANGER_0.bnt"
    path.write_bytes(content)
    return path


def replaced(plane: int, point: int, value: float):
    planes = [list(values) for values in trees.PLANES]
    planes[plane][point] = value
    return planes


def transposed(values):
    return np.reshape(values, (trees.BNT_ROWS, trees.BNT_COLUMNS)).T.ravel().tolist()


class TestMesh:
    def test_points_and_triangles(self, tmp_path):
        mesh = read_bnt(written(tmp_path, trees.bnt_bytes()))
        known = [point for point in range(12) if point != 9]
        expected = np.array(trees.PLANES[:3], np.float32).T[known]
        np.testing.assert_array_equal(mesh.vertices_mm, expected)
        assert mesh.vertices_mm.dtype == np.float32
        # Six squares of two triangles; the background takes the half that it is a corner of.
        assert mesh.triangles.shape == (11, 3)
        assert mesh.triangles.dtype == np.int32
        assert mesh.triangles[0].tolist() == [0, 1, 4]
        assert mesh.texture_name == "bs000_E_ANGER_0"
        assert mesh.texture_rgb is None

    def test_triangles_face_the_camera(self, tmp_path):
        for planes in (trees.PLANES, [values[::-1] for values in trees.PLANES]):
            mesh = read_bnt(written(tmp_path, trees.bnt_bytes(planes)))
            corners = mesh.vertices_mm[mesh.triangles]
            normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
            assert (normals[:, 2] > 0).all()

    @pytest.mark.parametrize("v", [trees.V, [1 - v if v >= 0 else v for v in trees.V]])
    def test_v_runs_upward_whichever_way_it_is_stored(self, tmp_path, v):
        planes = (*trees.PLANES[:4], v)
        mesh = read_bnt(written(tmp_path, trees.bnt_bytes(planes)))
        lowest, highest = mesh.vertices_mm[:, 1].argmin(), mesh.vertices_mm[:, 1].argmax()
        assert mesh.uv[lowest].tolist() == [0, 0]
        assert mesh.uv[highest, 1] == 1
        np.testing.assert_array_equal(mesh.uv_triangles, mesh.triangles)

    def test_planes_along_columns_give_the_same_surface(self, tmp_path):
        along_rows = read_bnt(written(tmp_path, trees.bnt_bytes()))
        planes = [transposed(values) for values in trees.PLANES]
        along_columns = read_bnt(written(tmp_path, trees.bnt_bytes(planes)))
        assert len(upright_edges(along_rows)) == 8
        assert upright_edges(along_columns) == upright_edges(along_rows)

    def test_a_jump_in_depth_is_no_surface(self, tmp_path):
        whole = read_bnt(written(tmp_path, trees.bnt_bytes()))
        torn = read_bnt(written(tmp_path, trees.bnt_bytes(replaced(2, 0, 900.0))))
        assert len(torn.triangles) == len(whole.triangles) - 2
        assert torn.vertices_mm[:, 2].max() < 100

    @pytest.mark.parametrize("plane", range(5))
    def test_background_in_any_plane_is_background(self, tmp_path, plane):
        planes = replaced(plane, 4, trees.BACKGROUND)
        mesh = read_bnt(written(tmp_path, trees.bnt_bytes(planes)))
        assert np.abs(mesh.vertices_mm).max() < 100
        assert len(mesh.triangles) < 11

    def test_texture_coordinates_stay_in_the_picture(self, tmp_path):
        mesh = read_bnt(written(tmp_path, trees.bnt_bytes(replaced(3, 4, 7.5))))
        assert mesh.uv.min() == 0
        assert mesh.uv.max() == 1

    def test_a_file_without_a_name(self, tmp_path):
        assert read_bnt(written(tmp_path, trees.bnt_bytes(name=b""))).texture_name is None


def upright_edges(mesh) -> set:
    """Return the edges between points one above the other, as pairs of points.

    The edges across a square depend on where one starts to cut it.
    """
    corners = mesh.vertices_mm[mesh.triangles].tolist()
    sides = [(triangle[i], triangle[i - 1]) for triangle in corners for i in range(3)]
    edges = {frozenset(map(tuple, side)) for side in sides}
    return {edge for edge in edges if len({x for x, _, _ in edge}) == 1}


ALL_BACKGROUND = [[trees.BACKGROUND] * 12] * 5
WHOLE = trees.bnt_bytes()
DAMAGE = {
    "empty": (b"", "is empty"),
    "text": (b"no range image", r"truncated, it holds b'no range image'"),
    "only the header": (WHOLE[:HEADER], "truncated"),
    "half the header": (WHOLE[:7], "truncated"),
    "half the name": (WHOLE[: HEADER + 6], "truncated inside its header"),
    "no values": (WHOLE[:FIRST_VALUE], "truncated, 0 bytes follow its header in place of 480"),
    "half the values": (WHOLE[:300], r"truncated, \d+ bytes follow"),
    "one byte short": (WHOLE[:-1], "truncated, 479 bytes"),
    "one byte more": (WHOLE + b"\0", "longer than announced, 481 bytes"),
    "other count": (trees.bnt_bytes(count=59), "4 rows, 3 columns and 59 values"),
    "huge count": (trees.bnt_bytes(count=2**32 - 1), "4294967295 values"),
    "other rows": (trees.bnt_bytes(rows=5), "5 rows, 3 columns and 60 values"),
    "huge rows": (trees.bnt_bytes(rows=65535, columns=65535), "65535 rows"),
    "no rows": (trees.bnt_bytes(rows=0), "0 rows"),
    "one row": (trees.bnt_bytes(rows=1, columns=12), "1 rows"),
    "nan": (trees.bnt_bytes(replaced(2, 4, float("nan"))), "not finite"),
    "inf": (trees.bnt_bytes(replaced(0, 4, float("inf"))), "not finite"),
    "nan in texture": (trees.bnt_bytes(replaced(4, 4, float("nan"))), "not finite"),
    "nan as background": (trees.bnt_bytes(background=float("nan")), "background value is no"),
    "absurd length": (trees.bnt_bytes(replaced(1, 4, 1e30)), r"1e\+30, which is no length"),
    "only background": (trees.bnt_bytes(ALL_BACKGROUND), "no surface, only background"),
}


@pytest.mark.parametrize(("content", "reason"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_named(tmp_path, content, reason):
    path = written(tmp_path, content)
    with pytest.raises(MeshError, match=reason) as caught:
        read_bnt(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_truncation_anywhere_is_noticed():
    for length in range(len(WHOLE)):
        with pytest.raises(ValueError, match="truncated"):
            parse_bnt(WHOLE[:length])


def test_flipped_bytes_never_escape_the_checks(tmp_path):
    rng = np.random.default_rng(3)
    original = np.frombuffer(WHOLE, np.uint8)
    for _ in range(300):
        damaged = original.copy()
        places = rng.integers(0, len(damaged), rng.integers(1, 8))
        damaged[places] = rng.integers(0, 256, len(places))
        try:
            mesh = read_bnt(written(tmp_path, damaged.tobytes()))
        except MeshError:
            continue
        assert np.isfinite(mesh.vertices_mm).all()
        assert 0 <= mesh.uv.min() <= mesh.uv.max() <= 1
        assert 0 <= mesh.triangles.min() <= mesh.triangles.max() < len(mesh.vertices_mm)


def test_missing_file(tmp_path):
    with pytest.raises(MeshError, match=r"absent\.bnt cannot be read: No such file"):
        read_bnt(tmp_path / "absent.bnt")
