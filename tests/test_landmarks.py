import bu3dfe_fixtures as fixtures
import numpy as np
import pytest

from fercore.errors import DatasetError
from fercore.io.bu3dfe_files import GROUPS, read_bnd, read_pse

BND = fixtures.bnd_text()


def written(folder, text, name="F0001_AN01WH_F3D.bnd"):
    path = folder / name
    path.write_text(text)
    return path


def test_numbers_come_out_as_written(tmp_path):
    landmarks = read_bnd(written(tmp_path, BND))
    assert landmarks.points_mm.shape == (83, 3)
    assert landmarks.points_mm.dtype == np.float32
    assert landmarks.points_mm[0].tolist() == [-30.0, 40.0, 50.5]
    assert landmarks.points_mm[82].tolist() == [0.0, -42.0, 50.5]
    assert landmarks.vertices[:6].tolist() == [0, 1, 2, 3, 4, 0]


@pytest.mark.parametrize(
    "text",
    [
        BND.replace("\n", "\r\n"),
        BND.replace("\n", "\n\n  \n"),
        BND.replace("\t\t", " "),
        BND.replace(" ", "\t"),
        BND.replace("\n", "  \n").rstrip(),
        BND.replace("50.5", "5.05e1"),
        "\ufeff" + BND,
    ],
    ids=["crlf", "blank lines", "blanks", "tabs", "no end", "exponent", "byte order mark"],
)
def test_white_space_is_free(tmp_path, text):
    expected = read_bnd(written(tmp_path, BND, "plain.bnd"))
    landmarks = read_bnd(written(tmp_path, text))
    np.testing.assert_array_equal(landmarks.points_mm, expected.points_mm)
    np.testing.assert_array_equal(landmarks.vertices, expected.vertices)


def test_commas_may_stand_between_numbers_but_not_inside(tmp_path):
    expected = read_bnd(written(tmp_path, BND, "plain.bnd"))
    commas = "\n".join(",".join(line.split()) for line in BND.splitlines())
    np.testing.assert_array_equal(read_bnd(written(tmp_path, commas)).points_mm, expected.points_mm)
    with pytest.raises(DatasetError, match="line 1, has decimal commas"):
        read_bnd(written(tmp_path, BND.replace(".", ",")))


@pytest.mark.parametrize("first_eye_x_mm", [-30.0, 30.0])
def test_the_sign_of_x_decides_right_and_left(tmp_path, first_eye_x_mm):
    landmarks = read_bnd(written(tmp_path, fixtures.bnd_text(first_eye_x_mm)))
    assert (landmarks.group("right eye")[:, 0] == -30).all()
    assert (landmarks.group("left eye")[:, 0] == 30).all()
    assert (landmarks.group("right brow")[:, 0] == -30).all()
    assert (landmarks.group("left brow")[:, 0] == 30).all()


def test_blocks_change_places_whole(tmp_path):
    mirrored = read_bnd(written(tmp_path, fixtures.bnd_text(30.0)))
    assert mirrored.points_mm[:8, 1].tolist() == [40.0 - row for row in range(8, 16)]
    assert mirrored.points_mm[16:26, 1].tolist() == [40.0 - row for row in range(26, 36)]
    assert mirrored.points_mm[36:, 1].tolist() == [40.0 - row for row in range(36, 83)]
    assert mirrored.vertices[:8].tolist() == [row % 5 for row in range(8, 16)]


def test_a_head_off_centre_keeps_its_sides(tmp_path):
    """Scans are not exactly centred: both eyes may lie on one side of x = 0."""
    text = fixtures.bnd_text(30.0).replace("\t\t-30.0000", "\t\t10.0000")
    landmarks = read_bnd(written(tmp_path, text))
    assert (landmarks.group("right eye")[:, 0] == 10).all()
    assert (landmarks.group("left eye")[:, 0] == 30).all()


def test_groups_cover_every_landmark_once():
    rows = [row for part in GROUPS.values() for row in range(83)[part]]
    assert rows == list(range(83))
    sizes = {name: part.stop - part.start for name, part in GROUPS.items()}
    assert sizes == {
        "right eye": 8,
        "left eye": 8,
        "right brow": 10,
        "left brow": 10,
        "nose": 12,
        "outer lips": 12,
        "inner lips": 8,
        "contour": 15,
    }


FIRST = BND.splitlines()[0]
DAMAGE = {
    "empty": ("", "is empty"),
    "blank": ("\n\n", "has 0 landmarks, and 83 are expected"),
    "one too few": (BND[BND.index("\n") + 1 :], "has 82 landmarks"),
    "one too many": (BND + FIRST, "has 84 landmarks"),
    "lost number": (BND.replace("40.0000 50.5", "50.5", 1), r"line 1, .*not `0 -30.0000 50.5`"),
    "extra number": (BND.replace("39.0000", "39 1", 1), "line 2, must be a vertex number"),
    "word": (BND.replace("39.0000", "lip", 1), "line 2, "),
    "nan": (BND.replace("39.0000", "nan", 1), "line 2, "),
    "inf": (BND.replace("39.0000", "-inf", 1), "line 2, "),
    "absurd": (BND.replace("39.0000", "1e300", 1), "line 2, "),
    "negative vertex": ("-1" + BND[1:], "line 1, "),
    "fraction": ("0.5" + BND[1:], "line 1, "),
    "huge vertex": ("9" * 30 + BND[1:], "line 1, "),
    "after a blank line": ("\n" + BND.replace("40.0000", "x", 1), "line 2, "),
    "not text": ("\x00\x01\x02" * 50, "line 1, "),
}


@pytest.mark.parametrize(("text", "reason"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_named_with_file_and_line(tmp_path, text, reason):
    path = written(tmp_path, text)
    with pytest.raises(DatasetError, match=reason) as caught:
        read_bnd(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", [read_bnd, read_pse])
def test_missing_or_folder(tmp_path, read):
    with pytest.raises(DatasetError, match="No such file"):
        read(tmp_path / "absent")
    with pytest.raises(DatasetError, match="is a folder"):
        read(tmp_path)


class TestPose:
    def test_normal_and_points(self, tmp_path):
        pose = read_pse(written(tmp_path, fixtures.PSE))
        np.testing.assert_allclose(pose.normal, [0, 0.6, 0.8], atol=1e-7)
        np.testing.assert_array_equal(pose.points_mm, [[-30, 40, 60], [30, 40, 60]])

    @pytest.mark.parametrize(
        "text",
        [
            "normal: 0, 6, 8",
            "Pose of head 1\n0 0.6 0.8\n",
            "(0 0.6 0.8)",
            "\t0\t0.6\t0.8\r\n",
        ],
    )
    def test_layout_is_taken_loosely(self, tmp_path, text):
        pose = read_pse(written(tmp_path, text))
        np.testing.assert_allclose(pose.normal, [0, 0.6, 0.8], atol=1e-7)
        assert pose.points_mm.shape == (0, 3)

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "is empty"),
            ("no numbers", "has 0 lines of three numbers"),
            ("0 0 1\n" * 10, "has 10 lines of three numbers"),
            ("0 0 0\n", "is damaged"),
            ("0 0 nan\n", "is damaged"),
            ("0 0 1\n1 2 inf\n", "is damaged"),
            ("0 0 1e300\n", "is damaged"),
        ],
    )
    def test_damage_is_named(self, tmp_path, text, reason):
        with pytest.raises(DatasetError, match=reason):
            read_pse(written(tmp_path, text))
