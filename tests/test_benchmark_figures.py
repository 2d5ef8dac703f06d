"""What the live benchmark reports, as text and as JSON, from figures that are known."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from app.bench.figures import STAGES, Figures, Reading, drift_of

KEYS = {
    *("verdicts_per_s", "drawn_per_s", "latency_ms", "stages_ms", "dropped"),
    *("rss_mb", "peak_gflops", "peak_share"),
}


def figures(**changed: Any) -> Figures:
    stages = dict.fromkeys(STAGES, 1.0) | {"depth net": 2.0, "RGB net": 17.0}
    values: dict[str, Any] = {
        "verdicts_per_s": 29.987,
        "drawn_per_s": 29.9,
        "latency_ms": [40.0] * 90 + [80.0] * 10,
        "stages_ms": stages,
        "dropped": 3,
        "rss_mb": 700.0,
        "cpu_ms": 43.2,
        "peak_gflops": 175.0,
        "network_gflop": 1.75,
        "description": "depth on torch",
    }
    return Figures(**(values | changed))


def test_json_has_exactly_the_agreed_keys() -> None:
    content = json.loads(figures().as_json())
    assert set(content) == KEYS
    assert content["latency_ms"] == {"p50": 40.0, "p95": 80.0}
    assert list(content["stages_ms"]) == list(STAGES)
    assert content["verdicts_per_s"] == 29.99
    assert content["peak_share"] == 0.5  # 1.75 GFLOP in 20 ms of 175 GFLOP/s


def test_the_table_names_every_stage() -> None:
    text = figures().as_text()
    for stage in STAGES:
        assert f"{stage} " in text
    assert "30.0 verdicts/s" in text
    assert "the networks 50% of that" in text
    assert "43 ms of processor time a verdict" in text


def test_nothing_drawn_is_no_latency() -> None:
    assert json.loads(figures(latency_ms=[]).as_json())["latency_ms"] == {"p50": None, "p95": None}


def test_drift_counts_from_the_second_minute() -> None:
    samples = [
        Reading(t, 900 - t if t < 120 else 700 + t / 360, 20, math.nan if t == 150 else 40.0)
        for t in range(0, 1200, 10)
    ]
    drift = drift_of(samples)
    assert drift.rss_mb_per_hour == pytest.approx(10)
    assert drift.latency_ms_per_hour == pytest.approx(0, abs=1e-6)
    content = json.loads(figures(drift=drift).as_json())
    assert set(content) == KEYS | {"soak"}
    assert content["soak"]["threads"] == [20, 20]
    assert "memory +10.0 MB an hour (a leak above 20)" in figures(drift=drift).as_text()


def test_a_short_soak_claims_nothing() -> None:
    drift = drift_of([Reading(0, 700, 20, 40), Reading(60, 710, 20, 40)])
    assert drift.rss_mb_per_hour is None
    assert "too short to tell" in figures(drift=drift).as_text()
    assert json.loads(figures(drift=drift).as_json())["soak"]["rss_mb_per_hour"] is None
