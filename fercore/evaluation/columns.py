"""The columns of the tables that `fercore evaluate` and `fercore stress` write, declared once."""

from __future__ import annotations

from fercore.expressions import EXPRESSIONS

PREDICTION_COLUMNS = (
    *("pipeline", "experiment", "subject", "expression", "level", "view", "row"),
    *(f"p_{expression.value}" for expression in EXPRESSIONS),
)
SPLIT_COLUMNS = ("experiment", "subject", "role")
CURVE_COLUMNS = (
    *("pipeline", "experiment", "epoch", "train_loss", "validation_loss"),
    *("validation_accuracy", "best"),
)
TIMING_COLUMNS = ("pipeline", "chunk", "experiments", "seconds", "peak_rss_mb")
STRESS_COLUMNS = (
    *("weights", "perturbation", "unit", "severity", "head", "subject", "samples", "correct"),
)
