from typing import Any

import pytest

from fercore.evaluation.protocol import Fold, Protocol, ProtocolError, draw_folds

HUNDRED = [f"F{1000 + i}" for i in range(100)]


def test_ten_folds_test_each_of_60_subjects_once() -> None:
    folds = draw_folds(Protocol("fixed60", 10, None), HUNDRED)
    tested = [subject for fold in folds for subject in fold.test_subjects]
    assert [fold.index for fold in folds] == list(range(10))
    assert len(tested) == len(set(tested)) == 60
    for fold in folds:
        assert (len(fold.train_subjects), len(fold.test_subjects)) == (54, 6)
        assert fold.train_subjects | fold.test_subjects == set(tested)


def test_experiments_redraw_the_test_within_the_same_60_subjects() -> None:
    folds = draw_folds(Protocol("fixed60", None, 200), HUNDRED)
    assert len({fold.train_subjects | fold.test_subjects for fold in folds}) == 1
    assert len({fold.test_subjects for fold in folds}) == 200
    assert {len(fold.test_subjects) for fold in folds} == {6}


def test_random60_redraws_all_subjects() -> None:
    folds = draw_folds(Protocol("random60", None, 20), HUNDRED)
    assert len({fold.train_subjects | fold.test_subjects for fold in folds}) == 20
    assert {len(fold.train_subjects) for fold in folds} == {54}


def test_holdout90_uses_everyone() -> None:
    draws = draw_folds(Protocol("holdout90", None, 5), HUNDRED)
    assert {(len(f.train_subjects), len(f.test_subjects)) for f in draws} == {(90, 10)}
    tested = [
        s for f in draw_folds(Protocol("holdout90", 10, None), HUNDRED) for s in f.test_subjects
    ]
    assert sorted(tested) == HUNDRED


@pytest.mark.parametrize("name", ["fixed60", "random60", "holdout90"])
def test_the_split_seed_alone_decides(name: str) -> None:
    one = draw_folds(Protocol(name, None, 3, split_seed=1, training_seed=0), HUNDRED)
    same = draw_folds(Protocol(name, None, 3, split_seed=1, training_seed=9), HUNDRED[::-1])
    other = draw_folds(Protocol(name, None, 3, split_seed=2), HUNDRED)
    assert one == same
    assert one != other


def test_no_subject_may_be_on_both_sides() -> None:
    with pytest.raises(ValueError, match=r"fold 0 trains and tests on \['a'\]"):
        Fold(0, frozenset("ab"), frozenset("a"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("fixed61", 10, None), "unknown protocol 'fixed61'"),
        (("fixed60", None, None), "either --folds or --experiments"),
        (("fixed60", 10, 200), "either --folds or --experiments"),
        (("fixed60", 5, None), "--folds must be 10"),
        (("random60", 10, None), "give --experiments"),
        (("fixed60", None, 0), "at least 1"),
        (("fixed60", 10, None, (3, 4), -1), "seeds"),
    ],
)
def test_contradictions_are_refused(settings: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        Protocol(*settings)


def test_too_few_subjects_are_counted() -> None:
    with pytest.raises(ProtocolError, match="needs 60 subjects at levels 3, 4, the data has 59"):
        draw_folds(Protocol("fixed60", 10, None), HUNDRED[:59])
    with pytest.raises(ProtocolError, match="needs 10 subjects"):
        draw_folds(Protocol("holdout90", 10, None), HUNDRED[:9])
