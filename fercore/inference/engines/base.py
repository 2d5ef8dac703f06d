"""The protocol of the engines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from fercore.networks.paper import Logits

ENGINES = ("cuda", "openvino", "torch")
"""In the order in which a machine that has several of them prefers them."""

DEPTH_NET, RGB_NET, FUSION = "depth net", "RGB net", "fusion"
"""The parts of a pass, in an engine that measures them."""


class Engine(Protocol):
    """Runs one pipeline. Used from one thread at a time."""

    @property
    def description(self) -> str:
        """What runs where, such as `OpenVINO 2026.4.1, 2 CPU threads`."""
        ...

    @property
    def last_pass_s(self) -> Mapping[str, float]:
        """Seconds of the last pass by part; empty unless the engine was made to measure."""
        ...

    def logits(self, rgb: torch.Tensor, depth: torch.Tensor | None) -> Logits:
        """Return the scores (N, 6 or 7) of the pipeline's heads, see `Logits`, on the CPU.

        `rgb` (N, 3, S, S) and `depth` (N, 1, 64, 64) are float32 as
        `fercore.networks.preprocessing` makes them, S as in the model card. Without depth only
        the RGB head speaks, for its verdict alone rests on what was seen; the depth network is
        not run.
        """
        ...

    def close(self) -> None:
        """Give the network's memory back; safe to call twice."""
        ...
