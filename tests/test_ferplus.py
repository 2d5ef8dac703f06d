"""FER+'s votes become distributions as its authors turn them."""

from __future__ import annotations

import numpy as np
import pytest

from fercore.expressions import EXPRESSIONS
from fercore.io.fer2013_csv import VOTES, agreed_labels, vote_targets

NAMES = (*(e.value for e in EXPRESSIONS), "neutral")


def votes_of(**counts: int) -> np.ndarray:
    votes = np.zeros((1, 10), np.uint8)
    for name, count in counts.items():
        votes[0, VOTES.index(name)] = count
    return votes


@pytest.mark.parametrize(
    ("counts", "target"),
    [
        ({"anger": 6, "disgust": 4}, {"anger": 0.6, "disgust": 0.4}),
        ({"anger": 8, "disgust": 2}, {"anger": 1}),  # three quarters are covered
        ({"anger": 6, "fear": 3, "sadness": 1}, {"anger": 2 / 3, "fear": 1 / 3}),  # a single vote
        ({"neutral": 5, "sadness": 5}, {"neutral": 0.5, "sadness": 0.5}),
        ({"neutral": 6, "contempt": 4}, {"neutral": 1}),  # contempt is none of the seven
    ],
)
def test_targets(counts: dict[str, int], target: dict[str, float]) -> None:
    found = vote_targets(votes_of(**counts))
    assert found.usable.all()
    assert dict(zip(NAMES, found.targets[0], strict=True)) == pytest.approx(
        {name: target.get(name, 0) for name in NAMES}
    )


@pytest.mark.parametrize(
    ("counts", "contempt"),
    [
        ({"unknown": 7, "anger": 3}, False),
        ({"NF": 6, "neutral": 4}, False),
        ({"anger": 3, "fear": 3, "disgust": 2, "sadness": 2}, False),  # no clear picture
        ({"contempt": 7, "neutral": 3}, True),
    ],
)
def test_faces_that_teach_nothing_are_left_out_and_counted(
    counts: dict[str, int], contempt: bool
) -> None:
    found = vote_targets(votes_of(**counts))
    assert not found.usable.any() and not found.targets.any()
    assert (found.contempt.sum(), found.unclear.sum()) == (contempt, not contempt)


def test_a_test_label_needs_five_votes() -> None:
    votes = np.concatenate(
        [votes_of(happiness=5, neutral=4), votes_of(neutral=9), votes_of(fear=4, surprise=4)]
    )
    assert agreed_labels(votes).tolist() == [3, 6, -1]
