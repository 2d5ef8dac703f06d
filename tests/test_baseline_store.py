"""The geometry store: whole rows or none, and only beside the cache it was made for."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import numpy as np
import pytest
from made_up_faces import make_cache

from fercore.baselines import filling
from fercore.baselines.filling import DESCRIBERS, DESCRIBING, StoreFilling, describe_scan
from fercore.baselines.recipes import Landmarking
from fercore.baselines.store import BaselineStore, StoredRow, StoreManifest, manifest_of
from fercore.caches.reading import read_index
from fercore.cli import main, prepare
from fercore.errors import DatasetError, FercoreError

BND, MEDIAPIPE = Landmarking(), Landmarking("mediapipe")
SLUG = "segments-svm"


@dataclass
class MadeUpScan:
    """A scan by name alone."""

    name: str


@dataclass
class MadeUpData:
    """A data set that has the scans of a cache, none of which can be read."""

    cache: Path
    root = Path("made up")

    def scans(self) -> list[MadeUpScan]:
        return [MadeUpScan(row.scan) for row in read_index(self.cache)]


def filling_of(cache: Path, landmarking: Landmarking = BND) -> StoreFilling:
    return StoreFilling.of(cast("Any", MadeUpData(cache)), cache, landmarking, tuple(DESCRIBERS))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return make_cache(tmp_path / "cache", 2, 0)


def manifest(cache: Path, **parameters: object) -> StoreManifest:
    return manifest_of(cache, SLUG, BND, {"pixels": 3, **parameters})


def filled(cache: Path, rows: range) -> BaselineStore:
    store = BaselineStore.writable(cache, BND, manifest(cache))
    for row in rows:
        reason = "no face" if row == 1 else ""
        features = None if reason else {"a": np.full((2, 3), row, np.float32)}
        store.append(StoredRow(row, f"scan{row}", 0.5, "", reason), features)
    return store


def test_rows_come_back_as_they_were_written(cache: Path) -> None:
    filled(cache, range(4))
    store = BaselineStore.readable(cache, BND, SLUG)
    found = store.read([0, 1, 3])
    assert found.known.tolist() == [True, False, True]
    assert found.arrays["a"].shape == (3, 2, 3)
    assert found.arrays["a"][2].max() == 3
    assert store.digest([0, 3]) != store.digest([0, 2])
    assert store.rows[1].reason == "no face"


def test_half_a_line_that_a_kill_left_is_cut_and_done_again(cache: Path) -> None:
    folder = filled(cache, range(3)).folder
    table = folder / "rows.tsv"
    table.write_bytes(table.read_bytes()[:-5])
    assert sorted(BaselineStore.readable(cache, BND, SLUG).rows) == [0, 1]
    store = filled(cache, range(2, 3))
    assert sorted(BaselineStore.readable(cache, BND, SLUG).rows) == [0, 1, 2]
    assert store.read([2]).arrays["a"].max() == 2


def test_a_missing_store_says_what_to_run(cache: Path) -> None:
    words = (
        r"no features of segments-svm; run `fercore prepare KIND ROOT .* --baselines --landmarks"
    )
    with pytest.raises(DatasetError, match=words):
        BaselineStore.readable(cache, BND, SLUG)
    filled(cache, range(2))
    with pytest.raises(DatasetError, match=r"unfinished .row 3 is missing"):
        BaselineStore.readable(cache, BND, SLUG).digest([0, 3])
    with pytest.raises(DatasetError, match="no features"):  # other points lie in another folder
        BaselineStore.readable(cache, Landmarking("bnd", 1.5), SLUG)


def test_a_store_goes_on_only_as_it_was_begun(cache: Path, tmp_path: Path) -> None:
    filled(cache, range(2))
    with pytest.raises(DatasetError, match="made with another parameters"):
        BaselineStore.writable(cache, BND, manifest(cache, pixels=4))
    other = make_cache(tmp_path / "other", 3, 1)
    (cache / "index.tsv").write_bytes((other / "index.tsv").read_bytes())
    with pytest.raises(DatasetError, match="belongs to another cache"):
        BaselineStore.readable(cache, BND, SLUG)


def test_a_damaged_file_is_named(cache: Path) -> None:
    folder = filled(cache, range(2)).folder
    (folder / "00000.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(DatasetError, match=r"00000\.npz is damaged"):
        BaselineStore.readable(cache, BND, SLUG).read([0])


def test_where_points_come_from_is_checked() -> None:
    assert Landmarking("bnd", 1.5).folder == "geometry-bnd-1.5mm"
    assert "1.5 mm of noise" in Landmarking("bnd", 1.5).words
    with pytest.raises(FercoreError, match="choose one of: bnd, mediapipe"):
        Landmarking("dlib")
    with pytest.raises(FercoreError, match="0 to 20 mm"):
        Landmarking("bnd", -1.0)


def test_features_go_on_only_where_the_same_text_describes(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    filling_of(cache, MEDIAPIPE)
    (store,) = cache.glob("*/descriptors-svm")
    assert "opencv-contrib-python" in json.loads((store / "store.json").read_text())["versions"]
    for name in DESCRIBING:
        text = (Path(filling.__file__).parent / f"{name}.py").read_text()
        (tmp_path / f"{name}.py").write_text(text.replace("NEIGHBOURS = 48", "NEIGHBOURS = 49"))
    monkeypatch.setattr(filling, "files", lambda _: tmp_path)
    with pytest.raises(DatasetError, match="made with another parameters"):
        filling_of(cache, MEDIAPIPE)


def test_points_that_no_scan_has_are_refused_and_leave_no_store(cache: Path) -> None:
    with pytest.raises(DatasetError, match=r"^made up has no \.bnd .*; add --landmarks mediapipe"):
        filling_of(cache)
    assert not list(cache.glob("geometry-*"))


def test_a_row_that_failed_is_tried_again_and_its_last_line_counts(cache: Path) -> None:
    assert len(filling_of(cache, MEDIAPIPE).jobs) == 24
    store = filling_of(cache, MEDIAPIPE).stores[SLUG]
    for row in range(24):
        reason = "no face" if row == 1 else ""
        features = None if reason else {"a": np.zeros(3, np.float32)}
        store.append(StoredRow(row, f"scan{row}", 0.5, "", reason), features)
    lacking = [job.row for job in filling_of(cache, MEDIAPIPE).jobs if SLUG in job.baselines]
    assert lacking == [1]
    store.append(StoredRow(1, "scan1", 0.5, "", ""), {"a": np.ones(3, np.float32)})
    again = BaselineStore.readable(cache, MEDIAPIPE, SLUG)
    assert again.read([0, 1]).known.all()


def test_a_landmarker_that_cannot_start_fails_no_scan(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(_: Landmarking) -> None:
        raise FercoreError("mediapipe's model is missing.")

    monkeypatch.setattr(filling, "_landmarker", cannot)
    job = filling_of(cache, MEDIAPIPE).jobs[0]
    with pytest.raises(FercoreError, match="model is missing"):
        describe_scan(MEDIAPIPE, job)


def test_all_that_describes_is_told() -> None:
    source = (
        "import sys, fercore.baselines.filling as f; loaded = {n[18:] for n in sys.modules"
        " if n.startswith('fercore.baselines.')}; "
        "assert loaded - {'filling', 'recipes', 'store'} == set(f.DESCRIBING), loaded"
    )
    subprocess.run([sys.executable, "-c", source], check=True)


def test_a_finished_cache_is_not_taken_for_another(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "_opened", lambda *_: Mock(problems=()))
    monkeypatch.setattr(filling, "require_points", lambda *_: None)
    command = ["prepare", "bu3dfe", str(tmp_path), "--output", str(cache), "--baselines"]
    for option in ("--views", "--seed"):
        assert main([*command, option, "7"]) == 2
        said = f"is finished, with {option} 0; leave {option} out"
        assert said in capsys.readouterr().err
