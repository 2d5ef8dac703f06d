import gzip
from pathlib import Path

import numpy as np
import pytest
from fer2013_fixtures import striped_faces, write_csv, write_shard

from fercore.datasets.fer2013 import Fer2013
from fercore.errors import DatasetError
from fercore.expressions import EXPRESSIONS
from fercore.io.fer2013 import CLASSES, Fer2013Split, read_fer2013
from fercore.io.fer2013_csv import VOTES

IMAGES, LABELS = striped_faces(14, seed=0)
PIXELS = " ".join(["9"] * 2304)


def test_the_six_keep_the_projects_order() -> None:
    assert CLASSES[:6] == EXPRESSIONS
    assert CLASSES[6] == "neutral"


def test_shards_are_joined_in_the_order_given(tmp_path: Path) -> None:
    first = write_shard(tmp_path / "train_0.npz", IMAGES[:5], LABELS[:5].astype(np.uint8))
    second = write_shard(tmp_path / "train_1.npz", IMAGES[5:], LABELS[5:])
    faces = read_fer2013([second, first], Fer2013Split.TRAINING)
    assert np.array_equal(faces.images, np.concatenate((IMAGES[5:], IMAGES[:5])))
    assert np.array_equal(faces.labels, np.concatenate((LABELS[5:], LABELS[:5])))
    assert (faces.images.dtype, faces.labels.dtype) == (np.uint8, np.int64)
    assert len(faces.where(faces.labels == 6)) == 2


def test_a_shards_labels_are_known_by_name(tmp_path: Path) -> None:
    path = write_shard(tmp_path / "x.npz", IMAGES, LABELS, tuple(reversed(CLASSES)))
    assert np.array_equal(read_fer2013([path], Fer2013Split.TRAINING).labels, 6 - LABELS)


def test_the_csv_holds_all_splits(tmp_path: Path) -> None:
    usages = ["Training", "PublicTest", "Training", "PrivateTest"]
    rows = [(int(LABELS[i]), IMAGES[i], usage) for i, usage in enumerate(usages)]
    path = write_csv(tmp_path / "fer2013.csv", rows)
    for split, expected in (
        *(
            (Fer2013Split.TRAINING, [0, 2]),
            (Fer2013Split.PUBLIC_TEST, [1]),
            (Fer2013Split.PRIVATE_TEST, [3]),
        ),
    ):
        faces = read_fer2013([path], split)
        assert np.array_equal(faces.images, IMAGES[expected])
        assert np.array_equal(faces.labels, LABELS[expected])


def test_the_csvs_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    pixels = " ".join(["7"] * 2304)
    path = tmp_path / "icml_face_data.csv"
    path.write_text(f"emotion, Usage, pixels\n3, Training, {pixels}\n", encoding="utf-8")
    faces = read_fer2013([path], Fer2013Split.TRAINING)
    assert faces.labels.tolist() == [3]
    assert (faces.images == 7).all()


def refused(path: Path, message: str, split: Fer2013Split = Fer2013Split.TRAINING) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        read_fer2013([path], split)
    shown = str(caught.value)
    assert str(path) in shown
    assert "\n" not in shown


@pytest.mark.parametrize("name", ["fer2013_public_test.npz", "PrivateTest.npz", "public-test.npz"])
def test_nobody_trains_on_a_test_shard(name: str, tmp_path: Path) -> None:
    path = write_shard(tmp_path / name, IMAGES, LABELS)
    refused(path, "holds the (public|private) split by its name, not Training")
    split = Fer2013Split.PUBLIC_TEST if "public" in name else Fer2013Split.PRIVATE_TEST
    assert len(read_fer2013([path], split)) == 14


def test_a_training_shard_is_no_test(tmp_path: Path) -> None:
    path = write_shard(tmp_path / "fer2013_train_0.npz", IMAGES, LABELS)
    refused(path, "holds the train split by its name, not PublicTest", Fer2013Split.PUBLIC_TEST)


def test_no_missing_and_repeated_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no file of FER2013 was given"):
        read_fer2013([], Fer2013Split.TRAINING)
    refused(tmp_path / "none.npz", "is no file")
    refused(tmp_path, "is no file")
    path = write_shard(tmp_path / "a.npz", IMAGES, LABELS)
    with pytest.raises(DatasetError, match="given twice"):
        read_fer2013([path, tmp_path / "." / "a.npz"], Fer2013Split.TRAINING)


