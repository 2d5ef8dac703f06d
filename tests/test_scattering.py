"""The scattering transform against another implementation and against what defines it."""

import numpy as np
import pytest
import torch

from fercore.baselines.scattering import ANGLES, PATHS, SCALES, scattering


def _waves(size: int = 32) -> torch.Tensor:
    rows, columns = np.mgrid[:size, :size]
    return torch.from_numpy(np.cos(0.3 * rows) + np.sin(0.2 * columns + 0.01 * rows * columns))


# kymatio 0.3.0 (ScatteringNumPy2D, J=4, L=8) at place (0, 1) of `_waves`, its angles renumbered.
KYMATIO = {
    0: 0.006577488,
    1: 0.056881487,
    9: 0.124086656,
    20: 0.15096252,
    29: 0.21180868,
    33: 0.0054368167,
    182: 0.006086142,
    264: 0.0031742738,
    367: 0.010262277,
}


def test_coefficients_are_those_of_kymatio() -> None:
    found = scattering(_waves()[None].float())
    assert found.shape == (1, PATHS, 2, 2) and PATHS == 417
    for path, value in KYMATIO.items():
        assert float(found[0, path, 0, 1]) == pytest.approx(value, rel=3e-4)


def test_a_picture_without_structure_has_order_0_alone() -> None:
    found = scattering(torch.full((1, 48, 48), 2.5))
    assert found[:, 0].numpy() == pytest.approx(2.5, rel=1e-3)
    assert float(found[:, 1:].abs().max()) < 1e-3


@pytest.mark.parametrize("angle", range(ANGLES))
def test_a_wave_is_strongest_at_its_own_angle_and_scale(angle: int) -> None:
    rows, columns = np.mgrid[:96, :96]
    turn = angle * np.pi / ANGLES
    along = rows * np.cos(turn) + columns * np.sin(turn)
    wave = torch.from_numpy(np.cos(3 * np.pi / 8 * along)).float()
    first = scattering(wave[None])[0, 1 : 1 + SCALES * ANGLES, 2:4, 2:4].mean((1, 2))
    assert int(first.argmax()) == ANGLES + angle


def test_coefficients_hardly_see_a_small_shift_which_pixels_do() -> None:
    wide = torch.zeros(1, 96, 98)
    wide[0, ::6, ::5] = 1.0
    wide = torch.nn.functional.avg_pool2d(wide, 3, 1, 1)
    here, there = wide[..., :96], wide[..., 2:]
    change = (scattering(here) - scattering(there)).norm() / scattering(here).norm()
    assert change < 0.1 < 1.0 < (here - there).norm() / here.norm()


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 16"):
        scattering(torch.zeros(1, 100, 100))
