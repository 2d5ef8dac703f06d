"""A recorded run, judged again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from study_fixtures import record_run, textured_frame, write_study

from app.study.durable import PictureWriter
from fercore.cli import main
from fercore.errors import FercoreError
from fercore.faces.cropping import crop_face
from fercore.networks.checkpoints import load_card, shipped_checkpoint
from fercore.networks.preprocessing import Preprocessing
from fercore.structures import Analysis, FaceBox, Prediction, Verdicts
from fercore.study.media import colour_pictures
from fercore.study.replaying import replay
from fercore.study.run_files import Weights, read_run_record, write_run_record

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.structures import FacePair, RGBDFrame
    from fercore.study.layout import RunPlace

BOX = FaceBox(30, 20, 110, 100, 0.9)
PARAMETERS = Preprocessing(rgb_size=32, depth_size=32, box_scale=1.0)


class Weigher:
    """Judges a face by its mean colour and depth, so that every pixel matters a little."""

    def analyse(self, frame: RGBDFrame) -> Analysis:
        pair = crop_face(frame, BOX, PARAMETERS)
        return Analysis(frame, pair, self.judge(pair)[0], "", 0.001)

    def judge(self, pair: FacePair) -> tuple[Verdicts | None, str]:
        colour = _spread(float(pair.rgb.mean()) / 255)
        depth = None if pair.depth_m is None else _spread(float(np.nanmean(pair.depth_m)))
        said = [None if v is None else Prediction(v, pair.timestamp_s) for v in (colour, depth)]
        return Verdicts(said[0] if said[1] else None, said[0], said[1]), ""


def _spread(value: float) -> np.ndarray:
    logits = np.sin(np.arange(1, 7) * 7 * value)
    shares: np.ndarray = np.exp(logits) / np.exp(logits).sum()
    return shares.astype(np.float32)


def crop(frame: RGBDFrame, box: FaceBox, roll_deg: float = 0.0) -> FacePair:
    return crop_face(frame, box, PARAMETERS, roll_deg)


def in_steps(frame: RGBDFrame) -> RGBDFrame:
    """Return a frame as a camera that measures in tenths of a millimetre gives it."""
    assert frame.depth_m is not None
    steps = np.round(frame.depth_m / np.float32(1e-4)).astype(np.float32)
    return replace(frame, depth_m=steps * np.float32(1e-4))


def recorded(folder: Path, privacy: str, codec: str = "ffv1", frames: int = 6) -> RunPlace:
    judge = Weigher()
    analyses = [judge.analyse(in_steps(textured_frame(index))) for index in range(frames)]
    return record_run(write_study(folder / "s", privacy, codec), analyses=analyses)


def test_lossless_images_give_the_same_verdicts(tmp_path: Path) -> None:
    place = recorded(tmp_path, "full")
    found = replay(place, read_run_record(place.session), Weigher(), crop)
    assert (found.rows, found.replayed, found.lossless) == (6, 6, True)
    assert [head.head for head in found.heads] == ["fusion", "rgb", "depth"]
    assert all(head.frames == 6 and head.largest < 1e-3 for head in found.heads)
    assert found.agrees


def test_a_face_that_was_followed_is_cut_out_where_it_was(tmp_path: Path) -> None:
    """Live, boxes depend on earlier frames: none is where a detector would put it."""
    analyses = []
    for index in range(4):
        frame = in_steps(textured_frame(index))
        pair = crop(frame, FaceBox(10 + 7 * index, 5, 90 + 7 * index, 85, 0.9))
        analyses.append(Analysis(frame, pair, Weigher().judge(pair)[0], "", 0.001))
    place = record_run(write_study(tmp_path / "s", "full"), analyses=analyses)
    found = replay(place, read_run_record(place.session), Weigher(), crop)
    assert found.lossless and found.agrees


def test_a_tilted_face_and_depth_that_was_not_believed_are_judged_as_they_were(
    tmp_path: Path,
) -> None:
    analyses = []
    for index, roll_deg in enumerate((24.3, -40.0, 0.0, 31.5)):
        frame = in_steps(textured_frame(index))
        believed = frame if index < 3 else replace(frame, depth_m=None)
        pair = crop(believed, BOX, roll_deg)
        analyses.append(Analysis(frame, pair, Weigher().judge(pair)[0], "", 0.001))
    place = record_run(write_study(tmp_path / "s", "full"), analyses=analyses)
    found = replay(place, read_run_record(place.session), Weigher(), crop)
    assert found.lossless and found.agrees and found.replayed == 4


def test_depth_that_was_rounded_is_not_called_lossless(tmp_path: Path) -> None:
    analyses = [Weigher().analyse(textured_frame(index)) for index in range(3)]
    place = record_run(write_study(tmp_path / "s", "full"), analyses=analyses)
    record = read_run_record(place.session)
    assert record.counts.rounded_depth_maps == 3
    assert not replay(place, record, Weigher(), crop).lossless


def test_lossy_colour_deviates_and_depth_does_not(tmp_path: Path) -> None:
    place = recorded(tmp_path, "full", "h264")
    found = replay(place, read_run_record(place.session), Weigher(), crop)
    assert not found.lossless
    deviations = {head.head: head.largest for head in found.heads}
    assert deviations["rgb"] > 1e-6
    assert deviations["depth"] < 1e-3


def test_at_level_depth_the_depth_head_alone_is_compared(tmp_path: Path) -> None:
    place = recorded(tmp_path, "depth")
    found = replay(place, read_run_record(place.session), Weigher(), crop)
    assert [(head.head, head.frames) for head in found.heads] == [("depth", 6)]
    assert found.agrees
    assert np.isnan(found.deviations[:, :2]).all()


class Sure(Weigher):
    """Calls all depth surprise and all colour anger."""

    def judge(self, pair: FacePair) -> tuple[Verdicts | None, str]:
        anger, surprise = (Prediction(row, 0.0) for row in np.eye(6, dtype=np.float32)[[0, 5]])
        return Verdicts(None, anger, surprise), ""


@pytest.mark.parametrize("colour", [0, 5])
def test_at_level_depth_what_colour_contradicted_stays_withheld(
    colour: int, tmp_path: Path
) -> None:
    frames = [in_steps(textured_frame(index)) for index in range(3)]
    said = Prediction(np.eye(6, dtype=np.float32)[colour], 0.0)
    analyses = [
        Analysis(frame, crop(frame, BOX), Verdicts(None, said, None), "", 0.001) for frame in frames
    ]
    place = record_run(write_study(tmp_path / "s", "depth"), analyses=analyses)
    (depth,) = replay(place, read_run_record(place.session), Sure(), crop).heads
    assert depth.silent == (0 if colour == 0 else 3)  # colour that agrees withholds nothing


@pytest.mark.parametrize("privacy", ["derived", "blurred"])
def test_without_what_the_networks_saw_there_is_nothing_to_replay(
    privacy: str, tmp_path: Path
) -> None:
    place = recorded(tmp_path, privacy)
    with pytest.raises(FercoreError, match=f"level {privacy}, which keeps no image"):
        replay(place, read_run_record(place.session), Weigher(), crop)


class Calmer(Weigher):
    """The same, of a network that knows calm."""

    def judge(self, pair: FacePair) -> tuple[Verdicts | None, str]:
        verdicts, reason = super().judge(pair)
        assert verdicts is not None
        heads = (verdicts.fusion, verdicts.rgb, verdicts.depth)
        return Verdicts(*(None if head is None else _calmer(head) for head in heads)), reason


def _calmer(head: Prediction) -> Prediction:
    calm = head.probabilities[0]
    return Prediction(np.append((1 - calm) * head.probabilities, calm), head.timestamp_s)


def test_calm_is_replayed_too_where_it_was_known(tmp_path: Path) -> None:
    judge = Calmer()
    analyses = [judge.analyse(in_steps(textured_frame(index))) for index in range(3)]
    place = record_run(write_study(tmp_path / "s", "full"), analyses=analyses)
    found = replay(place, read_run_record(place.session), judge, crop)
    assert found.agrees and np.isfinite(found.deviations).all()
    six = recorded(tmp_path / "six", "full", frames=3)  # as runs were recorded before calm
    assert replay(six, read_run_record(six.session), judge, crop).agrees


def test_a_changed_network_is_noticed(tmp_path: Path) -> None:
    class Other(Weigher):
        def judge(self, pair: FacePair) -> tuple[Verdicts | None, str]:
            verdicts, _ = super().judge(pair)
            assert verdicts is not None
            said = Prediction(np.roll(verdicts.rgb.probabilities, 1), 0.0) if verdicts.rgb else None
            return replace(verdicts, rgb=said, depth=None), ""

    place = recorded(tmp_path, "full")
    found = replay(place, read_run_record(place.session), Other(), crop)
    _, rgb, depth = found.heads
    assert rgb.beyond == 6
    assert rgb.flipped == 6
    assert (depth.frames, depth.silent) == (0, 6)
    assert np.isnan(depth.largest)
    assert not found.agrees


def test_rows_whose_picture_is_missing_are_left_out(tmp_path: Path) -> None:
    place = recorded(tmp_path, "full")
    pictures = list(colour_pictures(place.colour))
    place.colour.unlink()
    writer = PictureWriter(place.colour, "ffv1")
    for number in (0, 2, 3, 4):
        writer.write(pictures[number][1], pictures[number][0])
    writer.close()
    found = replay(place, read_run_record(place.session), Weigher(), crop)
    assert (found.rows, found.replayed) == (6, 4)
    assert found.agrees


def test_the_shipped_network_says_the_same_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from app.sources.choice import opened_source
    from fercore.inference.predictor import Predictor

    source = opened_source("sample")
    predictor = Predictor.from_pipeline("fusion-resnet50")
    try:
        frames = [source.read(10) for _ in range(4)]
        analyses = [predictor.analyse(in_steps(frame)) for frame in frames if frame is not None]
    finally:
        predictor.close()
        source.close()
    place = record_run(write_study(tmp_path / "s", "full"), analyses=analyses)
    assert main(["replay", str(place.folder)]) == 2
    assert "are not those of the run" in capsys.readouterr().err
    card = load_card(shipped_checkpoint("fusion-resnet50"))
    record = read_run_record(place.session)
    weights = (Weights(card.pipeline, card.sha256),)
    write_run_record(place.session, replace(record, weights=weights))
    output = tmp_path / "deviations.tsv"
    assert main(["replay", str(place.folder), "--output", str(output)]) == 0
    shown = capsys.readouterr().out
    assert "Lossless images; 4 of 4 rows have theirs." in shown
    lines = output.read_text().splitlines()
    assert len(lines) == 5
    assert all(float(cell) < 1e-3 for line in lines[1:] for cell in line.split("\t")[1:])
