"""`fercore prepare` on BU-4DFE and Bosphorus: sample scans, written anew in their formats."""

from __future__ import annotations

import dataset_trees as trees
import numpy as np
import pytest
from PIL import Image

from fercore.caches.reading import open_cache
from fercore.cli import main
from fercore.datasets.bu3dfe import Bu3dfe
from fercore.geometry import MeshRenderer, OrthographicCamera, largest_component
from fercore.runtime.files import sole_user

SPACING_MM = 1.0


def run(*arguments) -> int:
    return main(["prepare", *map(str, arguments), "--workers", "1"])


@pytest.fixture(scope="module")
def scans(sample_root):
    """One subject's neutral scan and the one of full happiness."""
    found = {scan.id.code: scan for scan in Bu3dfe(sample_root).scans()}
    return [found["NE00"], found["HA04"]]


def write_frame(scan, folder, number: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{number:03d}.wrl"
    path.write_bytes(scan.f3d.read_bytes().replace(scan.texture.name.encode(), b"000.jpg"))
    Image.open(scan.texture).convert("RGB").save(path.with_suffix(".jpg"), quality=90)


def write_range_image(scan, folder, name: str) -> None:
    """Lay a grid over the rendered scan; the picture is the rendering."""
    folder.mkdir(parents=True, exist_ok=True)
    mesh = largest_component(scan.mesh())
    low, high = mesh.vertices_mm[:, :2].min(axis=0), mesh.vertices_mm[:, :2].max(axis=0)
    x, y = (float(v) for v in (low + high) / 2)
    size = int((high - low).max() / SPACING_MM) + 8
    seen = MeshRenderer(mesh).orthographic(OrthographicCamera(SPACING_MM, x, y, size))
    sharp = MeshRenderer(mesh).orthographic(OrthographicCamera(SPACING_MM / 4, x, y, 4 * size))
    Image.fromarray(sharp.rgb).save(folder / f"{name}.png")
    offsets = (np.arange(size) - (size - 1) / 2) * SPACING_MM
    places = (np.arange(size) + 0.5) / size
    z_mm = 1000 * (1 - seen.depth_m.astype(np.float64))[::-1]  # the lowest row first
    planes = [
        *np.broadcast_arrays(x + offsets[None], y + offsets[:, None], z_mm),
        *np.broadcast_arrays(places[None], places[::-1, None], z_mm)[:2],
    ]
    values = [np.where(np.isfinite(z_mm), p, trees.BACKGROUND).ravel() for p in planes]
    content = trees.bnt_bytes(values, rows=size, columns=size, name=name.encode())
    (folder / f"{name}.bnt").write_bytes(content)


@pytest.fixture(scope="module")
def bu4dfe(scans, tmp_path_factory):
    root = tmp_path_factory.mktemp("BU_4DFE")
    neutral, happy = scans
    for number, scan in enumerate((neutral, happy, neutral)):
        write_frame(scan, root / "F001" / "Happy", number)
    return root


@pytest.fixture(scope="module")
def bosphorus(scans, tmp_path_factory):
    root = tmp_path_factory.mktemp("Bosphorus")
    for scan, name in zip(scans, ("bs000_N_N_0", "bs000_E_HAPPY_0"), strict=True):
        write_range_image(scan, root / "bs000", name)
    return root


def assert_faces(cache, rows) -> None:
    assert len(rows) > 0
    for row in rows:
        assert row.usable, row.reason
        assert row.valid_fraction > 0.3
        assert cache.rgb[row.row].std() > 10
        depth_m = cache.depth_m[row.row]
        assert np.isfinite(depth_m[24:40, 24:40]).mean() > 0.9
        top, left = np.unravel_index(np.nanargmin(depth_m), depth_m.shape)
        assert 20 < top < 48
        assert 16 < left < 48


class TestBu4dfe:
    def test_the_apex_is_prepared(self, bu4dfe, tmp_path, capsys):
        assert run("bu4dfe", bu4dfe, "--output", tmp_path / "cache", "--views", "1") == 0
        cache = open_cache(tmp_path / "cache")
        assert_faces(cache, cache.rows)
        assert [row.view for row in cache.rows] == ["rendered", "camera"]
        front = cache.rows[0]
        assert (front.scan, front.subject) == ("F001_happiness_001", "F001")
        assert (front.expression, front.level, front.ancestry) == ("happiness", 0, "")
        assert front.reason == ""
        assert len(cache.select(levels=(3, 4), expressive=True)) == 2
        printed = capsys.readouterr()
        assert "1 BU-4DFE subjects, 1 scans" in printed.out
        assert "fell back" not in printed.out
        assert printed.err == ""

    @pytest.mark.parametrize(
        ("kind", "frames", "words"), [("bu4dfe", "0", "at least 1"), ("bosphorus", "2", "belongs")]
    )
    def test_senseless_apex_frames(self, bu4dfe, tmp_path, capsys, kind, frames, words):
        arguments = (kind, bu4dfe, "--output", tmp_path / "cache", "--apex-frames", frames)
        assert run(*arguments) == 2
        assert words in capsys.readouterr().err

    def test_points_that_it_has_not_are_refused_before_any_work(self, bu4dfe, tmp_path, capsys):
        assert run("bu4dfe", bu4dfe, "--output", tmp_path / "cache", "--baselines") == 2
        assert "add --landmarks mediapipe" in capsys.readouterr().err
        assert not (tmp_path / "cache").exists()

    def test_two_commands_never_fill_one_store(self, bu4dfe, tmp_path, capsys):
        arguments = ("bu4dfe", bu4dfe, "--output", tmp_path / "cache")
        assert run(*arguments) == 0
        with sole_user(tmp_path / "cache" / "geometry-mediapipe"):
            assert run(*arguments, "--baselines", "--landmarks", "mediapipe") == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and "is in use by another process; wait for it." in said


class TestBosphorus:
    def test_what_is_whole_is_prepared(self, bosphorus, tmp_path, capsys):
        (bosphorus / "bs000" / "bs000_E_FEAR_0.bnt").write_bytes(trees.bnt_bytes()[:400])
        (bosphorus / "bs000" / "bs000_E_ANGER_0.png").touch()
        assert run("bosphorus", bosphorus, "--output", tmp_path / "cache") == 0
        cache = open_cache(tmp_path / "cache")
        assert [(row.scan, row.expression, row.status) for row in cache.rows] == [
            ("bs000_N_N_0", "neutral", "ok"),
            ("bs000_E_FEAR_0", "fear", "unusable"),
            ("bs000_E_HAPPY_0", "happiness", "ok"),
        ]
        assert {row.view for row in cache.rows} == {"rendered"}
        assert_faces(cache, cache.select())
        assert [row.row for row in cache.select(expressive=True)] == [2]
        printed = capsys.readouterr()
        assert "bs000_E_FEAR_0.bnt is no usable range image" in printed.out
        assert "bs000_E_ANGER_0.png has no range image" in printed.err


def test_the_wrong_kind_is_told_the_right_one(bosphorus, tmp_path, capsys):
    assert run("bu3dfe", bosphorus, "--output", tmp_path / "cache") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "holds no scan of BU-3DFE" in said
    assert "looks like Bosphorus" in said
    assert not (tmp_path / "cache").exists()
