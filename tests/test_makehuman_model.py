import json
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
import tiny_face_model
import tiny_makehuman as tiny

from fercore.errors import FaceModelError
from fercore.geometry import largest_component
from fercore.io.bu3dfe_files import read_bnd
from fercore.io.vrml import read_vrml
from fercore.synthesis import generation
from fercore.synthesis.action_units import SHAPES, Activation
from fercore.synthesis.appearance import sample_skin
from fercore.synthesis.canvas import FACE_SIZE, canvas_for
from fercore.synthesis.generation import SubjectRecipe, synthesize
from fercore.synthesis.makehuman_model import LANDMARKS, MakeHumanModel
from fercore.synthesis.painting import paint
from fercore.synthesis.person import Traits
from fercore.synthesis.photographed_skin import atlas_of_tile, choose_skin, tile_of_atlas
from fercore.synthesis.picture import looks_of
from fercore.synthesis.subjects import (
    load_face_model,
    random_stream,
    sample_subject,
    scan_vertices,
    subject_skin,
)
from fercore.synthesis.writer import write_scan

RED, GREEN = (200, 60, 50), (60, 180, 70)


@dataclass(frozen=True)
class Name:
    name: str


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    return tiny.write_head(tmp_path_factory.mktemp("model") / "makehuman_head.npz")


@pytest.fixture(scope="module")
def model(head):
    return load_face_model(head)


@pytest.fixture(scope="module")
def skins(tmp_path_factory):
    folder = tmp_path_factory.mktemp("skins")
    tiny.write_skin(folder / "young_lightskinned_female_diffuse.png", RED)
    return folder


def test_the_kind_of_model_is_found_by_its_content(model):
    assert isinstance(model, MakeHumanModel)
    assert model.name == "MakeHuman"
    assert "CC0" in model.notice


def test_decimetres_become_millimetres_around_the_nose_bridge(model):
    width = np.ptp(model.neutral_mm[model.region("face"), 0])
    assert 110 < width < 180
    middle = model.neutral_mm[model.landmarks68[27:48]].mean(axis=0)
    assert middle == pytest.approx(np.zeros(3), abs=1e-3)


def test_the_head_is_subdivided_without_lashes(model):
    groups = tiny.arrays()["face_group"]
    kept = (groups != tiny.GROUPS.index("helper-l-eyelashes-1")).sum()
    assert len(model.triangles) == 8 * kept
    assert len(np.unique(model.triangles)) == len(model.neutral_mm)


def test_regions_follow_each_other(model):
    assert model.regions["face_narrow"][0] == 0
    assert model.regions["face_narrow"][1] < model.regions["face"][1]
    order = ("face", "head_neck", "mouth_socket")
    stops = [model.regions[name][1] for name in order]
    assert stops == sorted(stops)
    assert model.regions["eyeball_right"][1] == len(model.neutral_mm)
    left = model.neutral_mm[model.region("eyeball_left")]
    assert left[:, 0].min() > 0


def test_landmarks_lie_where_painting_expects_them(model):
    place = canvas_for(model).landmarks
    expected = (tiny.layout() * (1, -1) + (0, 1)) * (FACE_SIZE - 1)
    assert np.abs(place - expected).max() < 40  # the grid's vertices are 27 texels apart
    assert np.abs(place[[8, 30, 57]] - expected[[8, 30, 57]]).max() < 20


def test_irises_lie_in_the_middle_of_their_tiles(model):
    corners = model.uv[model.uv_triangles]
    for name in ("M_EyeballLeft", "M_EyeballRight"):
        eye = model.triangle_material == model.material_names.index(name)
        front = model.neutral_mm[model.triangles[eye]][..., 2].argmax()
        assert corners[eye].reshape(-1, 2)[front] == pytest.approx((0.5, 0.5), abs=0.03)


def test_atlas_and_tile_are_each_others_inverse():
    places = np.random.default_rng(0).uniform(0.2, 0.9, (50, 2)).astype(np.float32)
    assert tile_of_atlas(atlas_of_tile(places)) == pytest.approx(places, abs=5e-3)


def test_every_action_unit_moves_the_face(model):
    for unit in SHAPES:
        weights = model.shape_weights({unit: Activation(1.0, 1.0)})
        assert weights, unit
        assert set(weights) <= set(model.expression_mm), unit


def test_a_whole_shape_is_split_into_sides(model):
    left = np.abs(model.expression_mm["mouth-corner-puller_L"]).sum(axis=1)
    x = model.neutral_mm[:, 0]
    assert left[x > 10].max() > 0.5
    assert left[x < -10].max() == 0


def test_women_and_men_alternate_and_are_what_their_codes_say(model):
    people = [sample_subject(model, n, random_stream(0, n)) for n in (1, 2, 3)]
    assert [person.code[0] for person in people] == ["F", "M", "F"]
    assert [person.traits.sex for person in people] == ["F", "M", "F"]


