from pathlib import Path

import pytest
from study_fixtures import STUDY, write_study

from fercore.errors import FercoreError
from fercore.study.study_file import Order, Privacy, load_study, read_study_file

GOOD = STUDY.format(privacy="derived", codec="h264", baseline="true")


def read(text: str, folder: Path) -> object:
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return read_study_file(path)


def test_a_study_file_says_all(tmp_path: Path) -> None:
    study = load_study(write_study(tmp_path / "s", "blurred", "mjpeg", baseline=True))
    assert (study.title, study.privacy) == ("Reading faces", Privacy.BLURRED)
    assert [task.label for task in study.tasks] == ["video"]
    assert study.conditions.names == ("calm", "happy")
    assert study.conditions.order is Order.BALANCED
    assert [(f.name, f.kind, f.required) for f in study.fields] == [
        ("age", "integer", True),
        ("hand", "choice", False),
    ]
    assert (study.markers[0].name, study.markers[0].key) == ("stimulus", "F5")
    assert (study.baseline, study.baseline_s) == (True, 5.0)
    assert (study.smoothing_s, study.colour_codec) == (0.3, "mjpeg")


def test_little_is_required(tmp_path: Path) -> None:
    least = 'title = "t"\nprivacy = "full"\n[[task]]\nlabel = "rest"\n'
    study = read_study_file(_written(tmp_path, least))
    assert study.conditions.names == ("all",)
    assert not study.baseline
    assert (study.fields, study.markers, study.smoothing_s) == ((), (), 0.0)


def _written(folder: Path, text: str) -> Path:
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('title = "Reading faces"', "", "`title` is missing"),
        ('"calm"', '"NA"', "`names` cannot be 'NA', which statistics software reads as a missing"),
        ('"calm"', '"null"', "`names` cannot be 'null'"),
        ('label = "video"', 'label = "NaN"', "`label` cannot be 'NaN'"),
        ('"stimulus"', '"none"', "`name` cannot be 'none'"),
        ('title = "Reading faces"', "title = 3", "`title` must be a text"),
        ('title = "Reading faces"', 'title = " "', "`title` must be a text that is not empty"),
        ('"derived"', '"secret"', "`privacy` must be 'derived', 'depth', 'blurred' or 'full', not"),
        ('"h264"', '"vp9"', "`colour_codec` must be 'h264', 'mjpeg' or 'ffv1', not 'vp9'"),
        ("smoothing_s = 0.3", "smoothing_s = -1", "`smoothing_s` must be 0 or more, not -1"),
        ("smoothing_s = 0.3", "smoothing_s = nan", "`smoothing_s` must be a number"),
        ("smoothing_s = 0.3", "smoothing_s = true", "`smoothing_s` must be a number"),
        ("smoothing_s = 0.3", "smothing_s = 0.3", "`smothing_s` is not known"),
        ("baseline = true", 'baseline = "yes"', "`baseline` must be true or false"),
        ('label = "video"', 'label = "my video"', "task 1: `label` cannot be 'my video'"),
        ('label = "video"', "", "task 1: `label` is missing"),
        ("[[task]]", "[task]", r"`task` must be a list, each table of it written as \[\[task\]\]"),
        ('["calm", "happy"]', '["calm", "CALM"]', "conditions: `names` holds 'CALM' twice"),
        ('["calm", "happy"]', '["calm", "so_so"]', "conditions: `names` cannot be 'so_so'"),
        ('["calm", "happy"]', "[]", "conditions: `names` must hold at least 1"),
        ('["calm", "happy"]', '"calm"', "conditions: `names` must be a list"),
        (
            '"balanced-latin-square"',
            '"best"',
            "conditions: `order` must be 'fixed', ",
        ),
        ('kind = "integer"', 'kind = "date"', "field 1: `kind` must be 'text'"),
        ('kind = "integer"', 'kind = "choice"', "field 1: `choices` goes with"),
        ('name = "hand"', 'name = "age"', "`field` holds 'age' twice"),
        ('name = "age"', 'name = "Age"', "field 1: `name` cannot be 'Age'"),
        ('name = "age"', 'name = "position"', "field 1: `name` cannot be 'position'"),
        ('name = "stimulus"', 'name = "a\\tb"', "marker 1: `name` cannot be"),
        ('key = "F5"', 'key = "F5"\ncolour = 1', "marker 1: `colour` is not known"),
        ('key = "F5"', 'key = "F5"\n[[marker]]\nname = "b"\nkey = "f5"', "holds 'f5' twice"),
    ],
)
def test_a_mistake_is_one_sentence_with_file_and_key(
    old: str, new: str, complaint: str, tmp_path: Path
) -> None:
    assert old in GOOD
    with pytest.raises(FercoreError, match=complaint) as caught:
        read(GOOD.replace(old, new, 1), tmp_path)
    message = str(caught.value)
    assert str(tmp_path / "study.toml") in message
    assert message.endswith(".")
    assert "\n" not in message


def test_what_is_no_toml_is_said_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(FercoreError, match=r"is no TOML file .*line 2"):
        read('title = "a"\nprivacy = so\n', tmp_path)
    (tmp_path / "study.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FercoreError, match="is no TOML file"):
        read_study_file(tmp_path / "study.toml")
    with pytest.raises(FercoreError, match="does not exist; write a study file first"):
        read_study_file(tmp_path / "none.toml")


def test_levels_say_what_they_keep() -> None:
    kept = {level: (level.keeps_colour, level.keeps_depth) for level in Privacy}
    assert kept == {
        Privacy.DERIVED: (False, False),
        Privacy.DEPTH: (False, True),
        Privacy.BLURRED: (True, False),
        Privacy.FULL: (True, True),
    }
    assert len({level.statement for level in Privacy}) == 4
