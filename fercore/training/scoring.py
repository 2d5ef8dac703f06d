"""What a finished network is worth on faces it has never seen, and what its probabilities mean.

Guo et al., "On calibration of modern neural networks" (ICML 2017): dividing a head's logits
by one number, chosen for the lowest cross-entropy on held-out subjects, leaves every verdict
as it is. What a head says about calm gets a factor and a shift of its own (Platt's scaling).
Calm is as frequent among the faces at hand as their collectors made it, and slight expressions
are nearly calm, so the shift is set where as many calm faces are shown an expression as clearly
expressive ones are called calm. The numbers are worked into the head's last layer, so that whoever
runs the network need not know of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from fercore.metrics import subject_interval
from fercore.networks.checkpoints import Measure
from fercore.networks.layers import CLASSES
from fercore.networks.paper import Absent
from fercore.networks.preprocessing import depth_input, rgb_input
from fercore.structures import MIN_CONFIDENCE
from fercore.training.losses import join

if TYPE_CHECKING:
    from fercore.networks.layers import Classifier
    from fercore.networks.paper import Logits, Pipeline
    from fercore.networks.preprocessing import Preprocessing
    from fercore.training.faces import LabelledFaces

BATCH = 64
_COOLEST, _HOTTEST = 0.05, 20.0
_ROUNDS = 60  # of the golden-section search; each leaves 62 % of the interval


CALM_TEMPERATURE, CALM_SHIFT = "_calm", "_calm_shift"
"""Behind a head's name: what its calm score is divided by, and what is added then."""


def logits_of(network: Pipeline, faces: LabelledFaces, parameters: Preprocessing) -> Logits:
    """Return the logits (N, 6 or 7) of all faces; a face without depth is told to be so."""
    network.eval()
    parts = []
    with torch.inference_mode():
        for start in range(0, len(faces), BATCH):
            rows = slice(start, start + BATCH)
            rgb = rgb_input(faces.rgb[rows], parameters.rgb_size)
            depth = depth_input(faces.depth_m[rows], parameters.depth_window_m)
            lacks_depth = torch.from_numpy(faces.lacks_depth[rows])
            absent = Absent(torch.zeros_like(lacks_depth), lacks_depth)
            parts.append(network(rgb, depth, absent))
    return join(parts)


def measure(logits: Logits, faces: LabelledFaces, test_set: str) -> tuple[Measure, ...]:
    """Return every head's accuracy on expressive `faces`, which `test_set` describes."""
    return tuple(
        _measure(head, scores, faces, test_set)
        for head, scores in logits._asdict().items()
        if scores is not None
    )


def _measure(head: str, scores: torch.Tensor, faces: LabelledFaces, test_set: str) -> Measure:
    correct = scores[:, :CLASSES].argmax(1).numpy() == faces.labels
    low, high = subject_interval(correct, faces.subjects)
    return Measure(
        head,
        test_set,
        round(float(correct.mean()), 4),
        round(low, 4),
        round(high, 4),
        len(faces),
        len(faces.subject_names),
    )


def fit_temperatures(
    logits: Logits, targets: torch.Tensor, lacks_depth: torch.Tensor, slight: torch.Tensor
) -> dict[str, float]:
    """Return each head's temperature from logits (N, 6 or 7) of subjects who did not train.

    Targets are (N, 7). Faces that lack depth, (N,) bool, count for the colour head alone: without
    depth no other speaks. A depth head without any face keeps its logits, a fusion goes by the
    faces without depth then. `slight` (N,) bool are expressions that may well be called calm.
    """
    temperatures = {}
    for name, head in logits._asdict().items():
        if head is None:
            continue
        chosen = torch.ones_like(lacks_depth) if name == "rgb" else ~lacks_depth
        if name == "fusion" and not chosen.any():
            chosen = lacks_depth
        known = bool(chosen.any())
        scores, wanted = head[chosen].double(), targets[chosen].double()
        temperatures[name] = best_temperature(scores, wanted) if known else 1.0
        if head.shape[1] > CLASSES:
            surest = (scores[:, :CLASSES] / temperatures[name]).softmax(1).amax(1)
            scale, shift = (
                _best_calm(scores[:, CLASSES], wanted[:, CLASSES], surest, ~slight[chosen])
                if known
                else (1.0, 0.0)
            )
            temperatures[name + CALM_TEMPERATURE] = scale
            temperatures[name + CALM_SHIFT] = shift
    return temperatures


