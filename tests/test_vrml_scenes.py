"""What a VRML scene does to its mesh: transforms, levels, repeated textures, colours, dialects."""

from __future__ import annotations

import gzip
import time

import numpy as np
import pytest
from PIL import Image

from fercore.errors import MeshError
from fercore.io.vrml import parse_vrml, read_vrml

POINTS = np.array([[0, 0, 0], [10, 0, 1], [10, 20, 2], [0, 20, 3]], np.float32)
UV = np.array([[0.25, 0.125], [0.75, 0.125], [0.75, 0.875], [0.25, 0.875]], np.float32)
TRIANGLES = np.array([[0, 1, 2], [0, 2, 3]])


def listed(rows, separator=" "):
    return ", ".join(separator.join(f"{value:g}" for value in row) for row in rows.tolist())


def shape(points=POINTS, uv=UV, coord="", appearance="", inside="", url='"skin.bmp"'):
    coord = coord or f"Coordinate {{ point [ {listed(points)} ] }}"
    return (
        f"Shape {{ appearance Appearance {{ texture ImageTexture {{ url {url} }} {appearance} }}"
        f" geometry IndexedFaceSet {{ coord {coord} coordIndex [ 0 1 2 -1 0 2 3 -1 ] {inside}"
        f" texCoord TextureCoordinate {{ point [ {listed(uv)} ] }}"
        " texCoordIndex [ 0 1 2 -1 0 2 3 -1 ] } }"
    )


def scene(body):
    return f"#VRML V2.0 utf8\n{body}\n".encode()


def within(node, **kwargs):
    """Return a scene whose shape lies inside a grouping node."""
    return scene(f"{node} children [ {shape(**kwargs)} ] }}")


TURNED = POINTS[:, [0, 2, 1]] * np.array([1, -1, 1], np.float32)
OTHER = (
    "Shape { geometry IndexedFaceSet { coord Coordinate { point [ 9 9 9 ] } coordIndex [ 0 ] } }"
)
NAMED = f"geometry PointSet {{ coord DEF P Coordinate {{ point [ {listed(POINTS)} ] }} }}"

SAME = {
    "turned": within("Transform { rotation 1 0 0 -1.57079633", points=TURNED),
    "scaled": within("Transform { scale 10 10 10", points=POINTS / 10),
    "moved": within("Transform { translation 1 2 3", points=POINTS - np.array([1, 2, 3])),
    "moved inside another": within(
        "Transform { translation 0 0 3 children Transform { scale 2 2 2",
        points=(POINTS - np.array([0, 0, 3])) / 2,
    )[:-1]
    + b"}",
    "about a centre": within(
        "Transform { center 1 0 0 scale 2 2 2", points=(POINTS + np.array([1, 0, 0])) / 2
    ),
    "points used again": scene(
        f"Switch {{ choice [ Shape {{ {NAMED} }} ] }}{shape(coord='USE P')}"
    ),
    "landmarks before": scene(
        f"Shape {{ geometry PointSet {{ coord Coordinate {{ point [ 1 1 1 ] }} }} }}{shape()}"
    ),
    "first level": scene(f"LOD {{ range [ 10 ] level [ {shape()} {OTHER} ] }}"),
    "switched on": scene(f"Switch {{ whichChoice 1 choice [ {OTHER} {shape()} ] }}"),
    "gzipped": gzip.compress(scene(shape())),
    "texture one further": scene(shape(uv=UV + np.array([1, 0]))),
    "texture far off": scene(shape(uv=UV + np.array([-3, 2]))),
    "texture turned over": scene(
        shape(
            uv=UV * [1, -1],
            appearance="textureTransform TextureTransform { scale 1 -1 }",
        )
    ),
    "texture moved": scene(
        shape(
            uv=UV - np.array([0.25, 0]),
            appearance="textureTransform TextureTransform { translation 0.25 0 }",
        )
    ),
    "without blanks": scene(shape())
    .replace(b" 0.", b" .")
    .replace(b"{ ", b"{")
    .replace(b"[ ", b"["),
}


@pytest.mark.parametrize("content", SAME.values(), ids=SAME)
def test_every_way_to_say_it_gives_the_same_mesh(content):
    mesh = parse_vrml(content)
    np.testing.assert_allclose(mesh.vertices_mm, POINTS, atol=1e-5)
    np.testing.assert_array_equal(mesh.triangles, TRIANGLES)
    np.testing.assert_allclose(mesh.uv[mesh.uv_triangles], UV[TRIANGLES], atol=1e-6)


def test_a_mirrored_or_clockwise_mesh_keeps_its_outside():
    for content in (
        within("Transform { scale -1 1 1", points=POINTS * [-1, 1, 1]),
        scene(shape(inside="ccw FALSE")),
    ):
        mesh = parse_vrml(content)
        np.testing.assert_allclose(mesh.vertices_mm, POINTS)
        np.testing.assert_array_equal(mesh.triangles, TRIANGLES[:, ::-1])


