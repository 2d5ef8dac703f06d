"""The one training loop: epochs and steps of K networks that learn in step, kept in a folder.

What learns is a `Learner`: one pipeline, the stacked networks of K folds, or a backbone with
its averaged weights. The loop counts, chooses epochs by a rule, saves and goes on after any
interruption at the step that was saved last. A learner's draws follow from seed, epoch and
step, so that no generator's state is needed.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import torch
from tqdm import tqdm

from fercore.errors import FercoreError, cure
from fercore.runtime.files import whole_file, write_text_whole
from fercore.runtime.parsing import parsed_json
from fercore.training.selection import EPOCH, TRAIN_LOSS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Never

    from fercore.training.selection import EpochRule, Figures

RUN_FILE, STATE_FILE = "run.json", "state.pt"
SAVE_EVERY_S = 120.0
"""A killed run loses no more than this; time alone decides when to save, not what comes out."""
_SHOW_EVERY_S = 0.5


def claim_folder(folder: Path, identity: dict[str, Any]) -> None:
    """Note in `folder` which run it belongs to, or check that it is the one noted earlier.

    Raises:
        FercoreError: the folder holds another run, or cannot be used.
    """
    path = folder / RUN_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            write_text_whole(path, json.dumps(identity, indent=2) + "\n")
        earlier = parsed_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise FercoreError(
            f"{folder} cannot be used ({error}); choose another --output."
        ) from error
    differing = [name for name in identity if earlier.get(name) != identity[name]]
    if differing:
        raise FercoreError(
            f"{folder} holds a run with other {', '.join(differing)}; "
            "choose another --output or remove that folder."
        )


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a run's state so that a crash leaves the earlier one or the new one.

    Raises:
        FercoreError: it cannot be written.
    """
    try:
        with whole_file(path) as unfinished:
            torch.save(state, unfinished)
    except (OSError, RuntimeError) as error:
        raise FercoreError(f"{path} cannot be written ({error}); {cure(error)}.") from error


def load_state(path: Path, device: torch.device) -> dict[str, Any] | None:
    """Return the state an earlier run left at `path`, None where there is none.

    Raises:
        FercoreError: the file is damaged.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, device, weights_only=True)
    except Exception as error:  # torch raises a dozen kinds for damaged files
        raise FercoreError(
            f"{path} is damaged ({type(error).__name__}); remove it to start the run anew."
        ) from error
    return state


def digest(*parts: bytes) -> str:
    """Return the SHA-256 of all parts together."""
    joined = hashlib.sha256()
    for part in parts:
        joined.update(part)
    return joined.hexdigest()


class Learner(Protocol):
    """K networks that learn in step; each has figures and a best epoch of its own."""

    @property
    def networks(self) -> int:
        """K."""

    @property
    def steps(self) -> int:
        """Of every epoch."""

    @property
    def device(self) -> torch.device:
        """Where it learns."""

    def begin(self, epoch: int) -> None:
        """Make ready for the steps of an epoch, counted from 0, or for the rest of them."""

    def step(self, step: int) -> torch.Tensor:
        """Move all networks by a step of the epoch, counted from 0; return their losses (K,)."""

    def validate(self) -> Sequence[Figures]:
        """Return every network's figures on validation faces."""

    def keep(self, better: Sequence[bool]) -> None:
        """Remember the present weights of those networks that improved."""

    def state(self) -> dict[str, Any]:
        """Return what it needs to go on, the remembered weights included."""

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""


@dataclass(frozen=True, slots=True)
class LoopPlan:
    """How long to train, how to choose, and where to keep the running state."""

    epochs: int  # at most
    rule: EpochRule
    path: Path | None = None  # of the running state; None: an interrupted run starts anew
    save_epochs: bool = True  # after every epoch too, not only every two minutes
    show: bool = True  # a progress bar and a line an epoch


@dataclass(slots=True)
class LoopProgress:
    """How far a run is; `seconds` count its earlier calls."""

    curves: list[list[Figures]]  # K, an epoch's figures each; of one that is over no longer grow
    best_epochs: list[int]  # K, from 1; 0: none yet
    epoch: int = 0  # finished epochs
    step: int = 0  # finished steps of the current one
    losses: torch.Tensor | None = None  # (K,), summed over those steps
    seconds: float = 0.0

    @property
    def mean_losses(self) -> list[float]:
        """Of every network over the finished steps."""
        return [] if self.losses is None else (self.losses / self.step).tolist()


def train_to_the_end(learner: Learner, plan: LoopPlan) -> LoopProgress:
    """Train until the epochs or all networks' patience run out.

    Raises:
        FercoreError: training diverged, or the state cannot be read or written.
    """
    return _Run(learner, plan).to_the_end()


