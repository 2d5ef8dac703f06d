from dataclasses import replace

import numpy as np
import pytest
import tiny_face_model as tiny

from fercore.errors import FaceModelError, MeshError
from fercore.synthesis import ict_model
from fercore.synthesis.subjects import load_face_model
from fercore.synthesis.wavefront import read_wavefront


@pytest.fixture
def npz(tmp_path):
    return tiny.write_npz(tmp_path / "model.npz")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(ict_model, "REGIONS", tiny.REGIONS)
    return tiny.write_folder(tmp_path / "FaceXModel")


def test_centimetres_become_millimetres(npz):
    model = load_face_model(npz)
    cm = tiny.neutral_cm()
    spans_mm = model.neutral_mm.max(axis=0) - model.neutral_mm.min(axis=0)
    assert np.allclose(spans_mm, 10 * (cm.max(axis=0) - cm.min(axis=0)), atol=1e-4)
    assert np.allclose(model.identity_mm[3], 10 * tiny.displacements_cm(100, 1)[3], atol=0.01)
    assert model.identity_mm.dtype == np.float32


def test_the_origin_lies_between_eyes_and_nose_and_keeps_left_and_right(npz):
    model = load_face_model(npz)
    assert np.allclose(model.neutral_mm[5], 0.0, atol=1e-5)  # all landmarks lie there
    assert np.allclose(model.neutral_mm[:, 0], 10 * tiny.neutral_cm()[:, 0], atol=1e-5)


def test_quads_are_split_and_padding_disappears(npz):
    model = load_face_model(npz)
    assert model.triangles.tolist() == [[0, 1, 2], [0, 2, 3], [4, 5, 6], [20, 21, 22], [20, 22, 23]]
    assert model.uv_triangles.tolist()[2:4] == [[4, 0, 1], [2, 3, 4]]
    assert model.triangle_material.tolist() == [0, 0, 0, 2, 2]
    assert model.region("eyeball_left") == slice(20, 25)


def test_the_original_folder_gives_the_same_model(npz, folder):
    ours, original = load_face_model(npz), load_face_model(folder)
    assert set(ours.expression_mm) == set(original.expression_mm)
    for name in ("triangles", "uv_triangles", "triangle_material", "landmarks68"):
        assert np.array_equal(getattr(ours, name), getattr(original, name)), name
    assert original.material_names == tiny.MATERIALS
    assert original.regions == ours.regions
    assert np.allclose(original.neutral_mm, ours.neutral_mm, atol=1e-4)
    assert np.allclose(original.uv, ours.uv, atol=1e-5)
    assert np.allclose(original.identity_mm, ours.identity_mm, atol=1e-4)
    for name, shape in ours.expression_mm.items():
        assert np.allclose(original.expression_mm[name], shape, atol=1e-4), name


def test_the_fingerprint_tells_models_apart(npz):
    model = load_face_model(npz)
    assert model.fingerprint() == load_face_model(npz).fingerprint()
    other = replace(model, neutral_mm=model.neutral_mm + np.float32(0.1))
    assert other.fingerprint() != model.fingerprint()


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(FaceModelError, match=r"no face model at .*nowhere"):
        load_face_model(tmp_path / "nowhere")


def test_a_model_without_a_shape_the_action_units_need_is_refused(folder):
    (folder / "noseSneer_R.obj").unlink()
    with pytest.raises(FaceModelError, match="the shape noseSneer_R is missing"):
        load_face_model(folder)


def test_a_single_array_is_no_face_model(tmp_path):
    path = tmp_path / "model.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(FaceModelError, match="no face model"):
        load_face_model(path)


@pytest.mark.parametrize("content", [b"", b"not a zip file", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_npz_is_refused(tmp_path, content):
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    with pytest.raises(FaceModelError, match=r"model\.npz is no face model"):
        load_face_model(path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"uv": None}, "lacks uv"),
        ({"identity": np.zeros((100, 4, 3), np.float16)}, "identity does not fit 30 vertices"),
        ({"identity": np.zeros((7, tiny.VERTICES, 3), np.float16)}, "100 identities"),
        ({"faces": np.array([[0, 1, 99, 3]] * 3, np.int32)}, "triangles are out of range"),
        ({"landmark68": np.full(68, 30, np.int32)}, "landmarks are out of range"),
        ({"neutral": np.full((tiny.VERTICES, 3), np.nan, np.float32)}, "not a number"),
        ({"expression_names": np.array(["one"])}, "expression_names do not fit expression"),
    ],
)
def test_a_wrong_npz_is_refused_with_the_reason(tmp_path, changes, reason):
    path = tiny.write_npz(tmp_path / "model.npz", **changes)
    with pytest.raises(FaceModelError, match=reason):
        load_face_model(path)


@pytest.mark.parametrize(
    "name",
    ["generic_neutral_mesh.obj", "identity042.obj", "browDown_L.obj", "vertex_indices.json"],
)
def test_a_missing_file_of_the_folder_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(FaceModelError, match=f"{name} is missing"):
        load_face_model(folder)


def test_a_shape_with_another_vertex_count_is_named(folder):
    shape = folder / "identity007.obj"
    shape.write_text(shape.read_text().replace("v ", "# ", 1))
    with pytest.raises(FaceModelError, match=r"identity007\.obj has another vertex count"):
        load_face_model(folder)


def test_a_damaged_index_is_named(folder):
    (folder / "vertex_indices.json").write_text("{")
    with pytest.raises(FaceModelError, match=r"vertex_indices\.json is damaged"):
        load_face_model(folder)


@pytest.mark.parametrize(
    "text",
    ["", "v 0 0 0\nvt 0 0\n", "v 0 0\nvt 0 0\nf 1/1 1/1 1/1\n", "v 0 0 0\nvt 0 0\nf 1 1 1\n"],
)
def test_a_broken_obj_is_refused(tmp_path, text):
    path = tmp_path / "broken.obj"
    path.write_text(text)
    with pytest.raises(MeshError, match=r"broken\.obj"):
        read_wavefront(path)


def test_an_obj_index_out_of_range_is_refused(tmp_path):
    path = tmp_path / "broken.obj"
    path.write_text("v 0 0 0\nvt 0 0\nf 1/1 2/1 1/1\n")
    with pytest.raises(MeshError, match="not there"):
        read_wavefront(path)