def test_people_differ_and_the_same_seed_gives_the_same(model):
    first, again = (sample_subject(model, 1, random_stream(0, 1)) for _ in range(2))
    other = sample_subject(model, 1, random_stream(1, 1))
    assert np.array_equal(first.face_mm, again.face_mm)
    assert np.abs(first.face_mm - other.face_mm).max() > 0.2
    assert first.face_mm.dtype == np.float32
    scan = scan_vertices(model, first, None, 0, random_stream(0, 2))
    assert scan.shape == model.neutral_mm.shape


def test_looks_follow_who_a_person_is():
    rng = np.random.default_rng(0)
    woman, man = Traits("F", 25, 0.0, 0.0, 1.0), Traits("M", 65, 1.0, 0.0, 0.0)
    women = [sample_skin(rng, woman) for _ in range(60)]
    men = [sample_skin(rng, man) for _ in range(60)]
    assert max(skin.stubble for skin in women) == 0
    assert max(skin.stubble for skin in men) > 0.3
    assert max(skin.melanin for skin in women) < min(skin.melanin for skin in men)
    assert np.mean([s.age_lines for s in men]) > np.mean([s.age_lines for s in women]) + 0.4


def test_without_skins_the_face_is_painted(model):
    assert model.photos is None
    skin = subject_skin(model, sample_subject(model, 1, random_stream(0, 1)), random_stream(0, 2))
    assert skin.photo == ""
    assert looks_of(model, skin).palette.shape == (1024, 1536, 4)


def test_skins_beside_the_model_are_found(tmp_path):
    path = tiny.write_head(tmp_path / "makehuman_head.npz")
    tiny.write_skin(tmp_path / "makehuman_skins" / "old_darkskinned_male.png", RED)
    model = load_face_model(path)
    assert model.photos.names == ("old_darkskinned_male",)


def test_another_skin_is_another_model(head, skins, tmp_path):
    tiny.write_skin(tmp_path / "young_lightskinned_female_diffuse.png", GREEN)
    prints = {load_face_model(head, folder).fingerprint() for folder in (skins, tmp_path, None)}
    assert len(prints) == 3


def test_a_photographed_skin_keeps_its_structure_and_takes_the_subjects_tone(head, tmp_path):
    """The atlas has a dark right half, which must show on the subject's left cheek."""
    picture = np.full((256, 256, 3), (120, 150, 200), np.uint8)
    picture[: round(256 * (1 - 0.4832))] //= 2  # v upward: the face's left side
    cv2.imwrite(str(tmp_path / "young_lightskinned_female.png"), picture)
    model = load_face_model(head, tmp_path)
    subject = sample_subject(model, 1, random_stream(0, 1))
    skin = subject_skin(model, subject, random_stream(0, 2))
    canvas = canvas_for(model)
    palette = paint(canvas, skin, model.photos.read(skin.photo)).astype(float)
    column, row = np.round(canvas.landmarks[30]).astype(int)
    right = palette[row - 10 : row + 10, column - 200 : column - 150, :3].mean()
    left = palette[row - 10 : row + 10, column + 150 : column + 200, :3].mean()
    assert left < 0.75 * right


def test_skins_are_chosen_to_suit_the_person():
    names = ("young_darkskinned_male", "young_lightskinned_female", "old_lightskinned_male")
    rng = np.random.default_rng(0)
    woman = Traits("F", 25, 0.0, 0.0, 1.0)
    chosen = [choose_skin(names, 0.5, woman, rng) for _ in range(60)]
    assert chosen.count("young_lightskinned_female") > 50
    assert choose_skin(names, 2.5, woman, rng) == "young_darkskinned_male"
    assert {choose_skin(names, 0.5, None, rng) for _ in range(60)} == set(names[1:])


def test_a_scan_is_written_in_the_layout_of_bu3dfe(model, tmp_path):
    subject = sample_subject(model, 1, random_stream(0, 1))
    skin = subject_skin(model, subject, random_stream(0, 2))
    vertices = scan_vertices(model, subject, None, 0, random_stream(0, 3))
    write_scan(tmp_path, Name("F9001_NE00WH"), model, vertices, skin, random_stream(0, 4))
    mesh = read_vrml(tmp_path / "F9001_NE00WH_F3D.wrl")
    landmarks = read_bnd(tmp_path / "F9001_NE00WH_F3D.bnd")
    assert len(list(tmp_path.iterdir())) == 6
    assert landmarks.points_mm.shape == (83, 3)
    assert len(largest_component(mesh).triangles) == len(mesh.triangles)


