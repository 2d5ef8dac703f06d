from dataclasses import replace

import numpy as np
import pytest
import torch

from fercore.inference.engines import TorchEngine
from fercore.inference.engines.base import DEPTH_NET, FUSION, RGB_NET
from fercore.inference.predictor import CROP, DETECT, INPUTS, NETWORKS, NO_FACE, Predictor
from fercore.networks.checkpoints import ModelCard
from fercore.networks.paper import Logits, Pipeline, build
from fercore.networks.preprocessing import Preprocessing
from fercore.structures import FaceBox, FloatArray, Intrinsics, RGBDFrame, UInt8Array
from fercore.training.faces import LabelledFaces, certain_targets
from fercore.training.scoring import logits_of

PARAMETERS = Preprocessing(rgb_size=32)
CARD = ModelCard(
    *("fusion-resnet50", "v1.5", PARAMETERS),
    *("random", "none", "none", "untrained", "none", 0, {}),
)


class FixedDetector:
    """Finds what it was told to."""

    def __init__(self, *boxes: FaceBox) -> None:
        self.boxes = list(boxes)
        self.closed = self.asked = 0

    def detect(self, rgb: UInt8Array) -> list[FaceBox]:
        self.asked += 1
        return self.boxes

    def close(self) -> None:
        self.closed += 1


@pytest.fixture(scope="module")
def network() -> Pipeline:
    torch.manual_seed(0)
    return build("fusion-resnet50").eval()


@pytest.fixture(scope="module")
def predictor(network: Pipeline) -> Predictor:
    return Predictor(TorchEngine(network), CARD, FixedDetector(FaceBox(20, 20, 80, 80, 0.9)))


def frame(depth_m: FloatArray | None) -> RGBDFrame:
    rgb = np.random.default_rng(1).integers(0, 255, (100, 100, 3), np.uint8)
    return RGBDFrame(rgb, depth_m, None, 2.0, 0)


def relief() -> FloatArray:
    """Return what bulges like a face, half a metre away, with a camera's noise."""
    rows, columns = np.mgrid[-1:1:100j, -1:1:100j]
    noise = np.random.default_rng(2).normal(0, 0.001, (100, 100))
    return (0.48 + 0.08 * (rows**2 + columns**2) + noise).astype(np.float32)


def test_three_verdicts_from_one_frame(predictor: Predictor) -> None:
    analysis = predictor.analyse(frame(relief()))
    verdicts = analysis.verdicts
    assert verdicts is not None
    for head in (verdicts.fusion, verdicts.rgb, verdicts.depth):
        assert head is not None
        assert head.probabilities.shape == (6,)
        assert float(head.probabilities.sum()) == pytest.approx(1, abs=1e-5)
        assert head.timestamp_s == 2.0
    assert analysis.reason == ""
    assert analysis.latency_s > 0


