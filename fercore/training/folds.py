"""Train one pipeline on several folds, all at once where a machine gains by it.

The folds' networks are stacked: one batched operation moves all of them, which fills a
GPU that a single small network leaves idle. Each fold has its own random numbers, batches
and best epoch, so that its result does not depend on its company but for rounding.
The epoch is chosen by the lowest loss of the pipeline's own head on validation subjects, who
belong to the fold's training subjects, or is the last one: test data never choose.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, stack_module_state
from torch.nn import functional

from fercore.errors import FercoreError
from fercore.networks.layers import redraw_new_layers
from fercore.training.precision import channels_last, computing_in
from fercore.training.selection import Epoch, epoch_rule
from fercore.training.trainer import learning_rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fercore.networks.paper import Pipeline
    from fercore.structures import FloatArray
    from fercore.training.config import TrainingConfig
    from fercore.training.features import FrozenFeatures
    from fercore.training.selection import EpochRule

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


@dataclass(frozen=True, slots=True)
class FoldResult:
    """What came of one fold."""

    experiment: int
    probabilities: FloatArray  # (tests, 6) at the best epoch, of the pipeline's own head
    curve: tuple[Epoch, ...]
    best_epoch: int  # from 1


def train_folds(
    network: Pipeline,
    features: FrozenFeatures,
    labels: NDArray[np.int64],
    tasks: Sequence[FoldTask],
    config: TrainingConfig,
) -> list[FoldResult]:
    """Train `tasks` together on the device of `network`, whose frozen half is not needed.

    `features` and `labels` (N,) are those of all faces that the tasks' rows point to.

    Raises:
        FercoreError: training diverged, or a fold is too small for a batch.
    """
    if min(task.faces_an_epoch for task in tasks) < config.batch_size:
        raise FercoreError(
            f"a fold has fewer training faces than one batch of {config.batch_size}; prepare "
            "more subjects or set a smaller batch_size."
        )
    device = next(network.parameters()).device
    group = _Group(network, tasks, config)
    data = _Data(
        torch.from_numpy(np.array(features.frozen)).to(device),
        torch.from_numpy(np.array(features.depth)).to(device),
        torch.from_numpy(labels).to(device),
    )
    progress = [_Progress(epoch_rule(config)) for _ in tasks]
    for epoch in range(config.epochs):
        group.run_epoch(data, epoch, progress)
        if all(one.is_over for one in progress):
            break
    if not all(one.best_epoch for one in progress):
        raise FercoreError("training diverged: no epoch had a finite loss; lower --learning-rate.")
    probabilities = group.probabilities(data)
    return [
        FoldResult(task.experiment, p, tuple(one.curve), one.best_epoch)
        for task, p, one in zip(tasks, probabilities, progress, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Data:
    """All faces on the device; half precision until a batch is taken."""

    frozen: torch.Tensor  # (N, ...)
    depth: torch.Tensor  # (N, 1, D, D)
    labels: torch.Tensor  # (N,)

    def inputs(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return frozen features and depth of rows (K, B), float32."""
        return self.frozen[rows].float(), self.depth[rows].float()


class _Progress:
    """A fold's learning curve and whether it is over."""

    def __init__(self, rule: EpochRule) -> None:
        self._rule = rule
        self.curve: list[Epoch] = []
        self.best_epoch = 0  # from 1

    @property
    def is_over(self) -> bool:
        return self._rule.is_over(self.curve, self.best_epoch)

    def add(self, epoch: Epoch) -> bool:
        """Append an epoch; tell whether it is the one to keep so far."""
        self.curve.append(epoch)
        if not self._rule.improves(self.curve, self.best_epoch):
            return False
        self.best_epoch = len(self.curve)
        return True


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


class _Group:
    """The stacked networks of K folds: every tensor has a leading axis of K."""

    def __init__(
        self, network: Pipeline, tasks: Sequence[FoldTask], config: TrainingConfig
    ) -> None:
        self._config, self._tasks = config, tasks
        half = _TrainedHalf(network, config.finetune)
        members = [_redrawn(half, config.seed, task.experiment) for task in tasks]
        self._parameters, self._buffers = stack_module_state(members)
        self._best = {name: value.detach().clone() for name, value in self._state().items()}
        self._shell = half.to("meta")
        self._optimizer = torch.optim.Adam(
            self._parameters.values(), lr=config.learning_rate, fused=True
        )

    def run_epoch(self, data: _Data, epoch: int, progress: list[_Progress]) -> None:
        """Train every fold once over its faces, validate, and keep the networks that improved."""
        losses = self._learn(data, epoch)
        validated = self._validate(data)
        better = torch.zeros(len(progress), dtype=torch.bool)
        for k, (one, loss, (validation_loss, accuracy)) in enumerate(
            zip(progress, losses, validated, strict=True)
        ):
            if not one.is_over:
                better[k] = one.add(Epoch(loss, validation_loss, accuracy))
        for name, value in self._state().items():
            self._best[name][better] = value.detach()[better]

    def probabilities(self, data: _Data) -> list[FloatArray]:
        """Return every fold's probabilities (tests, 6) at its best epoch."""
        rows = [task.test for task in self._tasks]
        logits = self._evaluate(data, rows, self._best)[0].softmax(-1).cpu().numpy()
        return [logits[k, : len(own)] for k, own in enumerate(rows)]

    def _learn(self, data: _Data, epoch: int) -> list[float]:
        self._shell.train()
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(self._config, epoch)
        size = self._config.batch_size
        orders = [self._order(task, epoch) for task in self._tasks]
        (faces,) = {task.faces_an_epoch for task in self._tasks}
        steps = faces // size  # a last short batch is left out
        batches = np.stack([order[: steps * size] for order in orders])  # K, steps * B
        total = torch.zeros(len(orders), device=data.labels.device)
        for start in range(0, steps * size, size):
            rows = torch.from_numpy(batches[:, start : start + size])
            total += self._step(data, rows.to(total.device))
        return [float(loss) for loss in total / steps]

    def _order(self, task: FoldTask, epoch: int) -> NDArray[np.int64]:
        rng = np.random.default_rng((self._config.seed, task.experiment, epoch))
        return rng.permutation(task.train)

    def _step(self, data: _Data, rows: torch.Tensor) -> torch.Tensor:
        """Move all folds by one batch (K, B); return their own heads' losses (K,)."""
        with computing_in(self._config.precision, rows.device):
            heads = self._forward(self._parameters, self._buffers, *data.inputs(rows))
        losses = _losses([head.float() for head in heads], data.labels[rows])  # heads, K
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(losses.sum())
        self._optimizer.step()
        return losses[0].detach()

    def _validate(self, data: _Data) -> list[tuple[float, float]]:
        """Return every fold's mean loss and its own head's accuracy on the validation faces.

        Without such faces both are NaN.
        """
        rows = [task.validation for task in self._tasks]
        if not any(len(own) for own in rows):
            return [(float("nan"), float("nan"))] * len(rows)
        heads = self._evaluate(data, rows, self._state())
        figures = []
        for k, own in enumerate(rows):
            labels = data.labels[torch.from_numpy(own).to(data.labels.device)]
            mine = heads[0][k, : len(own)]
            right = (mine.argmax(1) == labels).float().mean()
            figures.append((float(functional.cross_entropy(mine, labels)), float(right)))
        return figures

    def _evaluate(
        self, data: _Data, rows: list[NDArray[np.int64]], state: State
    ) -> tuple[torch.Tensor, ...]:
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
                inputs = data.inputs(batch.to(data.labels.device))
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

    def _state(self) -> State:
        return {**self._parameters, **self._buffers}


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
