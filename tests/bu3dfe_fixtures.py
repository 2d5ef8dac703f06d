"""Files in BU-3DFE's layout, written by hand from its description, not by our own writer.

The small mesh is a square of five vertices (four corners, one raised middle), so that
every number a test expects can be read off here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

VERTICES = (
    (-40.0, -50.0, 0.0),
    (40.0, -50.0, 0.0),
    (40.0, 50.0, 0.0),
    (-40.0, 50.0, 0.0),
    (0.5, 1.0, 30.25),
)
TRIANGLES = ((0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4))
UV = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.5, 0.5), (0.25, 0.75))
UV_TRIANGLES = ((0, 1, 4), (1, 2, 4), (2, 3, 5), (3, 0, 5))

WRL = """#VRML V2.0 utf8
DEF Face Transform {
  children [
    Shape {
      appearance Appearance {
        texture ImageTexture {
          url "F0001_AN01WH_F3D.bmp"
        }
      }
      geometry IndexedFaceSet {
        coord Coordinate {
          point [
            -40.0 -50.0 0.0,
            40.0 -50.0 0.0,
            40.0 50.0 0.0,
            -40.0 50.0 0.0,
            0.5 1.0 30.25,
          ]
        }
        coordIndex [
          0, 1, 4, -1,
          1, 2, 4, -1,
          2, 3, 4, -1,
          3, 0, 4, -1,
        ]
        texCoord TextureCoordinate {
          point [
            0.0 0.0,
            1.0 0.0,
            1.0 1.0,
            0.0 1.0,
            0.5 0.5,
            0.25 0.75,
          ]
        }
        texCoordIndex [
          0, 1, 4, -1,
          1, 2, 4, -1,
          2, 3, 5, -1,
          3, 0, 5, -1,
        ]
      }
    }
  ]
}
Viewpoint {
  position 0 0 400
  orientation 0 0 1 0
  description "front"
}
"""

# The same mesh: braces on lines of their own, the first vertex on the line of `point [`,
# several triplets a line, exponents, no comma after the last vertex, comments, a list of urls.
WRL_CRAMPED = """#VRML V2.0 utf8
# exported by nobody ] } "
Shape
{
appearance Appearance { texture ImageTexture { url [ "F0001_AN01WH_F3D.bmp" ] } }
geometry IndexedFaceSet
{
solid FALSE
coord Coordinate
{
point
[ -4.0e1 -5E+01 0, 40. -50 0.0,   # lower lip ] here
40 50 0 -40 +50 0, 5e-1 1 30.25 ]
}
coordIndex
[ 0 1 4 -1, 1 2 4 -1,
2 3 4 -1, 3 0 4 ]
texCoord TextureCoordinate {
point
[ 0 0, 1 0, 1 1, 0 1, .5 .5 25e-2 7.5e-1 ] }
texCoordIndex [ 0 1 4 -1
1 2 4 -1 2 3 5 -1 3 0 5 -1 ]
}
}
Viewpoint { position 0 0 400 }"""

WRL_POLYGONS = """#VRML V2.0 utf8
Shape { geometry IndexedFaceSet {
  coord Coordinate { point [
    0 0 0, 1 0 0, 2 0 0, 2 1 0, 2 2 0, 1 2 0, 0 2 0, 0 1 0, 3 3 3
  ] }
  coordIndex [
    0 1 8 -1,
    0 1 2 8 -1,
    0 1 2 3 8 -1,
    0 1 2 3 4 8 -1,
  ]
  texCoord TextureCoordinate { point [ 0 0, .1 0, .2 0, .3 0, .4 0, .5 0, .6 0 ] }
  texCoordIndex [
    6 5 4 -1,
    6 5 4 3 -1,
    6 5 4 3 2 -1,
    6 5 4 3 2 1 -1,
  ]
} }
"""
POLYGON_TRIANGLES = (
    (0, 1, 8),
    *((0, 1, 2), (0, 2, 8)),
    *((0, 1, 2), (0, 2, 3), (0, 3, 8)),
    *((0, 1, 2), (0, 2, 3), (0, 3, 4), (0, 4, 8)),
)
POLYGON_UV_TRIANGLES = (
    (6, 5, 4),
    *((6, 5, 4), (6, 4, 3)),
    *((6, 5, 4), (6, 4, 3), (6, 3, 2)),
    *((6, 5, 4), (6, 4, 3), (6, 3, 2), (6, 2, 1)),
)

WRL_BARE = """#VRML V2.0 utf8
Shape { geometry IndexedFaceSet {
  coord Coordinate { point [ -40 -50 0, 40 -50 0, 40 50 0, -40 50 0, 0.5 1 30.25 ] }
  coordIndex [ 0 1 4 -1, 1 2 4 -1, 2 3 4 -1, 3 0 4 -1 ]
} }
"""

PSE = """0.0 0.6 0.8

