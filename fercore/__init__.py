"""Facial expression recognition from colour and depth.

What a script of one's own needs is offered here; `docs/library.md` shows it at work. The names
are looked up when they are first asked for, so that `import fercore` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fercore.caches.reading import open_cache
    from fercore.datasets.opening import open_dataset, sample_root
    from fercore.errors import FercoreError
    from fercore.evaluation.protocol import Protocol
    from fercore.expressions import EXPRESSIONS, VERDICT_LABELS, Expression
    from fercore.inference.predictor import Predictor
    from fercore.io.depth_maps import read_depth_map
    from fercore.io.images import read_rgb
    from fercore.library import evaluate, judge_dataset, prepare
    from fercore.networks.checkpoints import load_checkpoint, shipped_checkpoint
    from fercore.structures import RGBDFrame

DEFAULT_PIPELINE = "fusion-resnet50"
"""The pipeline that judges unless another is asked for."""

_HOMES = {
    "EXPRESSIONS": "expressions",
    "Expression": "expressions",
    "FercoreError": "errors",
    "Predictor": "inference.predictor",
    "Protocol": "evaluation.protocol",
    "RGBDFrame": "structures",
    "VERDICT_LABELS": "expressions",
    "evaluate": "library",
    "judge_dataset": "library",
    "load_checkpoint": "networks.checkpoints",
    "open_cache": "caches.reading",
    "open_dataset": "datasets.opening",
    "prepare": "library",
    "read_depth_map": "io.depth_maps",
    "read_rgb": "io.images",
    "sample_root": "datasets.opening",
    "shipped_checkpoint": "networks.checkpoints",
}

__all__ = [
    "DEFAULT_PIPELINE",
    "EXPRESSIONS",
    "VERDICT_LABELS",
    "Expression",
    "FercoreError",
    "Predictor",
    "Protocol",
    "RGBDFrame",
    "evaluate",
    "judge_dataset",
    "load_checkpoint",
    "open_cache",
    "open_dataset",
    "prepare",
    "read_depth_map",
    "read_rgb",
    "sample_root",
    "shipped_checkpoint",
]


def __getattr__(name: str) -> Any:
    """Import the module that a public name lives in (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'fercore' has no attribute {name!r}")
    return getattr(import_module(f"fercore.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
