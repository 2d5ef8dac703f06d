"""From a scan as its file has it to a face before the camera, in millimetres, or a refusal.

Every reader of scans asks here before anything is rendered. What is certain is converted with a
remark; what is not is refused in a sentence. A plain scan comes back unchanged.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fercore.errors import MeshError
from fercore.geometry import MeshRenderer, OrthographicCamera, largest_component
from fercore.geometry.mouth import with_open_mouth, without_strays
from fercore.geometry.plausibility import LEAST_WIDTH_MM, MOST_WIDTH_MM, UNITS_MM, standing_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from fercore.structures import FaceBox, Mesh

_LOOK_SIZE = 256  # pixels of the pictures in which the face is looked for
_QUARTERS = 4
_QUARTER_TURN = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
_CLEARLY = 0.1  # of the detector's score: upright faces have about 0.9, others 0.7 or none
_AXES = "xyz"


class ScanFace(NamedTuple):
    """A face that is ready to be rendered, and what was done to the scan for it."""

    mesh: Mesh  # in millimetres, x right, y up, z towards the camera
    remark: str  # empty when it was ready as it is
    moved: bool  # whether it had another unit or other axes


def scan_face(mesh: Mesh, name: str) -> ScanFace:
    """Return the face of a scan; `name` is its file's, for messages.

    Raises:
        MeshError: it is no scan of a face in any unit, or which way it looks is not certain.
    """
    standing = standing_of(largest_component(mesh), name)
    remarks = []
    if UNITS_MM[standing.unit] != 1:
        mesh = _moved(mesh, np.eye(3) * UNITS_MM[standing.unit])
        remarks.append(f"scan read in {standing.unit}")
    if standing.away is not None:
        mesh = _before_camera(mesh, standing.away, name)
        remarks.append(f"scan looked along {_axis_name(standing.away)} and was turned")
    if UNITS_MM[standing.unit] != 1:
        _require_width(mesh, standing.unit, name)
    moved = bool(remarks)
    face, strays = without_strays(mesh)
    if strays:
        remarks.append(f"{strays} of {len(mesh.triangles)} triangles apart from the face left out")
    opened = with_open_mouth(face)
    if opened is not face:
        remarks.append("hole at the mouth shown as an open mouth")
    return ScanFace(opened, "; ".join(remarks), moved)


def _before_camera(mesh: Mesh, away: NDArray[np.float64], name: str) -> Mesh:
    """Return the scan turned to look at the camera, upright as the face in it tells."""
    up = np.roll(np.abs(away), 1)  # any axis at right angles will do to begin with
    turned = [_moved(mesh, np.stack([np.cross(up, away), up, away]))]
    for _ in range(_QUARTERS - 1):
        turned.append(_moved(turned[-1], _QUARTER_TURN))
    scores = [found.score if found else 0.0 for found in _faces_in(turned)]
    second, best = sorted(scores)[-2:]
    if best - second < _CLEARLY:
        raise MeshError(
            f"The scan {name} looks along {_axis_name(away)}, and it is not certain which way up "
            "the face in it is; write it again with x right, y up, z to the camera."
        )
    return turned[scores.index(best)]


def _require_width(mesh: Mesh, unit: str, name: str) -> None:
    """Make sure that the face in a scan that was converted from a unit is of a face's width."""
    found = next(_faces_in([mesh]))
    width_mm = found.width * _camera(mesh).mm_per_pixel if found else 0.0
    if not LEAST_WIDTH_MM <= width_mm <= MOST_WIDTH_MM:
        raise MeshError(
            f"The scan {name} is of a face's size in {unit} alone, and in it no face of that size "
            "is found; write it again in millimetres."
        )


def _faces_in(meshes: Sequence[Mesh]) -> Iterator[FaceBox | None]:
    """Yield the best face that is seen of each mesh; the more upright it is, the higher it scores.

    One detector is opened for all of them: only scans that have to be converted need it.
    """
    from fercore.faces.detection import MediapipeFaceDetector

    with MediapipeFaceDetector() as detector:
        for mesh in meshes:
            rendering = MeshRenderer(mesh, 1).orthographic(_camera(mesh))
            yield next(iter(detector.detect(rendering.rgb)), None)


def _camera(mesh: Mesh) -> OrthographicCamera:
    return OrthographicCamera.framing(largest_component(mesh).vertices_mm, _LOOK_SIZE)


def _moved(mesh: Mesh, matrix: NDArray[np.float64]) -> Mesh:
    vertices = (mesh.vertices_mm.astype(np.float64) @ matrix.T).astype(np.float32)
    return replace(mesh, vertices_mm=vertices)


def _axis_name(axis: NDArray[np.float64]) -> str:
    number = int(np.abs(axis).argmax())
    return f"{'+' if axis[number] > 0 else '-'}{_AXES[number]}"