def test_a_texture_that_does_not_repeat_stays_where_it_is():
    content = scene(shape(uv=UV + np.array([1, 0]), url='"skin.bmp" repeatS FALSE'))
    np.testing.assert_array_equal(parse_vrml(content).uv, UV + np.array([1, 0]))


COLOURS = "color Color { color [ 1 0 0, 0 1 0, 0 0 1, 0.2 0.4 0.6 ] }"


@pytest.mark.parametrize(
    ("inside", "first", "last"),
    [
        (COLOURS, (255, 0, 0), (51, 102, 153)),
        (f"{COLOURS} colorIndex [ 3 2 1 -1 3 1 0 -1 ]", (51, 102, 153), (255, 0, 0)),
        (f"colorPerVertex FALSE {COLOURS} colorIndex [ 1 2 ]", (0, 0, 255), (0, 0, 255)),
    ],
    ids=["of vertices", "by their own index", "of polygons"],
)
def test_colours_of_vertices(inside, first, last):
    colours = parse_vrml(scene(shape(inside=inside))).vertex_rgb
    assert tuple(colours[0]) == first and tuple(colours[3]) == last


COMMAS = np.random.default_rng(3).normal(0, 50, (9, 3))
REFUSED = {
    "decimal commas": (
        scene(shape()).replace(
            listed(POINTS).encode(),
            "\n".join(" ".join(f"{v:.3f}".replace(".", ",") for v in r) for r in COMMAS).encode(),
        ),
        r"numbers in Coordinate, line \d+, have decimal commas",
    ),
    "unknown points": (scene(shape(coord="USE Q")), "coord is USE `Q`, which nothing"),
    "all switched off": (scene(f"Switch {{ choice [ {shape()} ] }}"), "shows no mesh"),
    "nodes of its own": (scene(f"PROTO Face [ ] {{ {shape()} }} Face {{ }}"), "nodes of its own"),
    "no volume": (within("Transform { scale 1 1 0"), "leaves no volume"),
    "no numbers": (within("Transform { scale 1 1"), "scale of its Transform in line 2 is no 3"),
    "damaged gzip": (gzip.compress(scene(shape()))[:-20], "is gzipped, and (truncated|damaged)"),
    "too deep": (scene("Group { children [" * 300 + "IndexedFaceSet"), "200 deep"),
    "colours": (scene(shape(inside="color Color { color [ 1 0 7 ] }")), "no triples"),
    "colour index": (
        scene(shape(inside=f"{COLOURS} colorIndex [ 9 2 1 -1 3 1 0 -1 ]")),
        "colour 9 of 4",
    ),
    "control characters": (
        scene(shape()).replace(b" 10 20 2", b" 10 \x1b[31m 2"),
        r"`\\x1b` in Coordinate|no finite number",
    ),
}


@pytest.mark.parametrize(("content", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_read_is_refused_by_its_name(tmp_path, content, reason):
    path = tmp_path / "face.wrl"
    path.write_bytes(content)
    with pytest.raises(MeshError, match=reason) as caught:
        read_vrml(path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("piece", [rb"\"", b'"', b"# ", b"{ ", b"DEF a ", b"[ ", b"x", b"1 "])
def test_long_damage_takes_no_time(piece):
    content = scene(shape()) + b"\n#" + piece * 32000 + b"\n" + piece * 32000
    begin = time.process_time()
    try:
        parse_vrml(content)
    except ValueError as reason:
        assert str(reason).isprintable()
    assert time.process_time() - begin < 1


def test_nodes_that_use_each_other_many_times_end():
    doubled = "".join(
        f"Switch {{ choice [ DEF n{i} Group {{ children [ USE n{i - 1} USE n{i - 1} ] }} ] }}"
        for i in range(1, 40)
    )
    content = scene(f"DEF n0 {shape()} {doubled} USE n39")
    with pytest.raises(ValueError, match=r"uses its nodes again more than"):
        parse_vrml(content)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ('"my%20face.bmp"', "my face.bmp"),
        ('"a%20b.bmp"', "a%20b.bmp"),
        ('"textures/skin.png"', "textures/skin.png"),
        ('"textures\\\\skin.png"', "Textures/SKIN.png"),
        ('"file:///C:/scans/skin.png"', "skin.png"),
        ('[ "http://nowhere.org/x.png" "skin.gif" ]', "skin.gif"),
        ('"skin.bmp"', "skin.tif"),
        ('"skin.bmp"', "face.jpg"),
    ],
)
def test_the_texture_is_found_where_it_is(tmp_path, url, place):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    Image.new("RGB", (4, 2), (200, 100, 50)).save(tmp_path / place)
    (tmp_path / "face.wrl").write_bytes(scene(shape(url=url)))
    texture = read_vrml(tmp_path / "face.wrl").texture_rgb
    assert texture is not None
    np.testing.assert_allclose(texture[0, 0], (200, 100, 50), atol=12)