def test_a_tree_names_its_face_model_and_notice(head, skins, tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(generation, "write_scan", lambda *parts: written.append(parts[1].name))
    assert synthesize(SubjectRecipe(head, tmp_path / "root", 0, skins), 1, 1, levels=(4,)) == 7
    manifest = json.loads((tmp_path / "root" / "synthesis.json").read_text())
    assert manifest["face_model"] == "MakeHuman"
    assert manifest["skins"] == ["young_lightskinned_female_diffuse"]
    assert "CC0 1.0 Universal" in manifest["notice"]
    assert "USC Institute" not in manifest["notice"]
    assert "sex in file names is true" in manifest["codes"]
    assert (tmp_path / "root" / "NOTICE.txt").read_text() == manifest["notice"]
    assert written[0] == "F9001_NE00WH"


def test_ict_faces_wear_skins_only_where_they_are_given(tmp_path, skins):
    path = tiny_face_model.write_npz(tmp_path / "ict.npz")
    tiny.write_skin(tmp_path / "makehuman_skins" / "young_lightskinned_male.png", RED)
    assert load_face_model(path).photos is None
    model = load_face_model(path, skins)
    assert model.fingerprint() != load_face_model(path).fingerprint()
    subject = sample_subject(model, 1, random_stream(0, 1))
    photos = [subject_skin(model, subject, random_stream(0, seed)).photo for seed in range(40)]
    assert 8 < photos.count("") < 32
    notice = model.terms()
    assert "USC Institute for Creative Technologies" in notice
    assert "CC0 1.0 Universal" in notice


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "makehuman_head.npz"
    path.write_bytes(content)
    with pytest.raises(FaceModelError, match=r"makehuman_head\.npz is no face model"):
        load_face_model(path)


def test_a_truncated_file_is_refused(head, tmp_path):
    path = tmp_path / "makehuman_head.npz"
    content = head.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(FaceModelError, match="is no face model"):
        load_face_model(path)


def test_a_damaged_array_is_refused(head, tmp_path):
    path = tmp_path / "makehuman_head.npz"
    content = bytearray(head.read_bytes())
    place = content.index(b"unit_deltas.npy") + 400
    content[place : place + 64] = bytes(64)
    path.write_bytes(content)
    with pytest.raises(FaceModelError, match="is no face model"):
        load_face_model(path)


SOUND = tiny.arrays()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"uv": None}, "lacks uv"),
        ({"targets": None, "uv": None}, "lacks uv, targets"),
        ({"base": SOUND["base"][:, :2]}, "base has the shape"),
        ({"faces": SOUND["faces"][:, :3]}, "faces has the shape"),
        ({"faces": SOUND["faces"][:-1]}, "faces_uv does not fit faces"),
        ({"targets": SOUND["targets"][:, :-1]}, "targets does not fit base"),
        ({"unit_names": SOUND["unit_names"][:-1]}, "unit_names does not fit unit_deltas"),
        ({"faces": SOUND["faces"] + 9}, "faces are out of range"),
        ({"faces": SOUND["faces"].astype(float)}, "faces holds no whole numbers"),
        ({"base": np.full_like(SOUND["base"], np.nan)}, "a value of base is not a number"),
        ({"orig_vertex_index": SOUND["orig_vertex_index"] * 0}, "landmarks"),
        ({"group_names": np.array(["x", *tiny.GROUPS[1:]])}, "the group body is missing"),
        (
            {"target_names": np.array(["x", *SOUND["target_names"][1:]])},
            "the target macrodetails/african-female-young is missing",
        ),
        (
            {"unit_names": np.array(["x", *SOUND["unit_names"][1:]])},
            "the shape BrowDown_L is missing",
        ),
    ],
)
def test_a_wrong_head_is_refused_with_the_reason(tmp_path, changes, reason):
    path = tiny.write_head(tmp_path / "makehuman_head.npz", **changes)
    with pytest.raises(FaceModelError, match=reason):
        load_face_model(path)


def test_a_missing_or_empty_folder_of_skins_is_named(head, tmp_path):
    with pytest.raises(FaceModelError, match=r"no folder of skins at .*nowhere"):
        load_face_model(head, tmp_path / "nowhere")
    with pytest.raises(FaceModelError, match="holds no skins"):
        load_face_model(head, tmp_path)


def test_a_damaged_skin_is_named(head, tmp_path):
    (tmp_path / "young_lightskinned_male.jpg").write_bytes(b"no picture")
    model = load_face_model(head, tmp_path)
    subject = sample_subject(model, 1, random_stream(0, 1))
    skin = subject_skin(model, subject, random_stream(0, 2))
    with pytest.raises(FaceModelError, match=r"young_lightskinned_male\.jpg is damaged"):
        looks_of(model, skin)


def test_landmarks_are_68_different_vertices():
    assert len(set(LANDMARKS)) == 68
