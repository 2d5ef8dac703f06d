"""The networks of K folds stacked into one, in the training loop.

One batched operation moves all of them, which fills a GPU that a single small network leaves
idle. Each fold has its own random numbers, batches and best epoch, so that its result does
not depend on its company but for rounding.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, stack_module_state
from torch.nn import functional

from fercore.networks.layers import redraw_new_layers
from fercore.training.config import channels_last, computing_in, learning_rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fercore.networks.paper import Pipeline
    from fercore.structures import FloatArray
    from fercore.training.config import TrainingConfig
    from fercore.training.features import FrozenFeatures
    from fercore.training.selection import Figures

    State = dict[str, torch.Tensor]

_EVALUATION_BATCH = 128


@dataclass(frozen=True, slots=True)
class FoldTask:
    """Which faces train, choose the epoch and test, as rows of the features."""

    experiment: int  # also seeds initialisation and batches, together with the config's seed
    train: NDArray[np.int64]
    validation: NDArray[np.int64]  # none: the last epoch is taken
    test: NDArray[np.int64]
    faces_an_epoch: int  # of `train` at most; the same in all folds, so that they go in step


class StackedFolds:
    """A `Learner` of K folds: every tensor has a leading axis of K.

    It learns on the device of `network`, whose frozen half is not needed. `features` and
    `labels` (N,) are those of all faces that the tasks' rows point to.
    """

    def __init__(
        self,
        network: Pipeline,
        features: FrozenFeatures,
        labels: NDArray[np.int64],
        tasks: Sequence[FoldTask],
        config: TrainingConfig,
    ) -> None:
        self.device = next(network.parameters()).device
        self._config, self._tasks = config, tasks
        self._data = _Data(
            torch.from_numpy(np.array(features.frozen)).to(self.device),
            torch.from_numpy(np.array(features.depth)).to(self.device),
            torch.from_numpy(labels).to(self.device),
        )
        half = _TrainedHalf(network, config.finetune)
        members = [_redrawn(half, config.seed, task.experiment) for task in tasks]
        self._parameters, self._buffers = stack_module_state(members)
        self._best = {name: value.detach().clone() for name, value in self._weights().items()}
        self._shell = half.to("meta")
        self._optimizer = torch.optim.Adam(
            self._parameters.values(), lr=config.learning_rate, fused=True
        )
        self._batches = np.empty((len(tasks), 0), np.int64)  # K, steps * B

    @property
    def networks(self) -> int:
        """K."""
        return len(self._tasks)

    @property
    def steps(self) -> int:
        """Of an epoch: a last short batch is left out."""
        (faces,) = {task.faces_an_epoch for task in self._tasks}
        return faces // self._config.batch_size

    def begin(self, epoch: int) -> None:
        """Draw every fold's order and set the learning rate."""
        self._shell.train()
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(self._config, epoch)
        orders = [self._order(task, epoch) for task in self._tasks]
        count = self.steps * self._config.batch_size
        self._batches = np.stack([order[:count] for order in orders])

    def step(self, step: int) -> torch.Tensor:
        """Move all folds by one batch; return their own heads' losses (K,)."""
        size = self._config.batch_size
        batch = self._batches[:, step * size : (step + 1) * size]
        rows = torch.from_numpy(batch).to(self.device)  # K, B
        with computing_in(self._config.precision, self.device):
            heads = self._forward(self._parameters, self._buffers, *self._data.inputs(rows))
        losses = _losses([head.float() for head in heads], self._data.labels[rows])  # heads, K
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(losses.sum())
        self._optimizer.step()
        return losses[0].detach()

    def validate(self) -> list[Figures]:
        """Return every fold's mean loss and its own head's accuracy on its validation faces.

        Without such faces both are NaN.
        """
        rows = [task.validation for task in self._tasks]
        if not any(len(own) for own in rows):
            return [_figures(float("nan"), float("nan")) for _ in rows]
        heads = self._evaluate(rows, self._weights())
        figures = []
        for k, own in enumerate(rows):
            labels = self._data.labels[torch.from_numpy(own).to(self.device)]
            mine = heads[0][k, : len(own)]
            right = (mine.argmax(1) == labels).float().mean()
            figures.append(_figures(float(functional.cross_entropy(mine, labels)), float(right)))
        return figures

    def keep(self, better: Sequence[bool]) -> None:
        """Remember the present weights of the folds that improved."""
        chosen = torch.tensor(better)
        for name, value in self._weights().items():
            self._best[name][chosen] = value.detach()[chosen]

    def probabilities(self) -> list[FloatArray]:
        """Return every fold's probabilities (tests, 6) of its own head at its best epoch."""
        rows = [task.test for task in self._tasks]
        logits = self._evaluate(rows, self._best)[0].softmax(-1).cpu().numpy()
        return [logits[k, : len(own)] for k, own in enumerate(rows)]

    def state(self) -> dict[str, Any]:
        """Return present and best weights, and the optimizer's state."""
        network = {name: value.detach() for name, value in self._weights().items()}
        optimizer = self._optimizer.state_dict()
        return {"network": network, "best": self._best, "optimizer": optimizer}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        with torch.no_grad():
            for name, value in self._weights().items():
                value.copy_(state["network"][name])
        self._best = state["best"]
        self._optimizer.load_state_dict(state["optimizer"])

    def _order(self, task: FoldTask, epoch: int) -> NDArray[np.int64]:
        rng = np.random.default_rng((self._config.seed, task.experiment, epoch))
        return rng.permutation(task.train)

    def _evaluate(self, rows: list[NDArray[np.int64]], state: State) -> tuple[torch.Tensor, ...]:
        """Return the heads' logits (K, longest, 6); rows beyond a fold's own mean nothing."""
        self._shell.eval()
        longest = max(1, *(len(own) for own in rows))  # a fold may have no face to test
        padded = np.stack([np.pad(own, (0, longest - len(own))) for own in rows])
        parameters = {name: state[name] for name in self._parameters}
        buffers = {name: state[name] for name in self._buffers}
        parts = []
        with torch.no_grad():
            for start in range(0, longest, _EVALUATION_BATCH):
                batch = torch.from_numpy(padded[:, start : start + _EVALUATION_BATCH])
                inputs = self._data.inputs(batch.to(self.device))
                parts.append(self._forward(parameters, buffers, *inputs))
        return tuple(torch.cat(head, 1) for head in zip(*parts, strict=True))

    def _forward(
        self, parameters: State, buffers: State, frozen: torch.Tensor, depth: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        if len(self._tasks) == 1:  # the plain network: no stacking to pay for
            state = {n: channels_last(value[0]) for n, value in {**parameters, **buffers}.items()}
            inputs = channels_last(frozen[0]), channels_last(depth[0])
            heads = functional_call(self._shell, state, inputs)
            return tuple(head[None] for head in heads)
        heads = torch.vmap(self._one)(parameters, buffers, frozen, depth)
        return tuple(heads)

    def _one(
        self, parameters: State, buffers: State, frozen: torch.Tensor, depth: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        heads: tuple[torch.Tensor, ...] = functional_call(
            self._shell, (parameters, buffers), (frozen, depth)
        )
        return heads

    def _weights(self) -> State:
        return {**self._parameters, **self._buffers}


@dataclass(frozen=True, slots=True)
class _Data:
    """All faces on the device; half precision until a batch is taken."""

    frozen: torch.Tensor  # (N, ...)
    depth: torch.Tensor  # (N, 1, D, D)
    labels: torch.Tensor  # (N,)

    def inputs(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return frozen features and depth of rows (K, B), float32."""
        return self.frozen[rows].float(), self.depth[rows].float()


class _TrainedHalf(nn.Module):
    """A pipeline without its frozen half; gives the heads that there are, its own one first."""

    def __init__(self, network: Pipeline, finetune: str) -> None:
        super().__init__()
        self._finetune = finetune
        self.network = copy.deepcopy(network)
        for name in network.frozen_modules(finetune):
            self.network.set_submodule(name.rstrip("."), nn.Identity())

    def forward(self, frozen: torch.Tensor, depth: torch.Tensor) -> tuple[torch.Tensor, ...]:
        logits = self.network.trained(frozen, depth, self._finetune)
        return tuple(head for head in logits if head is not None)


def _redrawn(half: _TrainedHalf, seed: int, experiment: int) -> _TrainedHalf:
    member = copy.deepcopy(half)
    (drawn,) = np.random.SeedSequence((seed, experiment)).generate_state(1)
    with torch.random.fork_rng():
        torch.manual_seed(int(drawn))
        redraw_new_layers(member)
    return member


def _losses(heads: Sequence[torch.Tensor], labels: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy of every head and fold (heads, K)."""
    return torch.stack(
        [
            functional.cross_entropy(head.transpose(1, 2), labels, reduction="none").mean(1)
            for head in heads
        ]
    )


def _figures(loss: float, accuracy: float) -> Figures:
    return {"validation_loss": loss, "validation_accuracy": accuracy}
