"""What backbones learn from and are scored on: faces, their changes, division, figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from fer2013_fixtures import striped_faces

from fercore.errors import DatasetError
from fercore.io.fer2013 import Fer2013Faces
from fercore.training.backbones.faces import BackboneFaces, divide, plain, varied
from fercore.training.backbones.scoring import figures


def faces_of(count: int, seed: int = 0) -> Fer2013Faces:
    return Fer2013Faces(*striped_faces(count, seed))


def divided(count: int = 70) -> BackboneFaces:
    return divide(faces_of(count), None, seed=0)


def test_plain_faces_are_enlarged_and_standardised() -> None:
    images = torch.full((2, 48, 48), 255, dtype=torch.uint8)
    rgb = plain(images, 64)
    assert rgb.shape == (2, 3, 64, 64)
    white = (1 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    assert torch.allclose(rgb[1, :, 5, 60], white, atol=1e-4)
    ramp = torch.arange(48, dtype=torch.uint8).expand(1, 48, 48)
    assert torch.allclose(plain(ramp, 48)[0, 0, 3] * 0.229 + 0.485, ramp[0, 3] / 255, atol=1e-5)


def test_varied_faces_follow_from_the_generator_alone() -> None:
    images = torch.from_numpy(striped_faces(8, seed=3)[0])
    one, same, other = (varied(images, 32, np.random.default_rng(s)) for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert one.isfinite().all()
    darkest, lightest = plain(torch.tensor([0, 255]).byte().view(2, 1, 1), 1).view(2, 3, 1, 1)
    assert (one >= darkest - 1e-4).all()
    assert (one <= lightest + 1e-4).all()


def test_a_tenth_of_every_label_validates() -> None:
    faces = divide(faces_of(350), None, seed=4)
    assert np.bincount(faces.validation.labels).tolist() == [5] * 7
    assert len(faces.training) == 315
    again, other = divide(faces_of(350), None, seed=4), divide(faces_of(350), None, seed=5)
    assert np.array_equal(again.validation.images, faces.validation.images)
    assert not np.array_equal(other.validation.images, faces.validation.images)


def test_copies_of_a_picture_stay_together_and_off_the_test() -> None:
    single = faces_of(70)
    doubled = Fer2013Faces(np.tile(single.images, (2, 1, 1)), np.tile(single.labels, 2))
    test = single.where(np.arange(70) < 7)
    faces = divide(doubled, test, seed=0)
    trained, validated, tested = (
        {image.tobytes() for image in part.images}
        for part in (faces.training, faces.validation, test)
    )
    assert not trained & validated
    assert not (trained | validated) & tested
    assert faces.left_out == 14
    assert len(faces.training) + len(faces.validation) == 126


def test_a_label_without_faces_is_named() -> None:
    faces = faces_of(70)
    with pytest.raises(DatasetError, match="too few pictures of disgust"):
        divide(faces.where(faces.labels != 1), None, seed=0)


def test_rare_labels_weigh_more_and_weights_average_one() -> None:
    faces = faces_of(140)
    rare = faces.where((faces.labels != 1) | (np.arange(140) < 35))
    weights = BackboneFaces(rare, rare, 0, 0, 0).expression_weights()
    assert weights[1] == pytest.approx(2 * weights[0])
    assert weights[rare.labels[rare.labels < 6]].mean() == pytest.approx(1)


def test_votes_are_the_target_and_an_own_label_has_a_small_say() -> None:
    votes = np.zeros((3, 10), np.uint8)
    votes[0, [1, 2]] = 6, 4  # happiness, some surprise
    votes[1, 0] = 10  # calm
    votes[2, 8] = 9  # unknown
    faces = replace(faces_of(3), labels=np.array([3, 4, 5]), votes=votes)
    targets = faces.targets()
    assert targets[0] == pytest.approx([0, 0, 0, 0.85 * 0.6 + 0.15, 0, 0.85 * 0.4, 0])
    assert targets[1] == pytest.approx([0] * 6 + [1])  # what FER2013 calls it does not count
    assert not targets[2].any()
    assert faces.agreed_labels().tolist() == [3, 6, -1]


def test_figures_over_seven_and_over_six() -> None:
    labels = np.array([0, 0, 1, 6, -1])  # the last is not scored
    logits = np.zeros((5, 7), np.float32)
    logits[:, 6] = -4
    logits[[0, 1, 2, 3], [0, 6, 1, 0]] = 4
    logits[1, 0] = 1  # anger, taken for calm
    scored = figures(logits, labels)
    assert (scored.faces, scored.six_faces) == (4, 3)
    assert scored.accuracy == 0.5
    assert scored.mean_recall == 0.5
    assert (scored.six_accuracy, scored.six_mean_recall) == (1.0, 1.0)
    assert scored.recall == {"anger": 0.5, "disgust": 1.0, "neutral": 0.0}
    assert scored.low <= scored.accuracy <= scored.high
