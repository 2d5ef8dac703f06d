from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from study_fixtures import write_study

from fercore.study.participants import balanced_square, condition_order, latin_square, run_sheet
from fercore.study.study_file import Conditions, Order, load_study


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 7])
def test_in_both_squares_every_condition_takes_every_place_equally_often(number: int) -> None:
    for rows in (latin_square(number), balanced_square(number)):
        assert all(sorted(row) == list(range(number)) for row in rows)
        for place in range(number):
            assert set(Counter(row[place] for row in rows).values()) == {len(rows) // number}


@pytest.mark.parametrize("number", [2, 3, 4, 5, 6, 7])
def test_in_the_balanced_square_every_condition_follows_every_other_equally_often(
    number: int,
) -> None:
    rows = balanced_square(number)
    assert len(rows) == (number if number % 2 == 0 else 2 * number)
    follows = Counter(pair for row in rows for pair in pairwise(row))
    assert len(follows) == number * (number - 1)
    assert set(follows.values()) == {len(rows) // number}


def test_orders_are_those_of_the_study_file() -> None:
    def order(kind: Order, position: int, repetitions: int = 1) -> tuple[str, ...]:
        return condition_order(Conditions(("a", "b", "c"), kind, repetitions, 7), position)

    assert order(Order.FIXED, 0) == order(Order.FIXED, 5) == ("a", "b", "c")
    assert order(Order.LATIN_SQUARE, 1) == order(Order.LATIN_SQUARE, 4) == ("b", "c", "a")
    assert order(Order.FIXED, 0, 2) == ("a", "b", "c") * 2
    drawn = [order(Order.RANDOM, position) for position in range(30)]
    assert drawn == [order(Order.RANDOM, position) for position in range(30)]
    assert len(set(drawn)) == 6
    with pytest.raises(ValueError, match="below 0"):
        order(Order.FIXED, -1)


def test_the_run_sheet_numbers_runs_by_task(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "s")
    path = folder / "study.toml"
    path.write_text(path.read_text() + '\n[[task]]\nlabel = "rest"\n')
    blocks = run_sheet(load_study(folder), 1)
    assert [(b.number, b.condition, b.task, b.run) for b in blocks] == [
        (1, "happy", "video", 1),
        (2, "happy", "rest", 1),
        (3, "calm", "video", 2),
        (4, "calm", "rest", 2),
    ]
    assert (blocks[0].instruction, blocks[0].duration_s) == ("Watch the video.", 1)