@dataclass(slots=True)
class _Clock:
    """When something was last done."""

    last_s: float = field(default_factory=time.monotonic)

    def is_due(self, every_s: float) -> bool:
        """Whether it is time again, which then is noted."""
        now_s = time.monotonic()
        if now_s - self.last_s <= every_s:
            return False
        self.last_s = now_s
        return True


class _Run:
    def __init__(self, learner: Learner, plan: LoopPlan) -> None:
        self._learner, self._plan = learner, plan
        count = learner.networks
        self._progress = LoopProgress([[] for _ in range(count)], [0] * count)
        self._saving, self._showing = _Clock(), _Clock()
        self._resume()
        self._began_s = time.monotonic() - self._progress.seconds

    def to_the_end(self) -> LoopProgress:
        progress, steps = self._progress, self._learner.steps
        total, done = self._plan.epochs * steps, progress.epoch * steps + progress.step
        hidden = None if self._plan.show else True  # None: shown on a terminal
        with tqdm(total=total, initial=done, unit="step", leave=False, disable=hidden) as bar:
            while progress.epoch < self._plan.epochs and not all(self._over()):
                self._learn(bar)
                self._finish_epoch()
        if not all(progress.best_epochs):
            raise FercoreError(
                f"training diverged: no epoch had a finite {_words(self._plan.rule.figure)}; give "
                "a lower --learning-rate and another --output."
            )
        progress.seconds = time.monotonic() - self._began_s
        return progress

    def _learn(self, bar: tqdm[Never]) -> None:
        """Train for the rest of the current epoch, saving now and then."""
        progress = self._progress
        bar.set_description(f"epoch {progress.epoch + 1} of at most {self._plan.epochs}")
        self._learner.begin(progress.epoch)
        while progress.step < self._learner.steps:
            losses = self._learner.step(progress.step)
            progress.losses = losses if progress.losses is None else progress.losses + losses
            progress.step += 1
            if self._showing.is_due(_SHOW_EVERY_S):
                self._require_finite()
                bar.set_postfix_str(f"loss {_mean(progress.mean_losses):.3f}", refresh=False)
            bar.update()
            if self._saving.is_due(SAVE_EVERY_S):
                self._save()

    def _finish_epoch(self) -> None:
        progress, over = self._progress, self._over()
        self._require_finite()
        figures = [
            {EPOCH: progress.epoch + 1, TRAIN_LOSS: loss, **validated}
            for loss, validated in zip(progress.mean_losses, self._learner.validate(), strict=True)
        ]
        better = [not over[k] and self._improves(k, one) for k, one in enumerate(figures)]
        self._learner.keep(better)
        progress.epoch, progress.step, progress.losses = progress.epoch + 1, 0, None
        if self._plan.show:
            tqdm.write("\n".join(map(_line, figures, better)))
        if self._plan.save_epochs or self._saving.is_due(SAVE_EVERY_S):
            self._save()

    def _improves(self, k: int, figures: Figures) -> bool:
        """Note an epoch of a network; tell whether it is the one to keep so far."""
        curve, best = self._progress.curves[k], self._progress.best_epochs
        curve.append(figures)
        if not self._plan.rule.improves(curve, best[k]):
            return False
        best[k] = len(curve)
        return True

    def _over(self) -> list[bool]:
        """Whether each network's best epoch is settled."""
        progress = self._progress
        return list(map(self._plan.rule.is_over, progress.curves, progress.best_epochs))

    def _require_finite(self) -> None:
        """Stop where a network that is needed diverged: it never comes back."""
        progress = self._progress
        for loss, best in zip(progress.mean_losses, progress.best_epochs, strict=True):
            if not math.isfinite(loss) and not self._plan.rule.survives_divergence(best):
                raise FercoreError(
                    f"training diverged in epoch {progress.epoch + 1}; give a lower "
                    "--learning-rate and another --output."
                )

    def _save(self) -> None:
        if self._plan.path is not None:
            self._progress.seconds = time.monotonic() - self._began_s
            progress = {name: getattr(self._progress, name) for name in LoopProgress.__slots__}
            save_state(self._plan.path, {"progress": progress, "learner": self._learner.state()})

    def _resume(self) -> None:
        if self._plan.path is None:
            return
        saved = load_state(self._plan.path, self._learner.device)
        if saved is None:
            return
        try:
            self._progress = LoopProgress(**saved["progress"])
            self._learner.resume(saved["learner"])
        except (KeyError, TypeError) as error:
            raise FercoreError(
                f"{self._plan.path} was left by another version; remove it to start the run anew."
            ) from error


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _line(figures: Figures, better: bool) -> str:
    shown = ", ".join(f"{_words(name)} {value:.4g}" for name, value in figures.items())
    return f"{shown} *" if better else shown


def _words(figure: str) -> str:
    return figure.replace("_", " ")
