import json
import os
from pathlib import Path

import numpy as np
import pytest
import tiny_face_model as tiny

from fercore.errors import FercoreError
from fercore.expressions import EXPRESSIONS, Expression
from fercore.runtime.files import sole_user
from fercore.synthesis import generation
from fercore.synthesis.generation import (
    SubjectRecipe,
    SynthesisError,
    SyntheticScan,
    planned_scans,
    synthesize,
)

KINDS = ("F2D.bmp", "F3D.bmp", "F3D.bnd", "RAW.pse", "RAW.wrl", "F3D.wrl")


def fake_write_scan(folder, scan_id, model, vertices_mm, skin, rng):
    """Stand in for the renderer: files that depend on all it is given."""
    content = vertices_mm.tobytes() + repr(skin).encode() + rng.bytes(8)
    for kind in KINDS:
        (folder / f"{scan_id.name}_{kind}").write_bytes(content)


real_make = generation._make


def make_without_rendering(recipe, scan):
    """Run in a child process, where nothing is patched yet."""
    generation.write_scan = fake_write_scan
    real_make(recipe, scan)


def die(recipe, scan):
    os._exit(1)


@pytest.fixture
def model_file(tmp_path):
    return tiny.write_npz(tmp_path / "model.npz")


@pytest.fixture
def recipe(tmp_path, model_file, monkeypatch):
    monkeypatch.setattr(generation, "write_scan", fake_write_scan)
    generation._face_model.cache_clear()
    return SubjectRecipe(model_file, tmp_path / "root", seed=0)


