import numpy as np
import torch
from torch.nn import functional

from fercore.networks.paper import Logits
from fercore.training.losses import balancing_weights, join, leading, summed_loss

LABELS = torch.tensor([0, 1, 2, 3])


def scores(seed: int) -> torch.Tensor:
    return torch.randn(4, 6, generator=torch.Generator().manual_seed(seed))


def test_the_loss_is_the_sum_of_the_heads_mean_cross_entropies() -> None:
    logits = Logits(scores(0), scores(1), scores(2))
    expected = sum(functional.cross_entropy(head, LABELS) for head in logits if head is not None)
    torch.testing.assert_close(summed_loss(logits, LABELS), expected)


def test_the_depth_head_learns_nothing_from_faces_without_depth() -> None:
    lacks = torch.tensor([True, False, False, True])
    loss = summed_loss(Logits(None, None, scores(0)), LABELS, lacks)
    torch.testing.assert_close(loss, functional.cross_entropy(scores(0)[1:3], LABELS[1:3]))
    nowhere = summed_loss(Logits(None, None, scores(0)), LABELS, torch.ones(4, dtype=torch.bool))
    assert float(nowhere) == 0.0


def test_rare_expressions_count_more_and_a_balanced_set_is_left_as_it_is() -> None:
    weights = balancing_weights(np.array([0] * 8 + [1] * 2))
    assert weights[1] / weights[0] == 2
    assert balancing_weights(np.arange(6)).tolist() == [1.0] * 6
    one_sided = summed_loss(Logits(None, scores(0), None), LABELS, None, torch.eye(6)[2])
    torch.testing.assert_close(one_sided, functional.cross_entropy(scores(0)[2:3], LABELS[2:3]))


def test_the_first_head_there_is_leads() -> None:
    assert leading(Logits(scores(0), scores(1), None)) is not None
    torch.testing.assert_close(leading(Logits(None, None, scores(2))), scores(2))
    torch.testing.assert_close(leading(Logits(scores(0), scores(1), scores(2))), scores(0))


def test_batches_are_joined_head_by_head() -> None:
    joined = join([Logits(scores(0), None, scores(1)), Logits(scores(2), None, scores(3))])
    assert joined.fusion is not None
    assert joined.fusion.shape == (8, 6)
    assert joined.rgb is None
