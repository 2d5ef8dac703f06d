"""What every data set promises, checked on a small tree in the format of each."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import dataset_trees as trees
import numpy as np
import pytest

from fercore.datasets.bosphorus import Bosphorus
from fercore.datasets.bu3dfe import Bu3dfe
from fercore.datasets.bu4dfe import Bu4dfe
from fercore.datasets.dataset import Modality
from fercore.datasets.fer2013 import Fer2013
from fercore.datasets.opening import open_dataset
from fercore.errors import DatasetError, FercoreError
from fercore.expressions import Expression
from fercore.structures import RGBDFrame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fercore.datasets.dataset import Dataset


class NoLandmarks:
    """A landmarker that never finds a face: none is to be seen on the small meshes."""

    def landmarks(self, rgb):
        return None

    def close(self):
        raise AssertionError("who was lent a landmarker does not close it")


@dataclass(frozen=True)
class Case:
    write: Callable[[Path], Path]
    read: Callable[[Path], Dataset]
    name: str
    samples: int
    subjects: int
    expressions: set[Expression | None]
    modalities: set[Modality]
    file: str  # one of its files; opened alone it gives at least one sample
    depends: str  # a sample that is lost with that file, or half of it


E = Expression
CASES = {
    "bu3dfe": Case(
        *(trees.write_bu3dfe, lambda root: Bu3dfe(root, NoLandmarks()), "BU-3DFE", 3, 2),
        *({E.ANGER, None, E.SURPRISE}, set(Modality)),
        *("F0001/F0001_AN01WH_F3D.wrl", "F0001_AN01WH"),
    ),
    "bu4dfe": Case(
        *(trees.write_bu4dfe, Bu4dfe, "BU-4DFE", 10, 2, {E.ANGER, E.HAPPINESS, E.SURPRISE}),
        *(set(Modality), "F001/Happy/002.wrl", "F001_happiness_002"),
    ),
    "bosphorus": Case(
        *(trees.write_bosphorus, Bosphorus, "Bosphorus", 4, 2, {E.ANGER, None, E.HAPPINESS}),
        *(set(Modality), "bs104/bs104_E_HAPPY_0.bnt", "bs104_E_HAPPY_0"),
    ),
    "fer2013.csv": Case(
        *(trees.write_fer2013, Fer2013, "FER2013", 7, 7, {*E, None}, {Modality.RGB}),
        *("fer2013.csv", "fer2013_PrivateTest_00001"),
    ),
    "icml_face_data.csv": Case(
        *(trees.write_icml, Fer2013, "FER2013", 7, 7, {*E, None}, {Modality.RGB}),
        *("icml_face_data.csv", "icml_face_data_PrivateTest_00001"),
    ),
    "shards": Case(
        *(trees.write_shards, Fer2013, "FER2013", 7, 7, {*E, None}, {Modality.RGB}),
        *("fer2013_train_1.npz", "fer2013_train_1_Training_00000"),
    ),
}


DAMAGE = {
    "empty": lambda _: b"",
    "other": lambda _: b"\0\xff" * 40,
    "half": lambda whole: whole[: len(whole) // 2],
    "tenth": lambda whole: whole[: len(whole) // 10],
}


@pytest.fixture(params=CASES.values(), ids=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.fixture
def root(case: Case, tmp_path: Path) -> Path:
    return case.write(tmp_path / "Datensätze 表情" / "data")


@pytest.fixture
def dataset(case: Case, root: Path) -> Iterator[Dataset]:
    opened = case.read(root)
    yield opened
    opened.close()


def assert_one_sentence(text: str) -> None:
    assert len(text) > 10
    assert "\n" not in text


class TestWhatItSaysOfItself:
    def test_name_and_terms(self, case: Case, dataset: Dataset) -> None:
        assert dataset.name == case.name
        assert_one_sentence(dataset.terms)
        assert "research" in dataset.terms

    def test_description(self, case: Case, dataset: Dataset) -> None:
        assert_one_sentence(dataset.description)
        for part in ("data", case.name, str(case.samples)):
            assert part in dataset.description

    def test_an_intact_tree_has_no_problems(self, dataset: Dataset) -> None:
        assert dataset.problems == ()

    def test_root(self, dataset: Dataset, root: Path) -> None:
        assert dataset.root == root


class TestSamples:
    def test_all_are_listed_once(self, case: Case, dataset: Dataset) -> None:
        samples = dataset.samples()
        assert len(samples) == case.samples
        assert len({sample.id for sample in samples}) == case.samples
        assert len({sample.subject for sample in samples}) == case.subjects

    def test_labels(self, case: Case, dataset: Dataset) -> None:
        samples = dataset.samples()
        assert {sample.expression for sample in samples} == case.expressions
        for sample in samples:
            assert sample.level in (None, 1, 2, 3, 4)
            assert sample.level is None or sample.expression is not None

    def test_modalities(self, case: Case, dataset: Dataset) -> None:
        for sample in dataset.samples():
            assert sample.modalities == case.modalities

    def test_a_frame_of_a_sequence_has_a_number(self, dataset: Dataset) -> None:
        for sample in dataset.samples():
            assert (sample.sequence is None) == (sample.number is None)

    def test_opening_again_lists_the_same(
        self, case: Case, dataset: Dataset, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert case.read(str(root)).samples() == dataset.samples()
        monkeypatch.chdir(root.parent)
        assert open_dataset("data").samples() == dataset.samples()

    def test_the_list_belongs_to_the_caller(self, case: Case, dataset: Dataset) -> None:
        dataset.samples().clear()
        assert len(dataset.samples()) == case.samples


class TestFrames:
    def test_every_sample_has_one(self, dataset: Dataset) -> None:
        for sample in dataset.samples():
            frame = dataset.frame(sample)
            assert isinstance(frame, RGBDFrame)
            assert (frame.depth_m is not None) == (Modality.DEPTH in sample.modalities)
            assert frame.truth == sample.expression
            assert frame.origin == sample.id
            assert frame.intrinsics is None

    def test_something_is_to_be_seen(self, dataset: Dataset) -> None:
        frame = dataset.frame(dataset.samples()[0])
        assert len(np.unique(frame.rgb)) > 1
        if frame.depth_m is not None:
            known = np.isfinite(frame.depth_m)
            assert 0.2 < known.mean() < 0.99
            assert 0.9 < frame.depth_m[known].min() < frame.depth_m[known].max() < 1.1

    def test_reading_again_gives_the_same(self, dataset: Dataset) -> None:
        sample = dataset.samples()[-1]
        once, again = dataset.frame(sample), dataset.frame(sample)
        np.testing.assert_array_equal(once.rgb, again.rgb)
        if once.depth_m is not None:
            np.testing.assert_array_equal(once.depth_m, again.depth_m)

    def test_a_stranger_is_refused(self, dataset: Dataset) -> None:
        stranger = replace(dataset.samples()[0], id="X0001")
        with pytest.raises(DatasetError, match="holds no sample X0001"):
            dataset.frame(stranger)

    def test_no_file_stays_open(self, case: Case, root: Path) -> None:
        warm = case.read(root)
        warm.frame(warm.samples()[0])
        before = len(os.listdir("/proc/self/fd"))
        opened = case.read(root)
        opened.frame(opened.samples()[0])
        opened.close()
        assert len(os.listdir("/proc/self/fd")) == before

    def test_may_be_closed_twice(self, dataset: Dataset) -> None:
        dataset.close()
        dataset.close()


class TestDamage:
    @pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
    def test_a_damaged_file_is_named(
        self, case: Case, root: Path, damage: Callable[[bytes], bytes]
    ) -> None:
        path = root / case.file
        path.write_bytes(damage(path.read_bytes()))
        assert_one_sentence(complaint(case, root))
        assert path.name in complaint(case, root)

    def test_a_missing_path(self, case: Case, root: Path) -> None:
        with pytest.raises(DatasetError, match="nowhere does not exist; give"):
            case.read(root / "nowhere")

    def test_a_folder_of_other_things(self, case: Case, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "holiday.jpg").touch()
        (tmp_path / "other" / "table.csv").write_text("name,age\n")
        (tmp_path / "other" / "arrays.npz").write_bytes(b"PK")
        with pytest.raises(DatasetError, match=r"other holds no .* expected") as caught:
            case.read(tmp_path / "other")
        assert_one_sentence(str(caught.value))

    def test_a_file_of_another_kind(self, case: Case, tmp_path: Path) -> None:
        (tmp_path / "holiday.jpg").touch()
        with pytest.raises(DatasetError, match=r"holiday\.jpg"):
            case.read(tmp_path / "holiday.jpg")


def complaint(case: Case, root: Path) -> str:
    """Return what is said of a damaged file, at opening or when its sample is read."""
    try:
        opened = case.read(root)
        lost = [sample for sample in opened.samples() if sample.id == case.depends]
        for sample in lost:
            opened.frame(sample)
    except FercoreError as error:
        return str(error)
    assert not lost
    return opened.problems[0]


class TestOpening:
    def test_a_tree_is_recognised(self, case: Case, dataset: Dataset, root: Path) -> None:
        opened = open_dataset(root)
        assert type(opened) is type(dataset)
        assert opened.samples() == dataset.samples()

    def test_a_single_file_is_recognised(self, case: Case, dataset: Dataset, root: Path) -> None:
        opened = open_dataset(root / case.file)
        assert type(opened) is type(dataset)
        samples = opened.samples()
        assert case.depends in {sample.id for sample in samples}
        assert {sample.id for sample in samples} <= {sample.id for sample in dataset.samples()}

    def test_two_data_sets_at_one_path_are_too_many(self, case: Case, root: Path) -> None:
        other = trees.write_bosphorus if case.name == "BU-3DFE" else trees.write_bu3dfe
        other(root.parent / "other")
        with pytest.raises(DatasetError, match="holds several data sets") as caught:
            open_dataset(root.parent)
        assert case.name in str(caught.value)
        assert type(open_dataset(root)) is type(case.read(root))


def test_nothing_to_open(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DatasetError, match="holds no data set") as caught:
        open_dataset(tmp_path)
    for name in ("BU-3DFE", "BU-4DFE", "Bosphorus", "FER2013", "F0001_AN01WH_F3D.wrl"):
        assert name in str(caught.value)
    with pytest.raises(DatasetError, match="nowhere does not exist"):
        open_dataset(tmp_path / "nowhere")