def contents(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*_*.*")}


def test_a_subject_has_a_neutral_scan_and_four_levels_of_each_expression():
    scans = planned_scans(2)
    assert len(scans) == 50
    assert [scan.position for scan in scans[:25]] == list(range(25))
    first = [scan.name for scan in scans[:3]]
    assert first == ["F9001_NE00WH", "F9001_AN01WH", "F9001_AN02WH"]
    assert {scan.expression for scan in scans} == {None, *EXPRESSIONS}
    assert scans[-1] == SyntheticScan(2, Expression.SURPRISE, 4)
    assert scans[-1].name == "M9002_SU04WH"


def test_a_tree_has_all_files_and_says_what_it_is(recipe):
    assert synthesize(recipe, subjects=2, workers=1) == 50
    files = sorted(path.name for path in (recipe.root / "M9002").iterdir())
    assert len(files) == 25 * 6
    manifest = json.loads((recipe.root / "synthesis.json").read_text())
    assert manifest["synthetic"] is True
    assert manifest["seed"] == 0
    assert "no person was recorded" in manifest["content"]
    notice = (recipe.root / "NOTICE.txt").read_text()
    assert "Copyright (c) 2020 USC Institute for Creative Technologies" in notice
    assert "Permission is hereby granted" in manifest["notice"]


def test_a_subject_does_not_depend_on_how_many_there_are(recipe, tmp_path):
    synthesize(recipe, subjects=2, workers=1)
    alone = SubjectRecipe(recipe.face_model, tmp_path / "alone", seed=0)
    synthesize(alone, subjects=1, workers=1)
    many = contents(recipe.root)
    assert contents(alone.root) == {
        path: many[path] for path in many if path.parts[0] in ("F9001", "NOTICE.txt")
    }


def test_a_scan_does_not_depend_on_which_levels_are_made(recipe, tmp_path):
    synthesize(recipe, subjects=1, workers=1)
    apexes = SubjectRecipe(recipe.face_model, tmp_path / "apexes", seed=0)
    assert synthesize(apexes, subjects=1, workers=1, levels=(3, 4)) == 13
    every, some = contents(recipe.root), contents(apexes.root)
    assert some == {path: every[path] for path in some}
    assert synthesize(apexes, subjects=1, workers=1) == 12
    assert contents(apexes.root) == every


def test_another_seed_gives_other_subjects(recipe, tmp_path):
    other = SubjectRecipe(recipe.face_model, tmp_path / "other", seed=1)
    synthesize(recipe, subjects=1, workers=1)
    synthesize(other, subjects=1, workers=1)
    assert not set(contents(recipe.root).values()) & set(contents(other.root).values())


def test_processes_make_the_same_scans_as_one_alone(recipe, tmp_path, monkeypatch):
    synthesize(recipe, subjects=2, workers=1)
    monkeypatch.setattr(generation, "_make", make_without_rendering)
    shared = SubjectRecipe(recipe.face_model, tmp_path / "shared", seed=0)
    assert synthesize(shared, subjects=2, workers=2) == 50
    assert contents(shared.root) == contents(recipe.root)


def test_a_dead_worker_is_reported(recipe, monkeypatch):
    monkeypatch.setattr(generation, "_make", die)
    with pytest.raises(FercoreError, match="worker process died"):
        synthesize(recipe, subjects=1, workers=2)


def test_finished_scans_stay_and_unfinished_ones_are_made_again(recipe):
    synthesize(recipe, subjects=1, workers=1)
    before = contents(recipe.root)
    kept = recipe.root / "F9001" / "F9001_HA01WH_F3D.wrl"
    kept.write_text("left alone")
    lost = recipe.root / "F9001" / "F9001_SA02WH_F3D.wrl"
    lost.unlink()
    leftover = lost.with_name(f"{lost.name}.123.part")
    leftover.write_text("half")
    assert synthesize(recipe, subjects=1, workers=1) == 1
    assert kept.read_text() == "left alone"
    assert lost.read_bytes() == before[lost.relative_to(recipe.root)]
    assert not leftover.exists()


def test_more_subjects_can_be_added(recipe):
    synthesize(recipe, subjects=1, workers=1)
    assert synthesize(recipe, subjects=2, workers=1) == 25


def test_a_root_of_another_seed_is_refused(recipe):
    synthesize(recipe, subjects=1, workers=1)
    with pytest.raises(SynthesisError, match="another seed: give a new folder"):
        synthesize(SubjectRecipe(recipe.face_model, recipe.root, seed=1), subjects=1, workers=1)


def test_a_root_of_another_face_model_is_refused(recipe, tmp_path):
    synthesize(recipe, subjects=1, workers=1)
    changed = tiny.write_npz(tmp_path / "b.npz", identity=np.zeros((100, tiny.VERTICES, 3)))
    with pytest.raises(SynthesisError, match="another face_model: give a new folder"):
        synthesize(SubjectRecipe(changed, recipe.root, seed=0), subjects=1, workers=1)


@pytest.mark.parametrize("manifest", ["{", "[]"])
def test_a_damaged_manifest_is_refused(recipe, manifest):
    recipe.root.mkdir()
    (recipe.root / "synthesis.json").write_text(manifest)
    with pytest.raises(SynthesisError, match="give a new folder"):
        synthesize(recipe, subjects=1, workers=1)


def test_a_folder_of_something_else_is_left_alone(recipe):
    recipe.root.mkdir()
    (recipe.root / "holiday.jpg").write_text("precious")
    with pytest.raises(SynthesisError, match="holds other data"):
        synthesize(recipe, subjects=1, workers=1)
    assert [path.name for path in recipe.root.iterdir()] == ["holiday.jpg"]


def test_two_runs_do_not_meet_in_one_tree(recipe):
    with sole_user(recipe.root), pytest.raises(FercoreError, match="in use by another process"):
        synthesize(recipe, subjects=1, workers=1)
    assert synthesize(recipe, subjects=1, workers=1) == 25


def test_a_file_is_no_root(recipe):
    recipe.root.write_text("")
    with pytest.raises(SynthesisError, match="is a file"):
        synthesize(recipe, subjects=1, workers=1)


@pytest.mark.parametrize(
    ("subjects", "workers", "seed", "named"),
    [
        (0, 1, 0, "--subjects"),
        (1000, 1, 0, "--subjects"),
        (1, 0, 0, "--workers"),
        (1, 1, -1, "--seed"),
    ],
)
def test_numbers_out_of_range_are_named(recipe, subjects, workers, seed, named):
    with pytest.raises(SynthesisError, match=named):
        synthesize(SubjectRecipe(recipe.face_model, recipe.root, seed), subjects, workers)
    assert not recipe.root.exists()


def test_a_full_disk_is_reported_in_one_sentence(recipe, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(generation, "write_scan", full)
    with pytest.raises(SynthesisError, match="No space left on device"):
        synthesize(recipe, subjects=1, workers=1)


def test_a_missing_face_model_creates_nothing(recipe):
    with pytest.raises(FercoreError, match="no face model"):
        synthesize(SubjectRecipe(Path("nowhere.npz"), recipe.root, 0), subjects=1, workers=1)
    assert not recipe.root.exists()
