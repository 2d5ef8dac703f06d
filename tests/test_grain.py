"""Noise keeps its variance, however smooth it is."""

from __future__ import annotations

import numpy as np
import pytest

from fercore.synthesis.exposure import smooth_noise


@pytest.mark.parametrize(("across_px", "down_px"), [(0.0, 0.0), (0.6, 2.5), (2.0, 2.0), (5.0, 5.0)])
def test_the_variance_is_1(across_px, down_px):
    noise = smooth_noise((400, 500), across_px, down_px, np.random.default_rng(0))
    assert noise.shape == (400, 500)
    assert noise.dtype == np.float32
    assert noise.std() == pytest.approx(1.0, abs=0.12)
    assert abs(noise.mean()) < 0.1


def correlation(noise, right, down):
    moved = noise[down:, right:]
    still = noise[: noise.shape[0] - down, : noise.shape[1] - right]
    return float(np.corrcoef(moved.ravel(), still.ravel())[0, 1])


def test_neighbours_go_together_as_far_as_asked():
    noise = smooth_noise((300, 300), 2.0, 2.0, np.random.default_rng(1))
    # The autocorrelation of a Gaussian's noise is exp(-d² / 4 sigma²).
    assert correlation(noise, 2, 0) == pytest.approx(np.exp(-0.25), abs=0.05)
    assert correlation(noise, 0, 2) == pytest.approx(np.exp(-0.25), abs=0.05)
    assert abs(correlation(noise, 12, 0)) < 0.1


def test_stripes_run_down():
    noise = smooth_noise((300, 300), 0.6, 2.5, np.random.default_rng(2))
    assert correlation(noise, 0, 3) > correlation(noise, 3, 0) + 0.3


def test_channels_are_independent():
    noise = smooth_noise((100, 120, 3), 1.0, 1.0, np.random.default_rng(3))
    assert noise.shape == (100, 120, 3)
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.1
