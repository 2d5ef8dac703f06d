import os
import time
import tracemalloc

import bu3dfe_fixtures as fixtures
import numpy as np
import pytest

from fercore.errors import MeshError
from fercore.io.files import LARGEST_BYTES
from fercore.io.vrml import parse_vrml, read_vrml
from fercore.structures import Mesh


def written(folder, text, name="F0001_AN01WH_F3D.wrl"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def assert_is_the_small_mesh(mesh: Mesh) -> None:
    assert mesh.vertices_mm.dtype == np.float32
    assert mesh.triangles.dtype == np.int32
    np.testing.assert_array_equal(mesh.vertices_mm, fixtures.VERTICES)
    np.testing.assert_array_equal(mesh.triangles, fixtures.TRIANGLES)
    np.testing.assert_array_equal(mesh.uv, np.array(fixtures.UV, dtype=np.float32))
    np.testing.assert_array_equal(mesh.uv_triangles, fixtures.UV_TRIANGLES)
    assert mesh.texture_name == "F0001_AN01WH_F3D.bmp"


DIALECTS = {
    "typical": fixtures.WRL,
    "cramped": fixtures.WRL_CRAMPED,
    "carriage returns": fixtures.WRL.replace("\n", "\r\n"),
    "old line ends": fixtures.WRL.replace("\n", "\r"),
    "comments in blocks": fixtures.WRL.replace("30.25,", "30.25, # tip of the ] nose"),
    "no comma at the end": fixtures.WRL.replace("30.25,", "30.25"),
    "no final -1": fixtures.WRL.replace("3, 0, 4, -1,", "3, 0, 4"),
    "no spaces": fixtures.WRL.replace("0, 1, 4, -1,", "0,1,4,-1,"),
    "tabs": fixtures.WRL.replace("  ", "\t"),
    "byte order mark": "\ufeff" + fixtures.WRL,
    "blank first line": "\n" + fixtures.WRL,
    "no header": fixtures.WRL.removeprefix("#VRML V2.0 utf8\n"),
    "braces on the next line": fixtures.WRL.replace(" {", "\n{").replace("point [", "point\n["),
    "first vertex on the line": fixtures.WRL.replace("point [\n", "point ["),
    "list of urls": fixtures.WRL.replace('F3D.bmp"', 'F3D.bmp", "other.bmp" ]').replace(
        'url "', 'url [ "'
    ),
    "normals": fixtures.WRL.replace(
        "texCoord ", "normal Normal { vector [ 0 0 1 0 0 1 ] }\nnormalIndex [ 0 0 0 -1 ]\ntexCoord "
    ),
    "named nodes": fixtures.WRL.replace("coord Coordinate", "coord DEF points Coordinate"),
    "no viewpoint": fixtures.WRL[: fixtures.WRL.index("Viewpoint")],
}


@pytest.mark.parametrize("text", DIALECTS.values(), ids=DIALECTS)
def test_every_dialect_gives_the_same_mesh(tmp_path, text):
    assert_is_the_small_mesh(read_vrml(written(tmp_path, text)))


def test_polygons_of_three_to_six_corners_become_fans(tmp_path):
    mesh = read_vrml(written(tmp_path, fixtures.WRL_POLYGONS))
    np.testing.assert_array_equal(mesh.triangles, fixtures.POLYGON_TRIANGLES)
    np.testing.assert_array_equal(mesh.uv_triangles, fixtures.POLYGON_UV_TRIANGLES)


def test_without_texture_coordinates(tmp_path):
    mesh = read_vrml(written(tmp_path, fixtures.WRL_BARE))
    np.testing.assert_array_equal(mesh.triangles, fixtures.TRIANGLES)
    assert mesh.uv is None and mesh.uv_triangles is None
    assert mesh.texture_rgb is None and mesh.texture_name is None


def test_without_texture_index_the_vertex_index_serves(tmp_path):
    start = fixtures.WRL.index("texCoordIndex")
    text = fixtures.WRL[:start] + "} } ] }"
    mesh = read_vrml(written(tmp_path, text))
    np.testing.assert_array_equal(mesh.uv_triangles, fixtures.TRIANGLES)


def test_without_texture_index_too_few_texture_coordinates_are_refused(tmp_path):
    start = fixtures.WRL.index("texCoordIndex")
    text = fixtures.WRL[:start].replace("0.5 0.5,\n", "").replace("0.25 0.75,\n", "") + "} } ] }"
    with pytest.raises(MeshError, match="coordIndex, which stands for texCoordIndex"):
        read_vrml(written(tmp_path, text))


class TestTexture:
    def test_own_texture_before_the_one_named(self, tmp_path):
        fixtures.write_picture(tmp_path / "F0001_AN01WH_F3D.bmp", (4, 2), (1, 2, 3))
        fixtures.write_picture(tmp_path / "wrong.bmp", (4, 2), (9, 9, 9))
        text = fixtures.WRL.replace('url "F0001_AN01WH_F3D.bmp"', 'url "wrong.bmp"')
        mesh = read_vrml(written(tmp_path, text))
        assert mesh.texture_rgb.shape == (2, 4, 3)
        assert mesh.texture_rgb[0, 0].tolist() == [1, 2, 3]

    def test_raw_mesh_shares_the_texture(self, tmp_path):
        fixtures.write_picture(tmp_path / "F0001_AN01WH_F3D.bmp", (4, 2), (1, 2, 3))
        mesh = read_vrml(written(tmp_path, fixtures.WRL, "F0001_AN01WH_RAW.wrl"))
        assert mesh.texture_rgb[0, 0].tolist() == [1, 2, 3]

    def test_case_does_not_matter(self, tmp_path):
        fixtures.write_picture(tmp_path / "f0001_an01wh_f3d.BMP", (4, 2), (1, 2, 3))
        mesh = read_vrml(written(tmp_path, fixtures.WRL, "F0001_AN01WH_F3D.WRL"))
        assert mesh.texture_rgb is not None

    def test_bu4dfe_has_a_jpg_of_the_mesh_name(self, tmp_path):
        fixtures.write_picture(tmp_path / "000.jpg", (4, 2), (100, 100, 100))
        mesh = read_vrml(
            written(tmp_path, fixtures.WRL.replace("F0001_AN01WH_F3D", "x"), "000.wrl")
        )
        np.testing.assert_allclose(mesh.texture_rgb, 100, atol=2)

    @pytest.mark.parametrize("url", [r"C:\scans\skin.bmp", r"C:\\scans\\skin.bmp", "../a/skin.bmp"])
    def test_of_a_path_only_the_name_counts(self, tmp_path, url):
        fixtures.write_picture(tmp_path / "skin.bmp", (4, 2), (1, 2, 3))
        text = fixtures.WRL.replace("F0001_AN01WH_F3D.bmp", url)
        assert read_vrml(written(tmp_path, text, "face.wrl")).texture_rgb is not None

    @pytest.mark.parametrize("content", [b"", b"BM", b"no picture at all"])
    def test_unreadable_texture_leaves_the_mesh(self, tmp_path, caplog, content):
        (tmp_path / "F0001_AN01WH_F3D.bmp").write_bytes(content)
        mesh = read_vrml(written(tmp_path, fixtures.WRL))
        assert_is_the_small_mesh(mesh)
        assert mesh.texture_rgb is None
        assert "F0001_AN01WH_F3D.bmp" in caplog.text and "without its texture" in caplog.text

    def test_missing_texture_is_logged(self, tmp_path, caplog):
        assert read_vrml(written(tmp_path, fixtures.WRL)).texture_rgb is None
        assert "names the texture F0001_AN01WH_F3D.bmp, which is missing" in caplog.text

    def test_may_be_left_out(self, tmp_path, caplog):
        fixtures.write_picture(tmp_path / "F0001_AN01WH_F3D.bmp", (4, 2), (1, 2, 3))
        assert read_vrml(written(tmp_path, fixtures.WRL), texture=False).texture_rgb is None
        assert not caplog.text

    def test_absurd_names_do_no_harm(self, tmp_path):
        text = fixtures.WRL.replace("F0001_AN01WH_F3D.bmp", "x" * 5000)
        assert read_vrml(written(tmp_path, text)).texture_rgb is None


def swapped(old, new, count=-1):
    assert old in fixtures.WRL
    return fixtures.WRL.replace(old, new, count)


DAMAGE = {
    "empty": (b"", "is empty"),
    "blank": (b" \n", r"is not VRML, it starts with b' \\n'"),
    "other text": (b"ply\nformat ascii 1.0\n", r"is not VRML, it starts with b'ply\\nformat asci"),
    "zip": (b"PK\x03\x04\x00\x00", r"is binary.*starts with b'PK\\x03\\x04"),
    "random": (np.random.default_rng(1).bytes(5000), "is binary|is not VRML"),
    "only the header": (b"#VRML V2.0 utf8\n", "has no IndexedFaceSet"),
    "VRML 1.0": (b"#VRML V1.0 ascii\nIndexedFaceSet {}", "is VRML 1.0"),
    "zeros inside": (fixtures.WRL.encode().replace(b"30.25", b"\0\0\0\0\0"), "is binary"),
    "no points": (
        swapped("Coordinate {\n          point", "Coordinate {\n          pnt", 1),
        "no vertices",
    ),
    "no coordIndex": (swapped("        coordIndex", "        index"), "has no coordIndex"),
    "no vertices": (
        "#VRML V2.0\nIndexedFaceSet { coord Coordinate { point [] } coordIndex [0 1 2] }",
        "refers to number 0 of 0",
    ),
    "no polygons": (
        "#VRML V2.0\nIndexedFaceSet { coord Coordinate { point [0 0 0] } coordIndex [ ] }",
        "coordIndex is empty",
    ),
    "nan": (swapped("30.25", "nan"), "`nan` in Coordinate, line 17, is no finite number"),
    "windows nan": (swapped("30.25", "-1.#IND"), r"`-1\.#IND` in Coordinate, line 17"),
    "inf": (swapped("30.25", "inf"), "`inf` in Coordinate, line 17"),
    "overflow": (swapped("30.25", "1e999"), "`1e999` in Coordinate, line 17"),
    "absurd length": (swapped("30.25", "1e30"), r"Coordinate holds 1e\+30"),
    "nan in texture": (swapped("0.25 0.75", "0.25 NaN"), "`NaN` in TextureCoordinate, line 33"),
    "two points in a number": (swapped("30.25", "30.2.5"), r"`30\.2\.5` in Coordinate"),
    "word": (swapped("30.25", "tip"), "`tip` in Coordinate, line 17"),
    "lost number": (swapped("30.25", ""), "14 numbers, which is no multiple of 3"),
    "too large": (swapped("3, 0, 4", "3, 0, 5", 1), "coordIndex refers to number 5 of 5"),
    "huge index": (
        swapped("3, 0, 4", "3, 0, 99999999999999999999", 1),
        r"refers to number 9\.\S+ of 5",
    ),
    "negative": (swapped("3, 0, 4", "3, 0, -2", 1), "coordIndex refers to number -2 of 5"),
    "fraction": (swapped("3, 0, 4", "3, 0, 1.5", 1), "coordIndex refers to number 1.5 of 5"),
    "texture index": (swapped("3, 0, 5", "3, 0, 6"), "texCoordIndex refers to number 6 of 6"),
    "two corners": (swapped("3, 0, 4", "3, 0", 1), "polygon 3 of coordIndex has 2 corners"),
    "no corners": (swapped("0, 1, 4, -1", "-1", 1), "polygon 0 of coordIndex has 0 corners"),
    "other polygons": (swapped("3, 0, 5", "3, 0, 4, 5"), "texCoordIndex do not match"),
    "fewer polygons": (swapped("3, 0, 5, -1,", ""), "texCoordIndex do not match"),
    "texture index alone": (swapped("TextureCoordinate", "Nothing"), "no texture coordinates"),
    "two meshes": (fixtures.WRL + fixtures.WRL, "more than one mesh"),
    "crossed brackets": (swapped("  ]\n}\nView", "  }\n]\nView"), "brackets do not match in line"),
}


@pytest.mark.parametrize(("content", "reason"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_named(tmp_path, content, reason):
    path = written(tmp_path, content)
    with pytest.raises(MeshError, match=reason) as caught:
        read_vrml(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_truncation_anywhere_is_noticed():
    for length in range(len(fixtures.WRL.rstrip())):
        text = fixtures.WRL[:length]
        if _closed(text):
            assert_is_the_small_mesh(parse_vrml(text.encode()))
            continue
        with pytest.raises(ValueError, match=r"truncated|is not VRML|has no vertices"):
            parse_vrml(text.encode())


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8, 0.99])
def test_truncation_names_the_file(tmp_path, share):
    path = written(tmp_path, fixtures.WRL[: int(share * len(fixtures.WRL))])
    with pytest.raises(MeshError, match=r"AN01WH_F3D\.wrl is no usable mesh: it is trunc"):
        read_vrml(path)


def _closed(text):
    """After the whole shape, before the viewpoint opens: nothing of the mesh is lost."""
    return (
        "texCoordIndex" in text
        and text.count("{") == text.count("}")
        and text.count("[") == text.count("]")
    )


def test_flipped_bytes_never_escape_the_checks(tmp_path):
    rng = np.random.default_rng(7)
    original = np.frombuffer(fixtures.WRL.encode(), dtype=np.uint8)
    for _ in range(300):
        damaged = original.copy()
        places = rng.integers(0, len(damaged), rng.integers(1, 8))
        damaged[places] = rng.integers(1, 256, len(places))
        try:
            mesh = read_vrml(written(tmp_path, damaged.tobytes()), texture=False)
        except MeshError:
            continue
        assert np.isfinite(mesh.vertices_mm).all()
        assert mesh.triangles.min() >= 0
        assert mesh.triangles.max() < len(mesh.vertices_mm)


def test_unreadable_paths(tmp_path, monkeypatch):
    with pytest.raises(MeshError, match="No such file"):
        read_vrml(tmp_path / "absent.wrl")
    (tmp_path / "F0001_AN01WH_F3D.wrl").mkdir()
    with pytest.raises(MeshError, match="is a folder"):
        read_vrml(tmp_path / "F0001_AN01WH_F3D.wrl")
    os.mkfifo(tmp_path / "pipe.wrl")
    with pytest.raises(MeshError, match="not a regular file"):
        read_vrml(tmp_path / "pipe.wrl")
    (tmp_path / "loop.wrl").symlink_to("loop.wrl")
    with pytest.raises(MeshError, match=r"loop\.wrl cannot be read"):
        read_vrml(tmp_path / "loop.wrl")


def test_forbidden_file(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    # File modes do not stop the superuser, who may well run this test.
    path = written(tmp_path, fixtures.WRL)
    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(MeshError, match="cannot be read: Permission denied"):
        read_vrml(path)


def test_huge_file_is_refused_at_once(tmp_path):
    path = tmp_path / "huge.wrl"
    with path.open("wb") as file:
        file.write(b"#VRML V2.0 utf8\n")
        file.truncate(LARGEST_BYTES * 40)
    tracemalloc.start()
    begin = time.perf_counter()
    with pytest.raises(MeshError, match="larger than"):
        read_vrml(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.perf_counter() - begin < 2
    assert peak < 2**20


def test_long_text_without_a_mesh_is_refused_at_once(tmp_path):
    path = written(tmp_path, b"#VRML V2.0 utf8\n" + b"lorem ipsum " * 2_000_000)
    begin = time.process_time()
    with pytest.raises(MeshError, match="has no IndexedFaceSet"):
        read_vrml(path)
    assert time.process_time() - begin < 1


def test_path_may_be_odd(tmp_path):
    folder = tmp_path / "Gesichter äöü 表情"
    folder.mkdir()
    assert_is_the_small_mesh(read_vrml(written(folder, fixtures.WRL, "a b.wrl")))


def test_a_scan_of_8000_vertices_takes_at_most_150_ms(tmp_path):
    path = written(tmp_path, fixtures.grid_wrl(90, 92))
    seconds = []
    for _ in range(5):
        begin = time.process_time()
        mesh = read_vrml(path, texture=False)
        seconds.append(time.process_time() - begin)
    assert mesh.vertices_mm.shape == (8280, 3)
    assert mesh.uv_triangles.shape == (16198, 3)
    assert min(seconds) < 0.15


def test_no_file_stays_open(tmp_path):
    fixtures.write_picture(tmp_path / "F0001_AN01WH_F3D.bmp", (4, 2), (1, 2, 3))
    path = written(tmp_path, fixtures.WRL)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        read_vrml(path)
    assert len(os.listdir("/proc/self/fd")) == before
