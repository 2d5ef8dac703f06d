"""torch, on the CPU as the reference, on CUDA where there is a GPU."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import torch

from fercore.inference.engines.base import (
    DEPTH_FEATURES,
    DEPTH_NET,
    FUSION,
    RGB_NET,
    head_names,
    split_depth,
)
from fercore.networks.paper import Absent, FusionPipeline, Logits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fercore.networks.paper import Pipeline


class TorchEngine:
    """Runs a pipeline as it was trained.

    `measured` times the parts of every pass; a GPU then waits after each of them.
    """

    def __init__(self, network: Pipeline, device: str = "cpu", *, measured: bool = False) -> None:
        self._device = torch.device(device)
        self._network: Pipeline | None = network.eval().to(self._device)
        self._heads = head_names(network)
        self._laps = _Laps(network, self._device) if measured else None

    @property
    def description(self) -> str:
        """What runs where."""
        if self._device.type == "cuda":
            return f"torch {torch.__version__} on {torch.cuda.get_device_name(self._device)}"
        return f"torch {torch.__version__}, {torch.get_num_threads()} CPU threads"

    @property
    def last_pass_s(self) -> Mapping[str, float]:
        """Seconds of the last pass by part; empty unless it measures."""
        return self._laps.seconds if self._laps else {}

    def logits(self, rgb: torch.Tensor, depth: torch.Tensor | None) -> Logits:
        """Return the scores of the pipeline's heads, see `Engine`."""
        if self._network is None:
            raise ValueError("the engine has been closed")
        if depth is None and "rgb" not in self._heads:
            return Logits(None, None, None)
        if self._laps:
            self._laps.begin()
        with torch.inference_mode():
            logits = self._pass(self._network, rgb.to(self._device), depth)
            logits = Logits(*(None if scores is None else scores.cpu() for scores in logits))
        if self._laps:
            self._laps.end()
        return logits

    def close(self) -> None:
        """Give the network's memory back; safe to call twice."""
        self._network = None

    def _pass(self, network: Pipeline, rgb: torch.Tensor, depth: torch.Tensor | None) -> Logits:
        if depth is not None:
            full: Logits = network(rgb, depth.to(self._device))
            return full
        without_depth, _ = split_depth(network)
        nothing = rgb.new_zeros(len(rgb), *DEPTH_FEATURES)
        absent = Absent(*torch.tensor([[False], [True]], device=rgb.device).expand(2, len(rgb)))
        logits: Logits = without_depth(rgb, nothing, absent)
        return Logits(None, logits.rgb, None)


class _Laps:
    """Times a network's parts by hooks; all that follows the convolutions is fusion."""

    def __init__(self, network: Pipeline, device: torch.device) -> None:
        self.seconds: dict[str, float] = {}
        self._device = device
        self._began_s = 0.0
        self._rest = FUSION
        if isinstance(network, FusionPipeline):
            self._follow(network.backbone.early, RGB_NET)
            self._follow(network.backbone.last_stage, RGB_NET)
            self._follow(network.depth_branch.convolutions, DEPTH_NET)
        else:
            self._rest = RGB_NET if "rgb" in head_names(network) else DEPTH_NET

    def begin(self) -> None:
        self.seconds = {}
        self._began_s = self._now_s()

    def end(self) -> None:
        rest_s = self._now_s() - self._began_s - sum(self.seconds.values())
        self.seconds[self._rest] = rest_s

    def _follow(self, module: torch.nn.Module, name: str) -> None:
        starts: list[float] = []

        def before(*_: Any) -> None:
            starts.append(self._now_s())

        def after(*_: Any) -> None:
            self.seconds[name] = self.seconds.get(name, 0.0) + self._now_s() - starts.pop()

        module.register_forward_pre_hook(before)
        module.register_forward_hook(after)

    def _now_s(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()