def test_damaged_shards_are_refused(tmp_path: Path) -> None:
    whole = write_shard(tmp_path / "whole.npz", IMAGES, LABELS).read_bytes()
    truncated = tmp_path / "truncated.npz"
    truncated.write_bytes(whole[: len(whole) // 2])
    refused(truncated, "is damaged")
    flipped = tmp_path / "flipped.npz"
    flipped.write_bytes(whole[:400] + bytes(byte ^ 255 for byte in whole[400:900]) + whole[900:])
    refused(flipped, "is damaged")
    empty = tmp_path / "empty.npz"
    empty.write_bytes(b"")
    refused(empty, "neither a shard nor the CSV")


def test_a_pickle_in_a_shard_is_never_run(tmp_path: Path) -> None:
    path = tmp_path / "pickled.npz"
    objects = np.array([{}] * 14, dtype=object)
    np.savez(path, images=objects, labels=LABELS, label_names=np.array(CLASSES))
    refused(path, "is damaged")


@pytest.mark.parametrize(
    ("images", "labels", "names", "message"),
    [
        (IMAGES.astype(np.float32), LABELS, CLASSES, "type float32"),
        (IMAGES[:, :40], LABELS, CLASSES, r"shape \(14, 40, 48\)"),
        (IMAGES[:0], LABELS[:0], CLASSES, "holds no face"),
        (IMAGES, LABELS[:5], CLASSES, "one whole number as label"),
        (IMAGES, LABELS + 0.5, CLASSES, "one whole number as label"),
        (IMAGES, LABELS + 1, CLASSES, r"labels outside 0\.\.6"),
        (IMAGES, LABELS - 1, CLASSES, r"labels outside 0\.\.6"),
        (IMAGES, LABELS, CLASSES[:6], "names its labels"),
        (IMAGES, LABELS, (*CLASSES[:6], "contempt"), "contempt"),
    ],
)
def test_shards_of_another_form_are_refused(
    images: np.ndarray, labels: np.ndarray, names: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    refused(write_shard(tmp_path / "x.npz", images, labels, names), message)


def test_a_shard_without_labels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, images=IMAGES)
    refused(path, "it lacks 'labels'")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("7,{pixels},Training", "row 2: '7' is no label"),
        ("content,{pixels},Training", "row 2: 'content' is no label"),
        ("3,{pixels},Somewhere", "row 2: 'Somewhere' is no split"),
        ("3,{pixels}", "row 2: no split is told"),
        ("3,1 2 3,Training", "row 2: 2304 grey values"),
        ("3,{pixels} 4,Training", "row 2: 2304 grey values"),
        ("3,-{pixels},Training", "row 2: 2304 grey values"),
        ("3,nan {pixels},Training", "row 2: 2304 grey values"),
        ("3,99999999999999999999999 {pixels},Training", "row 2: 2304 grey values"),
    ],
)
def test_bad_rows_of_the_csv_are_left_out_and_named(
    line: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "fer2013.csv"
    rows = [f"0,{PIXELS},Training", line.format(pixels=PIXELS), f"5,{PIXELS},Training"]
    path.write_text("\n".join(["emotion,pixels,Usage", *rows]))
    faces = read_fer2013([path], Fer2013Split.TRAINING)
    assert faces.labels.tolist() == [0, 5]
    (remark,) = faces.remarks
    assert remark.startswith(f"{path}: a row left out ({message}")


TABLE = ("emotion,pixels,Usage", "3,{pixels},Training", "0,{pixels},PublicTest")


@pytest.mark.parametrize(
    "lines",
    [
        ('"emotion","pixels","Usage"', '"3","{pixels}","Training"', '"0","{pixels}","PublicTest"'),
        (",emotion,pixels,Usage", "0,3,{pixels},Training", "1,0,{pixels},PublicTest"),
        (*TABLE, "", "  ", ",,"),
        ("emotion,pixels,Usage", "3.0,{pixels},Training", "0.0,{pixels},PublicTest"),
        ("emotion,pixels,Usage", "happy,{pixels},training", "angry,{pixels},validation"),
    ],
)
def test_the_csvs_that_circulate_are_read_alike(lines: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_text("\r\n".join(lines).format(pixels=PIXELS) + "\r\n", encoding="utf-8")
    faces = read_fer2013([path], Fer2013Split.TRAINING)
    assert (faces.labels.tolist(), faces.remarks) == ([3], ())
    assert (faces.images == 9).all()
    assert read_fer2013([path], Fer2013Split.PUBLIC_TEST).labels.tolist() == [0]


@pytest.mark.parametrize("name", ["fer2013", "fer2013.csv.gz", "utf16.csv"])
def test_a_csv_is_known_by_its_content(name: str, tmp_path: Path) -> None:
    text = "\n".join(TABLE).format(pixels=PIXELS)
    content = text.encode("utf-16" if name.startswith("utf16") else "utf-8")
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    assert read_fer2013([path], Fer2013Split.TRAINING).labels.tolist() == [3]


def test_without_usage_the_name_tells_the_split(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text(f"emotion,pixels\n3,{PIXELS}\n")
    assert read_fer2013([path], Fer2013Split.TRAINING).labels.tolist() == [3]
    refused(path, "holds no face of the split PublicTest", Fer2013Split.PUBLIC_TEST)


VOTE_COLUMNS = "Usage,Image name," + ",".join(VOTES)


def test_votes_beside_a_csv_are_joined_by_row(tmp_path: Path) -> None:
    path = tmp_path / "fer2013.csv"
    rows = [
        f"4,{PIXELS},Training",
        "3,1 2 3,Training",
        f"0,{PIXELS},Training",
        f"5,{PIXELS},Training",
    ]
    path.write_text("\n".join(["emotion,pixels,Usage", *rows]))
    votes = ["Training,a.png,4,0,0,6,0,0,0,0,0,0", "Training,b.png,0,10,0,0,0,0,0,0,0,0"]
    votes += ["Training,c.png,0,0,0,0,9,1,0,0,0,0", "Training,,0,0,0,0,0,0,0,0,0,10"]
    (tmp_path / "fer2013new.csv").write_text("\n".join([VOTE_COLUMNS, *votes]))
    faces = read_fer2013([path], Fer2013Split.TRAINING)
    assert faces.votes is not None
    assert faces.votes.tolist()[0] == [4, 0, 0, 6, 0, 0, 0, 0, 0, 0]
    assert faces.targets()[:2] == pytest.approx(
        np.array([[0, 0, 0, 0, 0.6, 0, 0.4], [1, 0, 0, 0, 0, 0, 0]])
    )
    assert not faces.targets()[2].any()  # no face, most people say
    assert faces.agreed_labels().tolist() == [4, 0, -1]
    assert faces.terms == Fer2013(path).terms
    assert "Kaggle" in faces.terms and "FER+ (MIT licence" in faces.terms


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Usage,Image name,neutral\nTraining,a.png,4", "lacks columns of FER"),
        (VOTE_COLUMNS + "\nTraining,a.png,4,0,0,6,0,0,0,0,0,0", "has 1 rows, fewer than"),
        (VOTE_COLUMNS + "\nTraining,a.png,x,0,0,6,0,0,0,0,0,0", "row 1: ten counts"),
    ],
)
def test_votes_that_do_not_fit_are_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_text(f"emotion,pixels,Usage\n4,{PIXELS},Training\n4,{PIXELS},Training\n")
    (tmp_path / "fer2013new.csv").write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_fer2013([path], Fer2013Split.TRAINING)
    with pytest.raises(DatasetError, match=r"FER\+'s votes alone|neither a shard"):
        read_fer2013([tmp_path / "fer2013new.csv"], Fer2013Split.TRAINING)


def test_other_texts_and_missing_splits_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("name,age\nA,3\n")
    refused(
        other,
        r"neither a shard nor the CSV of FER2013, whose first line .* b'name,age",
    )
    binary = tmp_path / "picture.png"
    binary.write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    refused(binary, r"neither a shard nor the CSV of FER2013, whose .* b'.x89PNG")
    no_test = write_csv(tmp_path / "fer2013.csv", [(0, IMAGES[0], "Training")])
    refused(no_test, "holds no face of the split PublicTest", Fer2013Split.PUBLIC_TEST)
