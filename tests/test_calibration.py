import pytest
import torch

from fercore.metrics import calibration
from fercore.networks.paper import Logits, build
from fercore.training.faces import certain_targets
from fercore.training.scoring import fit_temperatures, work_in

SURE_SIX = torch.tensor([99.0, 0, 0, 0, 0, 0])
NONE = torch.zeros(4000, dtype=torch.bool)


def certain(labels: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(certain_targets(labels.numpy()))


def drawn(temperature: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits that are `temperature` times too sure of themselves, and labels."""
    generator = torch.Generator().manual_seed(0)
    honest = 2 * torch.randn(4000, 6, generator=generator)
    labels = torch.multinomial(honest.softmax(1), 1, generator=generator)[:, 0]
    return temperature * honest, labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_an_overconfident_head_is_cooled_and_an_unsure_one_warmed(temperature: float) -> None:
    logits, labels = drawn(temperature)
    fitted = fit_temperatures(Logits(logits, None, None), certain(labels), NONE, NONE)
    assert fitted == {"fusion": pytest.approx(temperature, rel=0.1)}
    probabilities = (logits / fitted["fusion"]).softmax(1)
    measured = calibration(probabilities.double().numpy(), labels.numpy())
    assert measured.expected_error < 0.03


def test_depth_is_calibrated_where_there_is_depth() -> None:
    logits, labels = drawn(3.0)
    wrong = torch.arange(4000) < 2000
    labels[wrong] = (logits[wrong].argmax(1) + 1) % 6
    head, targets = Logits(None, None, logits), certain(labels)
    assert fit_temperatures(head, targets, wrong, NONE)["depth"] < 3.5
    assert fit_temperatures(head, targets, ~NONE, NONE) == {"depth": 1.0}


def test_calm_gets_a_factor_and_a_shift_of_its_own() -> None:
    generator = torch.Generator().manual_seed(0)
    honest = 2 * torch.randn(4000, generator=generator)
    calm = torch.bernoulli(honest.sigmoid(), generator=generator)
    targets = torch.cat((((1 - calm) / 6)[:, None].expand(-1, 6), calm[:, None]), 1)
    scores = torch.cat((SURE_SIX.repeat(4000, 1), (3 * honest + 1.5)[:, None]), 1)
    fitted = fit_temperatures(Logits(scores, None, None), targets, NONE, NONE)
    assert fitted["fusion_calm"] == pytest.approx(3, rel=0.1)
    assert fitted["fusion_calm_shift"] == pytest.approx(-0.5, abs=0.1)


def test_calm_and_expressions_are_mistaken_for_each_other_equally_often() -> None:
    generator = torch.Generator().manual_seed(0)
    calm = (torch.arange(8000) % 8 == 0).float()
    spread = torch.randn(8000, generator=generator) + 2 * calm  # even odds at 1
    targets = torch.cat((((1 - calm) / 6)[:, None].expand(-1, 6), calm[:, None]), 1)
    scores = torch.cat((SURE_SIX.repeat(8000, 1), spread[:, None]), 1)
    slight = (calm == 0) & (torch.arange(8000) % 8 > 4)
    scores[slight, 6] += 1  # slight expressions look calm, which is no mistake
    fitted = fit_temperatures(Logits(scores, None, None), targets, NONE.repeat(2), slight)
    said = spread / fitted["fusion_calm"] + fitted["fusion_calm_shift"] > 0
    missed = (~said[calm == 1]).float().mean()
    made_up = said[(calm == 0) & ~slight].float().mean()
    assert float(missed) == pytest.approx(float(made_up), abs=0.02)
    assert float(missed) == pytest.approx(0.159, abs=0.02)  # of normals two deviations apart


def test_a_fusion_is_calibrated_where_there_is_depth() -> None:
    logits, labels = drawn(3.0)
    lacks_depth = torch.arange(4000) < 2000
    labels[lacks_depth] = (logits[lacks_depth].argmax(1) + 1) % 6
    fitted = fit_temperatures(Logits(logits, None, None), certain(labels), lacks_depth, NONE)
    assert fitted["fusion"] == pytest.approx(3, rel=0.1)
    alone = fit_temperatures(Logits(logits, None, None), certain(labels), ~NONE, NONE)
    assert alone["fusion"] > 10


def test_the_network_gives_the_fitted_calm_by_itself() -> None:
    network = build("depth").eval()
    network.teach_calm()
    torch.nn.init.normal_(network.heads["classifier"].calm.weight)
    rgb, depth = torch.zeros(2, 3, 64, 64), torch.rand(2, 1, 64, 64)
    with torch.inference_mode():
        before = network(rgb, depth).depth
        work_in(network, {"depth": 4.0, "depth_calm": 2.0, "depth_calm_shift": 0.5})
        after = network(rgb, depth).depth
    torch.testing.assert_close(after[:, :6], before[:, :6] / 4)
    torch.testing.assert_close(after[:, 6], before[:, 6] / 2 + 0.5)


def test_the_network_gives_the_cooled_logits_by_itself() -> None:
    network = build("depth").eval()
    rgb, depth = torch.zeros(2, 3, 64, 64), torch.rand(2, 1, 64, 64)
    with torch.inference_mode():
        before = network(rgb, depth).depth
        work_in(network, {"depth": 4.0})
        after = network(rgb, depth).depth
    torch.testing.assert_close(after, before / 4)


def test_a_fusions_heads_are_cooled_apart() -> None:
    with torch.device("meta"):
        network = build("fusion-vgg19")
    for head in ("fusion", "rgb", "depth"):
        layer = getattr(network, f"{head}_classifier")
        layer.weight, layer.bias = (
            torch.nn.Parameter(torch.ones(6, 2)),
            torch.nn.Parameter(torch.ones(6)),
        )
    work_in(network, {"fusion": 2.0, "rgb": 4.0, "depth": 1.0})
    cooled = [getattr(network, f"{head}_classifier").weight for head in ("fusion", "rgb", "depth")]
    assert [float(weight[0, 0].detach()) for weight in cooled] == [0.5, 0.25, 1.0]


def test_an_expression_that_would_not_be_shown_is_no_mistake() -> None:
    calm = (torch.arange(4000) % 2 == 0).float()
    scores = torch.cat((SURE_SIX.repeat(4000, 1), (6 * calm - 3)[:, None]), 1)
    scores[::4, :6], scores[::4, 6] = 0.0, -9.0  # half of the calm look like a bit of everything
    targets = torch.cat((((1 - calm) / 6)[:, None].expand(-1, 6), calm[:, None]), 1)
    fitted = fit_temperatures(Logits(scores, None, None), targets, NONE, NONE)
    assert abs(fitted["fusion_calm_shift"]) < 3 / fitted["fusion_calm"]
