"""Turned heads: rendered from scans, found and cut out."""

from __future__ import annotations

import pickle
import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fercore.datasets.bu3dfe import Bu3dfe, Scan
from fercore.errors import DatasetError
from fercore.evaluation.stress import poses
from fercore.evaluation.stress.poses import TURNS, find_scans, render, view_of
from fercore.faces.detection import MediapipeFaceDetector
from fercore.networks.preprocessing import Preprocessing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PARAMETERS = Preprocessing()


@pytest.fixture(scope="module")
def detector() -> Iterator[MediapipeFaceDetector]:
    with MediapipeFaceDetector() as opened:
        yield opened


@pytest.fixture
def scan(sample_root: Path, tmp_path: Path) -> Scan:
    for path in Bu3dfe(sample_root).scans()[0].files().values():
        if path is not None:
            shutil.copy(path, tmp_path)
    return reread(tmp_path)


def reread(folder: Path) -> Scan:
    return Bu3dfe(folder).scans()[0]


def nose_column(depth_m: np.ndarray) -> int:
    """Return the column of the point nearest to the camera."""
    return int(np.unravel_index(np.nanargmin(depth_m), depth_m.shape)[1])


def test_a_frontal_and_a_turned_face_are_found(scan: Scan, detector) -> None:
    noses = []
    for yaw_deg in (-25.0, 0.0, 25.0):
        view = view_of(scan, yaw_deg, 0.0, PARAMETERS, detector)
        assert view.found
        assert not view.unusable
        assert view.rgb is not None and view.rgb.shape == (96, 96, 3)
        assert view.depth_m is not None and view.depth_m.shape == (64, 64)
        assert 0.4 < np.nanmedian(view.depth_m) < 0.6
        noses.append(nose_column(view.depth_m))
    assert noses[0] < 26 < noses[1] < 38 < noses[2]


def test_a_view_without_face_is_no_fault_of_the_scan(scan: Scan, detector) -> None:
    view = view_of(scan, 0.0, 80.0, PARAMETERS, detector)
    assert not view.found
    assert not view.unusable


def test_a_scan_without_texture_is_left_out(scan: Scan, detector) -> None:
    assert scan.texture is not None
    scan.texture.unlink()
    view = view_of(reread(scan.texture.parent), 0.0, 0.0, PARAMETERS, detector)
    assert not view.found
    assert view.unusable == f"{scan.name} has no texture to render"


def test_a_broken_mesh_is_left_out(scan: Scan, detector) -> None:
    assert scan.f3d is not None
    scan.f3d.write_bytes(scan.f3d.read_bytes()[:2000])
    view = view_of(scan, 0.0, 0.0, PARAMETERS, detector)
    assert scan.f3d.name in view.unusable


def test_scans_come_in_the_order_of_their_names(sample_root: Path) -> None:
    names = [scan.name for scan in Bu3dfe(sample_root).scans()][5:2:-1]
    assert [scan.name for scan in find_scans(sample_root, names)] == names
    with pytest.raises(DatasetError, match=r"lacks 1 of the 2 scans .* such as F0001_AN01WH; give"):
        find_scans(sample_root, [names[0], "F0001_AN01WH"])


def test_all_scans_are_rendered_at_an_angle_before_the_next(
    scan: Scan, detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_this_process(work, jobs, workers: int):
        # As if to another process and back.
        work, jobs = pickle.loads(pickle.dumps((work, jobs)))
        return (work(job) for job in jobs)

    monkeypatch.setattr(poses, "in_order", in_this_process)
    monkeypatch.setattr(poses, "_worker_detectors", [detector])
    with closing(render([scan, scan], [(0.0, 0.0), (0.0, 80.0)], PARAMETERS, 1)) as views:
        assert [view.found for view in views] == [True, True, False, False]


def test_turns_include_the_straight_view() -> None:
    for turn in TURNS:
        assert 0 in turn.severities
        assert list(turn.severities) == sorted(turn.severities)
        assert turn.angles_deg(0) == (0, 0)
    assert [turn.angles_deg(20) for turn in TURNS] == [(20, 0), (0, 20)]
