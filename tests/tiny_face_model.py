"""A face model of 30 vertices: enough to test everything that does not look at faces."""

from __future__ import annotations

import json

import numpy as np

from fercore.synthesis.action_units import shape_names

VERTICES = 30
REGIONS = {"face": (0, 20), "eyeball_left": (20, 25), "eyeball_right": (25, VERTICES)}
FACES = [[0, 1, 2, 3], [4, 5, 6, -1], [20, 21, 22, 23]]
FACES_UV = [[0, 1, 2, 3], [4, 0, 1, -1], [2, 3, 4, 0]]
MATERIALS = ("M_Face", "M_Lashes", "M_Sclera")
FACE_MATERIAL = [0, 0, 2]
UV = np.linspace(0, 1, 10).reshape(5, 2)


def expression_names():
    """List every shape that an action unit needs."""
    return sorted(shape_names())


def neutral_cm():
    rng = np.random.default_rng(0)
    vertices = rng.uniform(-8, 8, (VERTICES, 3)).astype(np.float32)
    vertices[5, 0] = 0.0
    return vertices


def displacements_cm(count, seed):
    return np.random.default_rng(seed).normal(0, 0.2, (count, VERTICES, 3)).astype(np.float32)


def arrays():
    """Return the content of an `ict_face_model.npz`."""
    names = expression_names()
    return {
        "neutral": neutral_cm(),
        "identity": displacements_cm(100, 1).astype(np.float16),
        "expression": displacements_cm(len(names), 2).astype(np.float16),
        "expression_names": np.array(names),
        "faces": np.array(FACES, np.int32),
        "faces_uv": np.array(FACES_UV, np.int32),
        "uv": UV.astype(np.float32),
        "material_names": np.array(MATERIALS),
        "face_material": np.array(FACE_MATERIAL, np.uint8),
        "region_names": np.array(list(REGIONS)),
        "region_ranges": np.array([[*r, 0, 0] for r in REGIONS.values()], np.int32),
        "landmark68": np.full(68, 5, np.int32),
    }


def write_npz(path, **changes):
    """Write the model, with some arrays replaced, or left out where the value is None."""
    content = {key: value for key, value in (arrays() | changes).items() if value is not None}
    np.savez(path, **content)
    return path


def write_folder(folder):
    """Write the same model as ICT-FaceKit does, with lashes that lie beyond the eyeballs."""
    folder.mkdir()
    source = arrays()
    neutral = source["neutral"]
    _write_obj(folder / "generic_neutral_mesh.obj", neutral)
    for index, shape in enumerate(source["identity"]):
        _write_obj(folder / f"identity{index:03d}.obj", neutral + shape)
    for name, shape in zip(source["expression_names"], source["expression"], strict=True):
        _write_obj(folder / f"{name}.obj", neutral + shape)
    indices = {
        "expressions": [str(name) for name in source["expression_names"][:10]],
        "idx_to_landmark_verts": source["landmark68"].tolist(),
    }
    (folder / "vertex_indices.json").write_text(json.dumps(indices))
    return folder


def _write_obj(path, vertices):
    beyond = np.zeros((3, 3), np.float32)
    lines = ["# a comment", "mtllib model.mtl"]
    lines += [f"v {x:.7f} {y:.7f} {z:.7f}" for x, y, z in np.vstack([vertices, beyond])]
    lines += [f"vt {u:.6f} {v:.6f}" for u, v in [*UV, (0.5, 0.5)]]
    lines += ["vn 0 0 1", "g default", "usemtl M_Face", "s 1"]
    lines += ["f 1/1/1 2/2/1 3/3/1 4/4/1", "f 5/5/1 6/1/1 7/2/1", "usemtl M_Lashes"]
    lines += ["f 31/6/1 32/6/1 33/6/1", "usemtl M_Sclera", "f 21/3/1 22/4/1 23/5/1 24/1/1"]
    path.write_text("\n".join(lines) + "\n")
