"""A scan in the head's own frame: the same wherever the scan stood."""

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from fercore.baselines.filling import DESCRIBERS, DescribeJob, describe_scan
from fercore.baselines.named_points import RigidMotion
from fercore.baselines.posed_scans import posed_scan
from fercore.baselines.recipes import Landmarking
from fercore.datasets.bu3dfe import Bu3dfe
from fercore.datasets.bu3dfe_scan import Scan
from fercore.datasets.opening import sample_root
from fercore.io.bu3dfe_files import Landmarks
from fercore.structures import Mesh

if TYPE_CHECKING:
    from fercore.datasets.dataset import MeshScan

TURN = RigidMotion(
    np.array([[0.98, -0.199, 0.0], [0.199, 0.98, 0.0], [0.0, 0.0, 1.0]]), np.array([20.0, 9, -30])
)


class Turned(Scan):
    """A scan that stands elsewhere."""

    __slots__ = ()

    def mesh(self) -> Mesh:
        mesh = super().mesh()
        return replace(mesh, vertices_mm=TURN.apply(mesh.vertices_mm))

    def landmarks(self) -> Landmarks:
        found = super().landmarks()
        return replace(found, points_mm=TURN.apply(found.points_mm))


@pytest.fixture(scope="module")
def scan() -> Scan:
    scans = Bu3dfe(sample_root()).scans()
    return next(scan for scan in scans if scan.id.expression is not None)


def test_where_a_scan_stood_does_not_matter(scan: Scan) -> None:
    files = (scan.id, scan.f3d, scan.texture, scan.bnd, scan.f2d, scan.raw, scan.pse)
    here = posed_scan(scan, Landmarking(), None)
    there = posed_scan(Turned(*files), Landmarking(), None)
    assert np.allclose(here.points_mm, there.points_mm, atol=0.05)
    assert here.named_mm["nose base"][1] < here.named_mm["nose root"][1]
    tip = here.vertices_mm[:, 2].argmax()
    assert here.normals[tip, 2] > 0
    assert len(here.points_mm) == 83 and here.is_coloured
    corner = here.in_picture(here.named_mm["mouth left"][None])[0]
    assert 256 < corner[0] < 400 and 256 < corner[1] < 450


def test_noise_depends_on_the_scan_alone_and_moves_the_points(scan: Scan) -> None:
    noisy = [posed_scan(scan, Landmarking("bnd", 1.5), None).points_mm for _ in range(2)]
    exact = posed_scan(scan, Landmarking(), None).points_mm
    assert np.array_equal(*noisy)
    assert 0.7 < (noisy[0] - exact).std() < 2.5


def test_other_data_sets_have_no_points_of_their_own(scan: Scan) -> None:
    class Bare:
        """A scan that is none of BU-3DFE's."""

        name, sample = scan.name, scan.sample

        def mesh(self) -> Mesh:
            return scan.mesh()

    ((row, features),) = describe_scan(
        Landmarking(), DescribeJob(3, cast("MeshScan", Bare()), ("segments-svm",))
    )
    assert features is None and "take --landmarks mediapipe" in row.reason


def test_every_baseline_describes_a_scan_in_plain_arrays(scan: Scan) -> None:
    described = describe_scan(Landmarking(), DescribeJob(0, scan, tuple(DESCRIBERS)))
    for slug, (row, features) in zip(DESCRIBERS, described, strict=True):
        assert not row.reason and features, slug
        for array in features.values():
            assert array.dtype in (np.float32, np.uint8) and np.isfinite(array).all(), slug


def test_automatic_points_lie_near_the_data_sets_own(scan: Scan) -> None:
    from fercore.faces.detection import MediapipeFaceLandmarker

    with MediapipeFaceLandmarker() as landmarker:
        found = posed_scan(scan, Landmarking("mediapipe"), landmarker)
    exact = posed_scan(scan, Landmarking(), None)
    assert len(found.points_mm) == 69
    for name in ("right eye outer", "left eye inner", "mouth left", "mouth lower"):
        assert np.linalg.norm(found.named_mm[name] - exact.named_mm[name]) < 8, name