1 -30.0 40.0 60.0
2 30.0 40.0 60.0
"""


def grid_wrl(columns: int, rows: int) -> str:
    """Return a curved sheet of a face's size, columns × rows vertices, as the data set lists it."""
    cells = [(x, y) for y in range(rows) for x in range(columns)]
    points = "\n".join(
        f"          {x * 154 / columns - 77.123456:.6f} {y * 175 / rows - 87.654321:.6f} "
        f"{80 - 165 * x * y / columns / rows:.6f},"
        for x, y in cells
    )
    uv = "\n".join(f"          {x / columns:.6f} {y / rows:.6f}," for x, y in cells)
    faces = "\n".join(
        f"          {a}, {a + 1}, {a + columns}, -1,\n"
        f"          {a + 1}, {a + columns + 1}, {a + columns}, -1,"
        for a in (y * columns + x for x, y in cells if x < columns - 1 and y < rows - 1)
    )
    return (
        "#VRML V2.0 utf8\nShape {\n  appearance Appearance {\n    texture ImageTexture {\n"
        '      url "texture.bmp"\n    }\n  }\n  geometry IndexedFaceSet {\n    coord Coordinate {\n'
        f"      point [\n{points}\n      ]\n    }}\n    coordIndex [\n{faces}\n    ]\n"
        f"    texCoord TextureCoordinate {{\n      point [\n{uv}\n      ]\n    }}\n"
        f"    texCoordIndex [\n{faces}\n    ]\n  }}\n}}\nViewpoint {{\n  position 0 0 1\n}}\n"
    )


def bnd_text(right_eye_x_mm: float = -30.0) -> str:
    """83 landmarks; the first eye and brow lie at `right_eye_x_mm`, the second opposite."""
    sides = [right_eye_x_mm] * 8 + [-right_eye_x_mm] * 8
    sides += [right_eye_x_mm] * 10 + [-right_eye_x_mm] * 10 + [0.0] * 47
    lines = [f"{row % 5}\t\t{x:.4f} {40.0 - row:.4f} 50.5" for row, x in enumerate(sides)]
    return "\n".join(lines) + "\n"


def bnd_on_mesh() -> str:
    """83 landmarks that lie on the vertices whose numbers they give."""
    rows = [(row % 5, *VERTICES[row % 5]) for row in range(83)]
    return "".join(f"{vertex}\t\t{x} {y} {z}\n" for vertex, x, y, z in rows)


def write_scan(folder: Path, name: str, wrl: str = WRL) -> None:
    """Write all six files of a scan such as `F0001_AN01WH`."""
    folder.mkdir(parents=True, exist_ok=True)
    mesh = wrl.replace("F0001_AN01WH", name)
    (folder / f"{name}_F3D.wrl").write_text(mesh)
    (folder / f"{name}_RAW.wrl").write_text(mesh)
    (folder / f"{name}_F3D.bnd").write_text(bnd_on_mesh())
    (folder / f"{name}_RAW.pse").write_text(PSE)
    write_picture(folder / f"{name}_F3D.bmp", (10, 6), (200, 100, 50))
    write_picture(folder / f"{name}_F2D.bmp", (512, 512), (90, 80, 70))


def write_picture(path: Path, size: tuple[int, int], colour: tuple[int, int, int]) -> None:
    """Write a picture of one colour; `size` is width and height."""
    Image.new("RGB", size, colour).save(path)
