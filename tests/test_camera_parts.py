"""The parts of the camera sources that can be tested alone."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyrealsense2 as rs
import pytest
from camera_doubles import FACE_M, Bench, SoftCamera

from app.sources.base import Control
from app.sources.camera_care import (
    LASTING_S,
    READING_S,
    BackgroundTask,
    Backoff,
    Doubts,
    Fault,
    FrameClock,
    Sameness,
)
from app.sources.realsense.filters import DepthFilters, model_of
from app.sources.realsense.frames import colour_rgb
from app.sources.realsense.options import RealSenseOptions
from app.sources.realsense.streams import DeviceStreams, _unfitness
from fercore.structures import Intrinsics


def test_each_model_has_its_resolution_and_preset() -> None:
    found = {
        name: (model_of(f"Intel RealSense {name}").width, model_of(name).preset)
        for name in ("D415", "D435I", "D455", "D405", "SR305", "D999")
    }
    assert found["D415"] == (1280, "Medium Density")
    assert found["D435I"] == found["D455"] == found["D405"] == found["D999"]
    assert found["D435I"] == (848, "Medium Density")
    assert found["SR305"] == (640, "Face Analytics")
    assert model_of("Intel RealSense D405").nearest_m < model_of("Intel RealSense D415").nearest_m


def offer(width: int, height: int, rate: int, form: Any = rs.format.z16) -> Any:
    video = SimpleNamespace(width=lambda: width, height=lambda: height, fps=lambda: rate)
    video.format = lambda: form
    video.as_video_stream_profile = lambda: video
    return video


@pytest.mark.parametrize(
    ("offers", "wanted"),
    [
        ([(1280, 720, 30), (848, 480, 30), (848, 480, 90), (640, 480, 30)], (848, 480, 30)),
        ([(1280, 720, 6), (848, 480, 6), (640, 480, 15), (480, 270, 30)], (640, 480, 15)),
        ([(1280, 720, 30), (424, 240, 30)], (1280, 720, 30)),
    ],
)
def test_the_stream_nearest_to_the_models_best_is_chosen(
    offers: list[tuple[int, int, int]], wanted: tuple[int, int, int]
) -> None:
    model = model_of("Intel RealSense D435")
    best = min((offer(*each) for each in offers), key=lambda each: _unfitness(each, model))
    assert (best.width(), best.height(), best.fps()) == wanted


def test_colour_without_conversion_in_the_sdk_is_preferred() -> None:
    model = model_of("Intel RealSense D435")
    formats = (rs.format.yuyv, rs.format.rgb8, rs.format.bgra8)
    best = min((offer(848, 480, 30, f) for f in formats), key=lambda o: _unfitness(o, model))
    assert best.format() == rs.format.rgb8


@pytest.mark.parametrize(
    ("form", "pixel"),
    [
        (rs.format.rgb8, (200, 100, 50)),
        (rs.format.bgr8, (50, 100, 200)),
        (rs.format.rgba8, (200, 100, 50, 255)),
        (rs.format.bgra8, (50, 100, 200, 255)),
    ],
)
def test_every_colour_format_becomes_rgb(form: Any, pixel: tuple[int, ...]) -> None:
    pixels = np.tile(np.array(pixel, np.uint8), (4, 6, 1))
    frame = SimpleNamespace(
        get_width=lambda: 6, get_height=lambda: 4, get_bytes_per_pixel=lambda: len(pixel),
        get_stride_in_bytes=lambda: 6 * len(pixel), get_data=lambda: pixels,
        get_profile=lambda: SimpleNamespace(format=lambda: form),
    )  # fmt: skip
    rgb = colour_rgb(frame, Intrinsics(1, 1, 3, 2, 6, 4))
    assert rgb.shape == (4, 6, 3) and tuple(rgb[2, 3]) == (200, 100, 50)
    assert not np.shares_memory(rgb, pixels)


def smoothed(depths_mm: list[float], temporal: bool) -> list[float]:
    """Return what the filters make of a flat surface that moves, at its middle, in mm."""
    bench = Bench()
    camera = SoftCamera()
    bench.cameras.append(camera)
    depth_of = iter(range(10_000))
    units = [round(mm / 1000 / 0.0005) for mm in depths_mm]

    def scene(_index: int) -> tuple[Any, Any]:
        at = min(max(next(depth_of) - 2, 0), len(units) - 1)  # two for the syncer's start
        return np.zeros((120, 160, 3), np.uint8), np.full((120, 160), units[at], np.uint16)

    camera._scene = scene
    streams = DeviceStreams(bench()[0])
    streams.filters.temporal = temporal
    found: list[float] = []
    for index in range(len(units) + 2):
        camera.clock_shift_s = index / 30
        camera.send(index)
        for frames in streams.take_all(0.2):
            if frames.is_complete:
                depth = streams.aligned_depth(frames)
                found.append(1000 * depth.get_distance(80, 60))
    streams.stop()
    return found


def test_the_filters_leave_expressions_alive() -> None:
    """A cheek that comes 4 mm nearer is there within three frames."""
    found = smoothed([600] * 6 + [596] * 6, temporal=True)
    start = next(index for index, mm in enumerate(found) if mm < 599)
    assert found[start - 1] == pytest.approx(600, abs=0.6)
    assert found[start + 2] == pytest.approx(596, abs=0.7)


def test_what_is_too_near_or_too_far_is_unknown() -> None:
    assert smoothed([100] * 4, temporal=False)[-1] == 0
    assert smoothed([2500] * 4, temporal=False)[-1] == 0
    assert smoothed([700] * 4, temporal=False)[-1] == pytest.approx(700, abs=1)


def test_stereo_is_smoothed_as_disparity_coded_light_as_depth() -> None:
    assert len(DepthFilters(True, 0.2)._chain()) == 5
    assert len(DepthFilters(False, 0.2)._chain()) == 3
    bare = DepthFilters(True, 0.2)
    bare.spatial = bare.temporal = False
    assert len(bare._chain()) == 1


class Sensor:
    """A sensor with a preset, as the SDK shows it."""

    def __init__(self) -> None:
        self.value = 0.0

    def supports(self, option: Any) -> bool:
        return bool(option == rs.option.visual_preset)

    def get_option_range(self, _option: Any) -> Any:
        return SimpleNamespace(min=0.0, max=2.0, step=1.0, default=0.0)

    def get_option(self, _option: Any) -> float:
        return self.value

    def get_option_value_description(self, _option: Any, value: float) -> str:
        return ("Custom", "High Accuracy", "Medium Density")[int(value)]

    def set_option(self, _option: Any, value: float) -> None:
        self.value = value


def test_a_preset_is_chosen_by_its_name() -> None:
    sensor = Sensor()
    streams: Any = SimpleNamespace(
        depth_sensor=sensor, colour_sensor=sensor,
        filters=SimpleNamespace(spatial=True, temporal=True),
    )  # fmt: skip
    options = RealSenseOptions(streams)
    options.apply_preset("Medium Density")
    assert sensor.value == 2
    options.apply_preset("Face Analytics")
    assert sensor.value == 2
    preset = options.read()[0]
    assert preset.choices[2] == (2, "Medium Density") and not preset.is_switch
    assert [control.name for control in options.read() if control.is_switch] == [
        "spatial_filter",
        "temporal_filter",
    ]


def test_a_switch_is_known_by_its_range() -> None:
    assert Control("laser", "Laser", 1, 0, 1, 1).is_switch
    assert not Control("power", "Power", 1, 0, 360, 30).is_switch


def test_stamps_run_on_when_the_clock_is_set_back_or_starts_anew() -> None:
    clock = FrameClock()
    assert clock.stamp(100.0, 5.0) == (0.0, 0.0)
    assert clock.stamp(100.1, 5.1) == (pytest.approx(0.1), 0.0)
    stamp_s, jump_s = clock.stamp(40.1, 5.2)
    assert (stamp_s, jump_s) == (pytest.approx(0.2), pytest.approx(-60))
    assert clock.stamp(40.2, 5.3) == (pytest.approx(0.3), 0.0)
    clock.restart()
    assert clock.stamp(1.0, 9.3) == (pytest.approx(4.3), 0.0)
    stamp_s, jump_s = clock.stamp(1.0 + 3600, 9.4)
    assert stamp_s == pytest.approx(4.4) and jump_s == pytest.approx(3600)


def test_jitter_is_no_jump_and_never_runs_backwards() -> None:
    clock = FrameClock()
    clock.stamp(1.0, 1.0)
    assert clock.stamp(0.9995, 1.03) == (0.0, 0.0)


def test_a_fault_must_last_and_the_worst_is_named() -> None:
    doubts = Doubts()
    doubts.observe(Fault.BLIND, True, 10.0)
    assert doubts.worst(10.5) is None
    doubts.observe(Fault.NO_DEPTH, True, 10.6)
    assert doubts.worst(10.0 + LASTING_S) is Fault.BLIND
    assert doubts.worst(10.6 + LASTING_S) is Fault.NO_DEPTH
    doubts.observe(Fault.NO_DEPTH, False, 12.0)
    doubts.observe(Fault.BLIND, False, 12.0)
    assert doubts.worst(12.0) is None


def test_a_momentary_fault_stays_in_view() -> None:
    doubts = Doubts()
    doubts.observe(Fault.CLOCK, True, 10.0)
    doubts.observe(Fault.CLOCK, False, 10.1)
    assert doubts.worst(10.1) is Fault.CLOCK
    doubts.observe(Fault.CLOCK, False, 10.1 + READING_S)
    assert doubts.worst(10.1 + READING_S) is None


def test_sameness_takes_depth_into_account() -> None:
    sameness = Sameness()
    rgb = np.zeros((48, 48, 3), np.uint8)
    depth_m = np.full((48, 48), FACE_M, np.float32)
    assert [sameness.is_same(rgb, depth_m) for _ in range(2)] == [False, True]
    assert not sameness.is_same(rgb, depth_m + 0.001)
    assert not sameness.is_same(rgb, None)


def test_attempts_are_put_off_twice_as_long_each_time() -> None:
    backoff = Backoff(1.0, 5.0)
    assert backoff.due_s == 0
    dues = []
    for _ in range(5):
        backoff.failed(100.0)
        dues.append(backoff.due_s - 100)
    assert dues == [1, 2, 4, 5, 5]
    backoff.succeeded()
    backoff.failed(100.0)
    assert backoff.due_s == 101


def test_what_an_abandoned_task_brings_is_got_rid_of() -> None:
    go_on = threading.Event()
    gone: list[str] = []
    task = BackgroundTask(lambda: "late" if go_on.wait(5) else "", "t")
    assert not task.wait(0.01)
    task.abandon(gone.append)
    assert gone == []
    go_on.set()
    assert task.wait(5) and gone == ["late"]
    early = BackgroundTask(lambda: "early", "t")
    assert early.wait(5) and early.result() == "early"
    early.abandon(gone.append)
    assert gone == ["late", "early"]


def test_a_tasks_error_is_raised_where_it_is_waited_for() -> None:
    def fail() -> str:
        raise RuntimeError("no")

    task = BackgroundTask(fail, "t")
    assert task.wait(5)
    with pytest.raises(RuntimeError, match="no"):
        task.result()
