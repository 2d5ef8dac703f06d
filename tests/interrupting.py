"""Interrupt a training within a step, as Ctrl-C does, after it was saved at every step before."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from fercore.training import loop

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch


@contextmanager
def interrupted_after(steps: int, learner: type[Any]) -> Iterator[None]:
    """Let learners of a kind take `steps` steps and stop within the one after."""
    whole, taken = learner.step, iter(range(steps))

    def step(self: Any, number: int) -> torch.Tensor:
        if next(taken, None) is None:
            raise KeyboardInterrupt
        losses: torch.Tensor = whole(self, number)
        return losses

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learner, "step", step)
        patch.setattr(loop, "SAVE_EVERY_S", -1.0)
        yield