def test_depth_that_contradicts_colour_is_not_believed(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    anger, surprise = torch.eye(6)[None, 0] * 9, torch.eye(6)[None, 5] * 9
    logits = Logits(surprise, anger, surprise)
    monkeypatch.setattr(predictor.engine, "logits", lambda *_: logits)
    analysis = predictor.analyse(frame(relief()))
    verdicts = analysis.verdicts
    assert verdicts is not None
    assert (verdicts.fusion, verdicts.depth) == (None, None)
    assert verdicts.best() is verdicts.rgb
    assert analysis.reason == "depth says surprise, to which colour gives 0 %: not believed"


@pytest.mark.parametrize("missing", [None, np.full((100, 100), np.nan, np.float32)])
def test_without_depth_only_rgb_speaks_and_says_why(
    predictor: Predictor, missing: FloatArray | None
) -> None:
    analysis = predictor.analyse(frame(missing))
    assert analysis.verdicts is not None
    assert analysis.verdicts.fusion is None
    assert analysis.verdicts.depth is None
    assert analysis.verdicts.best() is analysis.verdicts.rgb is not None
    assert "depth" in analysis.reason


def test_a_photograph_is_called_one_and_judged_by_its_colour(predictor: Predictor) -> None:
    sheet = np.full((100, 100), 0.5, np.float32) + np.linspace(0, 0.1, 100, dtype=np.float32)
    analysis = predictor.analyse(frame(sheet))
    assert analysis.verdicts is not None and analysis.verdicts.rgb is not None
    assert analysis.verdicts.fusion is analysis.verdicts.depth is None
    assert analysis.reason == "depth is flat, as of a photograph"
    assert analysis.pair is not None and analysis.pair.depth_m is None


def test_depth_of_another_unit_is_left_out(predictor: Predictor) -> None:
    wrong = replace(frame(relief() * 5), intrinsics=Intrinsics(160, 160, 50, 50, 100, 100))
    analysis = predictor.analyse(wrong)
    assert analysis.verdicts is not None and analysis.verdicts.fusion is None
    assert "mm wide" in analysis.reason or "m wide" in analysis.reason


def test_grey_shading_is_not_judged_as_colour(predictor: Predictor) -> None:
    shaded = replace(frame(relief()), has_colour=False)
    analysis = predictor.analyse(shaded)
    assert analysis.verdicts is not None and analysis.verdicts.depth is not None
    assert analysis.verdicts.rgb is None and analysis.verdicts.fusion is None
    assert analysis.reason == "no colour, for the scan has no texture"
    nothing = predictor.analyse(replace(shaded, depth_m=None))
    assert nothing.verdicts is None


def test_a_frames_remark_is_passed_on(predictor: Predictor) -> None:
    converted = replace(frame(relief()), remark="depth taken for tenths of a millimetre")
    assert predictor.analyse(converted).reason == "depth taken for tenths of a millimetre"
    unread = replace(frame(None), remark="its depth map is damaged")
    assert predictor.analyse(unread).reason == "its depth map is damaged"


def test_a_depth_pipeline_without_depth_has_no_verdict() -> None:
    predictor = Predictor(
        TorchEngine(build("depth")), CARD, FixedDetector(FaceBox(20, 20, 80, 80, 0.9))
    )
    analysis = predictor.analyse(frame(None))
    assert analysis.verdicts is None
    assert analysis.reason == "no depth from this source"


def test_no_face_is_said_and_nothing_is_cropped() -> None:
    detector = FixedDetector()
    predictor = Predictor(TorchEngine(build("depth")), CARD, detector)
    analysis = predictor.analyse(frame(relief()))
    assert (analysis.pair, analysis.verdicts, analysis.reason) == (None, None, NO_FACE)
    predictor.close()
    assert detector.closed == 1


def test_training_and_live_use_give_the_same_logits(
    predictor: Predictor, network: Pipeline
) -> None:
    pair = predictor.analyse(frame(relief())).pair
    assert pair is not None
    assert pair.depth_m is not None
    faces = LabelledFaces(
        *(pair.rgb[None], pair.depth_m[None], np.zeros(1, np.int64)),
        *(np.array(["F9001"]), np.ones(1, np.int64), np.array(["f2d"])),
        certain_targets(np.zeros(1, np.int64)),
    )
    live = predictor.logits([pair])
    trained = logits_of(network, faces, PARAMETERS)
    for one, other in zip(live, trained, strict=True):
        assert one is not None
        assert other is not None
        assert torch.allclose(one, other, atol=1e-6)


def test_a_stream_keeps_to_one_face(network: Pipeline) -> None:
    detector = FixedDetector(FaceBox(20, 20, 80, 80, 0.9))
    predictor = Predictor(TorchEngine(network), CARD, detector)
    assert predictor.faces == ()
    predictor.select_face(30, 30)  # without a stream there is nothing to choose from
    predictor.follow_faces()
    boxes = [predictor.analyse(frame(relief())).pair for _ in range(3)]
    assert all(pair is not None and pair.box.width == 63 for pair in boxes)
    (face,) = predictor.faces
    assert face.followed
    assert face.distance_m == pytest.approx(0.5, abs=0.02)
    detector.boxes = []
    gone = RGBDFrame(np.zeros((100, 100, 3), np.uint8), None, None, 2.1, 1)
    assert predictor.analyse(gone).reason == NO_FACE
    predictor.close()
    assert detector.closed == 1


def test_all_faces_of_a_frame_are_judged_the_same_in_any_company(network: Pipeline) -> None:
    near, far = FaceBox(10, 10, 60, 60, 0.9), FaceBox(64, 20, 96, 52, 0.8)
    predictor = Predictor(TorchEngine(network), CARD, FixedDetector(near, far))
    alone = Predictor(TorchEngine(network), CARD, FixedDetector(far))
    for _ in range(2):  # a stream leaves nothing behind
        assert [number for number, _ in predictor.analyse_all(frame(None))] == [1, 2]
        first, second = (analysis for _, analysis in predictor.analyse_all(frame(relief())))
        for found, wanted in (
            (first, predictor.analyse(frame(relief()))),
            (second, alone.analyse(frame(relief()))),
        ):
            assert found.pair is not None and wanted.pair is not None
            assert found.pair.box == wanted.pair.box and found.reason == wanted.reason
            assert found.verdicts is not None and wanted.verdicts is not None
            np.testing.assert_array_equal(
                found.verdicts.rgb.probabilities, wanted.verdicts.rgb.probabilities
            )
        predictor.follow_faces()
        assert [number for number, _ in predictor.analyse_all(frame(None))] == [1, 2]
        predictor.look_at_each()
    nobody = Predictor(TorchEngine(network), CARD, FixedDetector())
    ((number, analysis),) = nobody.analyse_all(frame(None))
    assert number == 0 and analysis.pair is None


def test_an_upright_picture_is_searched_for_faces_once(network: Pipeline) -> None:
    detector = FixedDetector(FaceBox(10, 10, 60, 60, 0.9), FaceBox(64, 20, 96, 52, 0.8))
    single = Predictor(TorchEngine(network), CARD, detector)
    assert single.analyse(frame(None)).pair is not None
    assert detector.asked == 1
    assert [number for number, _ in single.analyse_all(frame(None))] == [1, 2]
    assert detector.asked == 2


def test_the_stages_of_a_frame_are_timed(network: Pipeline) -> None:
    detector = FixedDetector(FaceBox(20, 20, 80, 80, 0.9))
    predictor = Predictor(TorchEngine(network, measured=True), CARD, detector)
    predictor.analyse(frame(relief()))
    for stage in (DETECT, CROP, INPUTS, NETWORKS, RGB_NET, DEPTH_NET, FUSION):
        assert predictor.stopwatch.mean_ms(stage) > 0, stage
