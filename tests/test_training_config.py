from dataclasses import replace
from pathlib import Path

import pytest

from fercore.networks.paper import PIPELINES
from fercore.training.config import ConfigError, TrainingConfig, read_config, shipped_config

TABLE_1 = {
    "depth": "84.72",
    "rgb-resnet50": "82.92",
    "rgb-vgg19": "81.25",
    "fusion-resnet50": "87.08",
    "fusion-vgg19": "89.31",
    "depth-pretrained-resnet50": "61.11",
    "depth-pretrained-vgg19": "28.06",
}


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_every_row_of_table_1_has_the_papers_recipe(pipeline: str) -> None:
    config = read_config(shipped_config(pipeline))
    assert config.pipeline == pipeline
    assert (config.learning_rate, config.epochs) == (0.003, 1000)
    assert (config.copies, config.schedule, config.finetune) == (0, "constant", "none")
    row, command, accuracy = shipped_config(pipeline).read_text().splitlines()[:3]
    assert row.startswith("# Table 1: ")
    assert f"fercore train --pipeline {pipeline} " in command
    assert TABLE_1[pipeline] in accuracy


def test_options_replace_what_a_file_says(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('pipeline = "depth"\nlearning_rate = 1\nbranches = ["a"]\n')
    config = read_config(path, seed=5)
    assert config == TrainingConfig("depth", learning_rate=1, branches=("a",), seed=5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pipeline = ", "no readable TOML file"),
        ("epochs = 3", "does not name its pipeline"),
        ('pipeline = "deep"', "pipeline is 'deep'; choose one of: depth, "),
        ('pipeline = "depth"\nrate = 1', "'rate' is not known; known: pipeline, "),
        ('pipeline = "depth"\nepochs = "many"', "epochs is 'many', not a whole number"),
        ('pipeline = "depth"\nepochs = true', "epochs is True, not a whole number"),
        ('pipeline = "depth"\nbranches = [1]', "branches is \\[1\\], not of type tuple"),
        (
            'pipeline = "depth"\nlearning_rate = nan',
            "learning_rate is nan, not a finite number",
        ),
    ],
)
def test_a_wrong_file_is_named_with_the_reason(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        read_config(path)
    assert "wrong.toml" in str(caught.value)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml is no readable TOML file"):
        read_config(Path("nowhere.toml"))


@pytest.mark.parametrize(
    "wrong",
    [
        *({"validation_subjects": -1}, {"epochs": 0}, {"patience": 0}, {"copies": -1}),
        *({"batch_size": 1}, {"learning_rate": 0.0}, {"finetune": "half"}, {"schedule": "up"}),
    ],
)
def test_senseless_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        replace(TrainingConfig("depth"), **wrong)
