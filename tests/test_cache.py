"""Prepared caches: written row by row, read whole, refused when damaged."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from cache_fixtures import FACELESS, MANIFEST, NEUTRAL, ROW, SIZES

from fercore.caches import writer as cache_writer
from fercore.caches.reading import open_cache, people_of, read_index
from fercore.caches.records import CacheRow, Manifest, format_row
from fercore.caches.writer import CacheWriter
from fercore.errors import DatasetError, FercoreError
from fercore.runtime.files import InUseError


def entries(number: int, row: CacheRow = ROW) -> list:
    """Return the two rows of a scan, with arrays that tell their number."""
    found = []
    for i, view in enumerate(("f2d", "camera")):
        rgb = np.full((8, 8, 3), 10 * number + i, np.uint8)
        depth_m = np.full((6, 6), number + i / 10, np.float32)
        depth_m[0, 0] = np.nan
        found.append((replace(row, row=2 * number + i, view=view), rgb, depth_m))
    return found


def write(path, count: int = 3, manifest: Manifest = MANIFEST) -> None:
    with CacheWriter(path, manifest) as writer:
        for number in range(writer.rows_done // 2, count):
            writer.append(entries(number, (NEUTRAL, ROW, FACELESS)[number]))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache"


class TestRoundTrip:
    def test_arrays_and_rows(self, path):
        write(path)
        cache = open_cache(path)
        assert cache.rgb.shape == (6, 8, 8, 3)
        assert cache.depth_m.shape == (6, 6, 6)
        assert cache.rgb.dtype == np.uint8
        assert cache.depth_m.dtype == np.float32
        assert cache.rgb[:, 0, 0, 0].tolist() == [0, 1, 10, 11, 20, 21]
        np.testing.assert_allclose(cache.depth_m[:, 1, 1], [0, 0.1, 1, 1.1, 2, 2.1])
        assert np.isnan(cache.depth_m[:, 0, 0]).all()
        assert [row.row for row in cache.rows] == list(range(6))
        assert cache.preprocessing == SIZES

    def test_arrays_are_mapped_and_read_only(self, path):
        write(path)
        cache = open_cache(path)
        assert isinstance(cache.rgb, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            cache.depth_m[0, 0, 0] = 1

    def test_select(self, path):
        write(path)
        cache = open_cache(path)

        def rows(**conditions):
            return [row.row for row in cache.select(**conditions)]

        assert rows() == [0, 1, 2, 3]
        assert rows(usable=False) == [0, 1, 2, 3, 4, 5]
        assert rows(levels=(3, 4), usable=False) == [2, 3, 4, 5]
        assert rows(subjects={"M9002"}) == []
        assert rows(views=["camera"]) == [1, 3]
        assert rows(expressive=True) == [2, 3]

    def test_description_tells_synthetic_from_recorded(self, path):
        write(path)
        mixed = open_cache(path)
        assert mixed.description == "tree: 2 BU-3DFE subjects, 3 scans"
        assert "not to be passed on" in mixed.terms
        synthetic = path.parent / "synthetic"
        manifest = replace(MANIFEST, rows=2)
        with CacheWriter(synthetic, manifest) as writer:
            writer.append(entries(0, FACELESS))
        assert "1 synthetic subject" in open_cache(synthetic).description
        assert "no person was recorded" in open_cache(synthetic).terms

    def test_a_cache_says_whose_faces_it_holds(self, path):
        manifest = replace(MANIFEST, rows=2, dataset="BU-4DFE", terms="ask first")
        with CacheWriter(path, manifest) as writer:
            writer.append(entries(0, FACELESS))  # a code that synthetic subjects have
        cache = open_cache(path)
        assert cache.description == "tree: 1 BU-4DFE subjects, 1 scans"
        assert cache.terms == "ask first"
        assert not cache.is_synthetic
        assert people_of(path) == "BU-4DFE"

    def test_a_cache_from_before_it_said_so_is_read_and_gone_on_with(self, path):
        named = replace(MANIFEST, dataset="BU-3DFE", terms="ask first")
        write(path, 2)
        content = json.loads((path / "cache.json").read_text())
        for name in ("dataset", "terms", "synthetic"):
            del content[name]
        (path / "cache.json").write_text(json.dumps(content))
        assert people_of(path) == path.name
        with CacheWriter(path, named) as writer:
            assert writer.rows_done == 4

    def test_rows_of_data_sets_without_levels_meet_every_condition(self, path):
        rows = [replace(NEUTRAL, subject="F001"), replace(ROW, subject="F001", level=0)]
        with CacheWriter(path, replace(MANIFEST, rows=4)) as writer:
            for number, row in enumerate(rows):
                writer.append(entries(number, row))
        cache = open_cache(path)
        assert [row.row for row in cache.select(levels=(3, 4))] == [2, 3]
        assert [row.row for row in cache.select(levels=(1,), expressive=True)] == [2, 3]

    @pytest.mark.parametrize(
        ("subjects", "name", "synthetic"),
        [
            (("F9001", "M9001"), "synthetic", True),
            (("F0001", "M9001"), "BU-3DFE", False),
            (("F001", "M043"), "BU-4DFE", False),
            (("bs000", "bs104"), "Bosphorus", False),
            (("F0001", "F001"), "BU-3DFE", False),
        ],
    )
    def test_subjects_tell_the_data_set(self, path, subjects, name, synthetic):
        with CacheWriter(path, replace(MANIFEST, rows=4)) as writer:
            for number, subject in enumerate(subjects):
                writer.append(entries(number, replace(ROW, subject=subject)))
        cache = open_cache(path)
        assert f" {name} subjects" in cache.description
        assert cache.is_synthetic is synthetic
        assert name in cache.terms


class TestResuming:
    def test_goes_on_where_it_stopped(self, path, tmp_path):
        write(path, count=1)
        write(path)
        write(tmp_path / "whole")
        for name in ("rgb.npy", "depth_m.npy", "index.tsv", "cache.json"):
            assert (path / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()

    @pytest.mark.parametrize("torn", [b"4\tM9002", b"4\tM9002_SU04WH\tM9002\tsurprise\t4\n"])
    def test_half_a_scan_is_done_again(self, path, tmp_path, torn):
        write(path, count=2)
        index = path / "index.tsv"
        if torn.endswith(b"\n"):  # the first of a scan's two rows made it, the second did not
            torn = format_row(entries(2, FACELESS)[0][0]).encode()
        index.write_bytes(index.read_bytes() + torn)
        write(path)
        write(tmp_path / "whole")
        assert index.read_bytes() == (tmp_path / "whole" / "index.tsv").read_bytes()

    def test_finished_cache_has_nothing_left_to_do(self, path):
        write(path)
        with CacheWriter(path, MANIFEST) as writer:
            assert writer.rows_done == 6

    def test_kill_while_the_folder_was_made(self, path):
        path.mkdir()
        (path / "rgb.npy").write_bytes(b"half")
        (path / "cache.json.part").write_text("{")
        write(path)
        assert len(open_cache(path).rows) == 6

    def test_other_parameters_are_refused(self, path):
        write(path, count=1)
        with pytest.raises(DatasetError, match=r"other parameters \(seed: 3, now 4\)"):
            CacheWriter(path, replace(MANIFEST, seed=4))

    def test_foreign_folder_is_refused(self, path):
        path.mkdir()
        (path / "holiday.jpg").touch()
        with pytest.raises(DatasetError, match=r"holds holiday\.jpg"):
            CacheWriter(path, MANIFEST)
        assert [entry.name for entry in path.iterdir()] == ["holiday.jpg"]

    def test_two_writers_at_once(self, path):
        with CacheWriter(path, MANIFEST), pytest.raises(InUseError, match="another process"):
            CacheWriter(path, MANIFEST)

    def test_full_disk(self, path, monkeypatch):
        write(path, count=1)
        whole = cache_writer._write_all

        def fail_late(file, content):
            whole(file, content[:5])
            raise OSError(errno.ENOSPC, "No space left on device")

        with CacheWriter(path, MANIFEST) as writer:
            monkeypatch.setattr(cache_writer, "_write_all", fail_late)
            with pytest.raises(FercoreError, match="No space left on device"):
                writer.append(entries(1))
            monkeypatch.undo()
        assert [row.row for row in read_index(path)] == [0, 1]
        write(path)
        assert open_cache(path).rgb[:, 0, 0, 0].tolist() == [0, 1, 10, 11, 20, 21]

    def test_path_is_a_file(self, path):
        path.touch()
        with pytest.raises(FercoreError, match="cannot be written"):
            CacheWriter(path, MANIFEST)


class TestDamage:
    def test_no_cache(self, tmp_path):
        with pytest.raises(DatasetError, match=r"no prepared cache.*fercore prepare"):
            open_cache(tmp_path)

    def test_unfinished(self, path):
        write(path, count=2)
        with pytest.raises(DatasetError, match="unfinished \\(4 of 6 rows\\)"):
            open_cache(path)

    @pytest.mark.parametrize("name", ["rgb.npy", "depth_m.npy"])
    @pytest.mark.parametrize("content", [b"", b"no array", None])
    def test_array_file(self, path, name, content):
        write(path)
        whole = (path / name).read_bytes()
        (path / name).write_bytes(whole[:-40] if content is None else content)
        with pytest.raises(DatasetError, match=f"{name} is damaged"):
            open_cache(path)

    def test_array_of_another_shape(self, path):
        write(path)
        np.save(path / "rgb.npy", np.zeros((6, 4, 4, 3), np.uint8))
        with pytest.raises(DatasetError, match=r"rgb.npy holds \(6, 4, 4, 3\)"):
            open_cache(path)

    @pytest.mark.parametrize("content", ["", "row\tscan\n", "\xff"])
    def test_index(self, path, content):
        write(path)
        (path / "index.tsv").write_text(content, encoding="latin-1")
        with pytest.raises(DatasetError, match=r"index.tsv is damaged"):
            open_cache(path)

    @pytest.mark.parametrize("content", ["", "[]", "{}", "{"])
    def test_manifest(self, path, content):
        write(path)
        (path / "cache.json").write_text(content)
        with pytest.raises(DatasetError, match=r"cache.json cannot be used"):
            open_cache(path)

    def test_missing_array(self, path):
        write(path)
        (path / "rgb.npy").unlink()
        with pytest.raises(DatasetError, match=r"rgb.npy is damaged"):
            open_cache(path)


def test_reading_needs_no_reader_of_meshes_or_faces():
    heavy = "open3d mediapipe cv2 SimpleITK PySide6 scipy"
    code = f"import sys, fercore.caches.reading; print(set('{heavy}'.split()) & set(sys.modules))"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "set()"
