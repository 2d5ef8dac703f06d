"""What records a run, as the application knows it at the start."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fercore.study.run_files import Weights


@dataclass(frozen=True, slots=True)
class Equipment:
    """What records: asked for at the start of every run."""

    source: str  # name of the source
    synthetic: bool  # whether no person is before the camera
    device_clock: str  # what `device_s` is: "camera", "host" or "source"
    weights: tuple[Weights, ...]
    depth_unit_m: float = 1e-4  # step of the depth video; the camera's own keeps it lossless
    camera: dict[str, Any] = field(default_factory=dict)
    configuration: dict[str, Any] = field(default_factory=dict)
