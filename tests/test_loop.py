"""The training loop on a learner of two numbers: choosing, saving, going on, diverging."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import torch
from interrupting import interrupted_after

from fercore.errors import FercoreError
from fercore.training.loop import LoopPlan, train_to_the_end
from fercore.training.selection import HIGHEST, LAST_EPOCH, LOWEST, EpochRule

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fercore.training.selection import Figures

NAN = float("nan")


def lowest(patience: int) -> EpochRule:
    return EpochRule("lowest", "the lowest", "validation_loss", LOWEST, patience)


class Counting:
    """Two networks of one weight each, which counts their steps; figures are told beforehand."""

    networks, steps = 2, 3
    device = torch.device("cpu")

    def __init__(
        self, validation: Sequence[Sequence[float]], losses: Sequence[float] = (1, 1)
    ) -> None:
        self._validation, self._losses = validation, torch.tensor(losses)
        self.weights, self.best = torch.zeros(2), torch.zeros(2)
        self._epoch = 0
        self.steps_taken = 0

    def begin(self, epoch: int) -> None:
        self._epoch = epoch

    def step(self, step: int) -> torch.Tensor:
        assert 0 <= step < self.steps
        self.weights = self.weights + 1
        self.steps_taken += 1
        return self._losses * self.weights

    def validate(self) -> Sequence[Figures]:
        return [{"validation_loss": loss} for loss in self._validation[self._epoch]]

    def keep(self, better: Sequence[bool]) -> None:
        self.best = torch.where(torch.tensor(better), self.weights, self.best)

    def state(self) -> dict[str, Any]:
        return {"weights": self.weights, "best": self.best}

    def resume(self, state: dict[str, Any]) -> None:
        self.weights, self.best = state["weights"], state["best"]


def test_every_network_keeps_its_own_epoch_and_stops_by_its_own_patience() -> None:
    learner = Counting([(1, 1), (2, 0.5), (3, 0.7), (0, 0.6), (0, 0)])
    progress = train_to_the_end(learner, LoopPlan(5, lowest(2)))
    assert progress.best_epochs == [1, 2]
    assert learner.best.tolist() == [3, 6]  # weights after the first and the second epoch
    assert [len(curve) for curve in progress.curves] == [3, 4]
    assert progress.epoch == 4
    assert progress.curves[0][0] == {"epoch": 1, "train_loss": 2.0, "validation_loss": 1}


@pytest.mark.parametrize(("direction", "best"), [(LOWEST, 2), (HIGHEST, 1)])
def test_of_equals_the_earliest_is_kept(direction: str, best: int) -> None:
    rule = EpochRule("a rule", "a sentence", "validation_loss", direction)
    learner = Counting([(2, 2), (1, 1), (1, 1), (2, 2)])
    assert train_to_the_end(learner, LoopPlan(4, rule)).best_epochs == [best, best]


def test_the_last_epoch_needs_no_validation() -> None:
    learner = Counting([(NAN, NAN)] * 3)
    assert train_to_the_end(learner, LoopPlan(3, LAST_EPOCH)).best_epochs == [3, 3]
    assert learner.best.tolist() == [9, 9]


@pytest.mark.parametrize("steps", range(9))
def test_an_interrupted_run_ends_as_an_uninterrupted_one(steps: int, tmp_path: Path) -> None:
    figures = [(3, 1), (2, 2), (1, 3)]
    whole = Counting(figures)
    expected = train_to_the_end(whole, LoopPlan(3, lowest(2)))
    plan = LoopPlan(3, lowest(2), tmp_path / "state.pt", save_epochs=False)
    with interrupted_after(steps, Counting), pytest.raises(KeyboardInterrupt):
        train_to_the_end(Counting(figures), plan)
    resumed = Counting(figures)
    progress = train_to_the_end(resumed, plan)
    assert resumed.steps_taken == 9 - steps
    assert torch.equal(resumed.best, whole.best)
    assert (progress.curves, progress.best_epochs) == (expected.curves, expected.best_epochs)


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    plan = LoopPlan(2, LAST_EPOCH, tmp_path / "state.pt")
    train_to_the_end(Counting([(1, 1)] * 2), plan)
    again = Counting([])
    assert train_to_the_end(again, plan).best_epochs == [2, 2]
    assert (again.steps_taken, again.best.tolist()) == (0, [6, 6])


def test_earlier_calls_count_in_the_time(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    train_to_the_end(Counting([(1, 1)]), LoopPlan(1, LAST_EPOCH, path))
    state = torch.load(path)
    state["progress"]["seconds"] += 1000
    torch.save(state, path)
    assert 1000 <= train_to_the_end(Counting([]), LoopPlan(1, LAST_EPOCH, path)).seconds < 1100


@pytest.mark.parametrize("rule", [LAST_EPOCH, lowest(5)])
def test_divergence_is_one_sentence(rule: EpochRule, tmp_path: Path) -> None:
    learner = Counting([(1, 1)], losses=(1, math.inf))
    with pytest.raises(FercoreError, match=r"diverged in epoch 1; give a lower --learning-rate"):
        train_to_the_end(learner, LoopPlan(1, rule, tmp_path / "state.pt"))
    assert not (tmp_path / "state.pt").exists()


def test_a_validation_that_is_never_finite_is_divergence_too() -> None:
    with pytest.raises(FercoreError, match="no epoch had a finite validation loss"):
        train_to_the_end(Counting([(1, NAN)] * 2), LoopPlan(2, lowest(5)))


class Breaking(Counting):
    """Diverges in its second epoch."""

    def step(self, step: int) -> torch.Tensor:
        return super().step(step) * (NAN if self._epoch else 1)


def test_what_diverges_late_has_a_result_only_where_none_is_planned() -> None:
    figures = [(1, 1), (0, 0), (0, 0)]
    assert train_to_the_end(Breaking(figures), LoopPlan(3, lowest(1))).best_epochs == [1, 1]
    with pytest.raises(FercoreError, match="diverged in epoch 2"):
        train_to_the_end(Breaking(figures), LoopPlan(3, LAST_EPOCH))


def test_a_state_of_another_version_is_named(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    for earlier in ({"epoch": 1}, {"progress": {"epoch": 1}, "learner": {}}):
        torch.save(earlier, path)
        with pytest.raises(FercoreError, match=r"state\.pt was left by another version; remove"):
            train_to_the_end(Counting([(1, 1)]), LoopPlan(1, LAST_EPOCH, path))
