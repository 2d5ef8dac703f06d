"""Verdicts relative to a resting face."""

import numpy as np
import pytest
import torch

from fercore.expressions import Expression
from fercore.faces.resting import TYPICAL_RESTING, logits_of, probabilities_of, relative
from fercore.networks.paper import verdict_probabilities

STERN = np.array([1.5, 0.2, -0.3, -1.0, 0.8, -1.2, -0.5])  # a face that looks angry at rest


def test_a_resting_face_becomes_calm_and_shows_nothing_more_than_another() -> None:
    shown = probabilities_of(relative(STERN, STERN, TYPICAL_RESTING))
    assert shown[6] == pytest.approx(0.4) and shown.argmax() == 6
    assert np.allclose(shown[:6], 0.6 / 6)


def test_what_differs_from_the_resting_face_stands_out() -> None:
    slightly = STERN.copy()
    slightly[Expression.HAPPINESS.position] += 2
    slightly[6] -= 4
    assert probabilities_of(slightly).argmax() == Expression.ANGER.position
    found = probabilities_of(relative(slightly, STERN, TYPICAL_RESTING))
    assert found.argmax() == Expression.HAPPINESS.position


def test_a_typical_face_changes_nothing() -> None:
    logits = np.random.default_rng(1).normal(size=(4, 7))
    assert np.allclose(relative(logits, TYPICAL_RESTING, TYPICAL_RESTING), logits)


def test_what_a_resting_face_never_shows_is_not_blown_up() -> None:
    sure = np.array([12.0, 0, 0, 0, 0, 0, 9])
    found = relative(np.zeros(7), sure, TYPICAL_RESTING)
    assert np.ptp(found[:6]) == pytest.approx(np.log(1 / 0.01), abs=0.02)


def test_unknown_calm_leaves_the_calm_of_the_verdict_alone() -> None:
    at_rest = np.append(STERN[:6], np.nan)
    found = relative(STERN, at_rest, TYPICAL_RESTING)
    assert found[6] == STERN[6]
    assert np.allclose(found[:6] - found[0], 0)
    assert relative(STERN[:6], STERN, TYPICAL_RESTING).shape == (6,)


def test_probabilities_are_those_of_the_networks_and_lead_back_to_logits() -> None:
    logits = np.random.default_rng(2).normal(0, 3, (5, 7))
    found = probabilities_of(logits)
    assert np.allclose(found, verdict_probabilities(torch.from_numpy(logits)).numpy())
    assert np.allclose(probabilities_of(logits_of(found)), found)
    six = logits.copy()
    six[:, 6] = np.nan
    expected = verdict_probabilities(torch.from_numpy(logits[:, :6])).numpy()
    assert np.allclose(probabilities_of(six)[:, :6], expected)