def best_temperature(head: torch.Tensor, targets: torch.Tensor) -> float:
    """Return the temperature with the lowest cross-entropy of logits (N, 6 or more).

    Targets (N, 6 or more) are shares. The search is over the temperature's logarithm, over which
    the loss has one minimum.
    """
    expressive = targets[:, :CLASSES]

    def loss(logarithm: float) -> float:
        scaled = head[:, :CLASSES] / float(torch.tensor(logarithm).exp())
        return -float((expressive * functional.log_softmax(scaled, 1)).sum())

    low, high = torch.tensor([_COOLEST, _HOTTEST]).log().tolist()
    golden = (5**0.5 - 1) / 2
    for _ in range(_ROUNDS):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return round(float(torch.tensor((low + high) / 2).exp()), 4)


def work_in(network: Pipeline, temperatures: dict[str, float]) -> None:
    """Divide the logits of the network's heads by their temperatures, for good.

    A shift is added to a calm score that has been divided: it stands behind its temperature.
    """
    for name, temperature in temperatures.items():
        head = name.removesuffix(CALM_SHIFT).removesuffix(CALM_TEMPERATURE)
        layer = _last_layer(network, head)
        with torch.no_grad():
            if name == head:
                layer.weight.div_(temperature)
                layer.bias.div_(temperature)
            elif layer.calm is not None and name.endswith(CALM_SHIFT):
                layer.calm.bias.add_(temperature)
            elif layer.calm is not None:
                layer.calm.weight.div_(temperature)
                layer.calm.bias.div_(temperature)


def _last_layer(network: Pipeline, head: str) -> Classifier:
    heads = network.heads
    return heads.get(head, next(iter(heads.values())))


def _best_calm(
    scores: torch.Tensor, calm: torch.Tensor, surest: torch.Tensor, clear: torch.Tensor
) -> tuple[float, float]:
    """Return divisor and shift of calm scores (N,) for shares (N,) of calm.

    The divisor gives the lowest loss (Platt's scaling). With the shift, as many calm faces are
    shown an expression as expressive ones are called calm, among those that are `clear` (N,) bool;
    `surest` (N,) is the largest of each face's six probabilities.
    """
    factor, shift = torch.ones((), dtype=scores.dtype), torch.zeros((), dtype=scores.dtype)
    factor.requires_grad_(True)
    shift.requires_grad_(True)
    search: Any = torch.optim.LBFGS([factor, shift], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        search.zero_grad()
        scaled = scores * factor + shift
        value = functional.binary_cross_entropy_with_logits(scaled, calm)
        torch.autograd.backward(value)
        return value

    search.step(loss)
    divisor = min(max(1 / float(factor.detach()), _COOLEST), _HOTTEST) if factor > 0 else _HOTTEST
    scaled, is_calm = scores / divisor, calm > 0.5
    even = _even_shift(_shown_below(scaled, surest)[clear & is_calm], scaled[clear & ~is_calm])
    return round(divisor, 4), round(float(shift.detach()) if even is None else even, 4)


def _shown_below(scores: torch.Tensor, surest: torch.Tensor) -> torch.Tensor:
    """Return the calm score (N,) up to which an expression would be shown, for `scores` of 0.

    It is shown where what calm leaves of its probability reaches `MIN_CONFIDENCE`.
    """
    most_calm = (1 - MIN_CONFIDENCE / surest).clamp(min=0)  # 0: no expression is ever sure enough
    return scores - torch.logit(most_calm)


def _even_shift(calm: torch.Tensor, expressive: torch.Tensor) -> float | None:
    """Return what to add so that as large a share of `calm` is below 0 as of `expressive` above.

    None where one of them is empty; infinite ones are above whatever is added.
    """
    if not calm.isfinite().any() or not len(expressive):
        return None
    edges = torch.cat((calm, expressive))
    edges = edges[edges.isfinite()].sort(descending=True).values  # where 0 was, ever calmer
    below = torch.searchsorted(calm.sort().values, edges, right=True) / len(calm)
    above = 1 - torch.searchsorted(expressive.sort().values, edges) / len(expressive)
    crossing = int((above >= below).double().argmax())
    return -float(edges[max(crossing - 1, 0)] + edges[crossing]) / 2
