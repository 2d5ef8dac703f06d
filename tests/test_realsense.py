"""The RealSense source on the SDK's software device: what it delivers, and each fault."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from camera_doubles import FACE_M, STARTED_S, Bench, SoftCamera, Stubborn

from app.sources.base import Adjustable, Health, LiveSource, SourceError, SourceTimeout
from app.sources.realsense import connection as realsense_connection
from app.sources.realsense import streams as realsense_streams
from app.sources.realsense.camera import RealSenseSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fercore.structures import RGBDFrame

PATIENCE_S = 8.0


@pytest.fixture
def source(bench: Bench) -> Iterator[RealSenseSource]:
    """Return a source on a camera that has not been plugged in yet."""
    made = RealSenseSource(bus=bench)
    yield made
    made.close()


def read_until(source: RealSenseSource, wanted: Callable[[], bool]) -> list[RGBDFrame]:
    """Read as the capture thread does, past time-outs."""
    frames = []
    end_s = time.monotonic() + PATIENCE_S
    while not wanted():
        assert time.monotonic() < end_s, source.condition
        try:
            frame = source.read(0.2)
        except SourceTimeout:
            continue
        assert frame is not None
        frames.append(frame)
    return frames


def doubts(source: RealSenseSource, words: str) -> Callable[[], bool]:
    return lambda: source.condition.health is Health.DOUBTFUL and words in source.condition.sentence


def some(source: RealSenseSource, count: int = 3) -> list[RGBDFrame]:
    return [frame for frame in (source.read(3) for _ in range(count)) if frame is not None]


def test_delivers_aligned_metres_by_the_devices_own_unit(
    bench: Bench, source: RealSenseSource
) -> None:
    bench.plug_in()
    source.open()
    frame = some(source)[-1]
    assert frame.depth_m is not None
    assert np.nanmedian(frame.depth_m) == pytest.approx(FACE_M, abs=0.003)
    assert frame.intrinsics is not None and frame.intrinsics.fx == 160
    assert source.condition.health is Health.GOOD
    assert isinstance(source, LiveSource) and isinstance(source, Adjustable)


def test_keeps_both_clocks(bench: Bench, source: RealSenseSource) -> None:
    bench.plug_in()
    source.open()
    some(source)
    times = source.times
    assert times is not None and times.domain == "hardware_clock"
    assert STARTED_S <= times.device_s < STARTED_S + 60
    assert times.host_s == pytest.approx(time.monotonic(), abs=2)
    assert times.skew_s == pytest.approx(0, abs=0.001)


def test_the_name_tells_model_and_serial_number(bench: Bench, source: RealSenseSource) -> None:
    assert source.name == "RealSense"
    bench.plug_in()
    source.open()
    assert source.name == "Intel RealSense D435 (123)"


def test_a_late_reader_gets_the_newest_frame(bench: Bench, source: RealSenseSource) -> None:
    camera = bench.plug_in()
    source.open()
    first = some(source, 1)[0]
    before, start_s = camera.sent, time.monotonic()
    time.sleep(0.5)
    late = some(source, 1)[0]
    assert camera.sent - before > 10
    assert late.timestamp_s - first.timestamp_s > 0.5 * (time.monotonic() - start_s)


def test_no_camera(source: RealSenseSource) -> None:
    with pytest.raises(SourceError, match="No RealSense camera is connected; plug one"):
        source.open()


def test_another_serial_number(bench: Bench) -> None:
    bench.plug_in()
    with pytest.raises(SourceError, match="serial number 999; connected: 123"):
        RealSenseSource("999", bench).open()


def test_the_camera_of_that_serial_number_is_taken(bench: Bench) -> None:
    bench.plug_in(SoftCamera("1"))
    bench.plug_in(SoftCamera("2"))
    source = RealSenseSource("2", bench)
    source.open()
    assert source.name.endswith("(2)")
    source.close()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("xioctl(VIDIOC_S_FMT) failed, errno=16 Last Error: busy", "used by another program"),
        ("failed to open usb interface: RS2_USB_STATUS_ACCESS", "udev rule"),
        ("something unheard of", "something unheard of.*plug it in again"),
    ],
)
def test_a_camera_that_cannot_be_opened(bench: Bench, words: str, complaint: str) -> None:
    def refuse() -> None:
        raise RuntimeError(words)

    bench.plug_in()
    bench.wrap = lambda device: Stubborn(device, "open", refuse)
    with pytest.raises(SourceError, match=complaint):
        RealSenseSource(bus=bench).open()


def test_a_camera_that_never_answers(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realsense_connection, "OPEN_TIMEOUT_S", 0.2)
    monkeypatch.setattr(realsense_streams, "STOP_TIMEOUT_S", 0.2)
    go_on = threading.Event()
    bench.plug_in()
    bench.wrap = lambda device: Stubborn(device, "open", lambda: bool(go_on.wait(10)) and None)
    with pytest.raises(SourceError, match="does not answer"):
        RealSenseSource(bus=bench).open()
    go_on.set()


def test_a_pulled_cable_is_noticed_and_forgiven(bench: Bench, source: RealSenseSource) -> None:
    bench.plug_in()
    source.open()
    before = some(source)[-1]
    bench.pull_out()
    pulled_s = time.monotonic()
    read_until(source, lambda: source.condition.health is Health.LOST)
    assert time.monotonic() - pulled_s < 2
    assert "was unplugged; plug it in again" in source.condition.sentence
    with pytest.raises(SourceTimeout, match="unplugged"):
        source.read(0.2)
    bench.plug_in()
    after = read_until(source, lambda: source.condition.health is Health.GOOD)
    after += some(source)
    assert after[-1].index > before.index
    stamps = [frame.timestamp_s for frame in after]
    assert stamps == sorted(stamps) and stamps[0] >= before.timestamp_s + 1


def test_a_cable_pulled_while_the_camera_describes_itself(
    bench: Bench, source: RealSenseSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_streams: object) -> None:
        raise RuntimeError("No device connected")

    bench.plug_in()
    source.open()
    bench.pull_out()
    read_until(source, lambda: source.condition.health is Health.LOST)
    with monkeypatch.context() as patch:
        patch.setattr("app.sources.realsense.camera.lasting_facts", gone)
        bench.plug_in()
        with pytest.raises(SourceTimeout, match="unplugged"):
            source.read(2)
        with pytest.raises(SourceError, match="unplugged"):
            source.open()
    source.open()
    assert some(source)


def test_attempts_to_get_it_back_become_rare(bench: Bench, source: RealSenseSource) -> None:
    bench.plug_in()
    source.open()
    bench.pull_out()
    read_until(source, lambda: source.condition.health is Health.LOST)
    looks, end_s = bench.looks, time.monotonic() + 2
    read_until(source, lambda: time.monotonic() > end_s)
    assert 2 <= bench.looks - looks <= 4


def test_no_other_camera_takes_its_place(bench: Bench, source: RealSenseSource) -> None:
    bench.plug_in()
    source.open()
    bench.pull_out()
    read_until(source, lambda: source.condition.health is Health.LOST)
    bench.plug_in(SoftCamera("456"))
    end_s = time.monotonic() + 1
    assert read_until(source, lambda: time.monotonic() > end_s) == []


def test_close_does_not_wait_for_a_dead_camera(
    bench: Bench, source: RealSenseSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(realsense_streams, "STOP_TIMEOUT_S", 0.3)
    go_on = threading.Event()
    bench.plug_in()
    bench.wrap = lambda device: Stubborn(device, "stop", lambda: bool(go_on.wait(10)) and None)
    source.open()
    some(source)
    started_s = time.monotonic()
    source.close()
    assert time.monotonic() - started_s < 2
    go_on.set()


def test_close_while_lost_is_quick(bench: Bench, source: RealSenseSource) -> None:
    bench.plug_in()
    source.open()
    bench.pull_out()
    read_until(source, lambda: source.condition.health is Health.LOST)
    started_s = time.monotonic()
    source.close()
    assert time.monotonic() - started_s < 1


def test_without_depth_colour_goes_on(bench: Bench, source: RealSenseSource) -> None:
    camera = bench.plug_in()
    source.open()
    some(source)
    camera.depth = False
    frames = read_until(source, doubts(source, "sends colour but no depth"))
    assert frames[-1].depth_m is None and frames[-1].rgb.std() > 0
    camera.depth = True
    frames = read_until(source, lambda: source.condition.health is Health.GOOD)
    assert some(source)[-1].depth_m is not None


def test_without_colour_there_is_nothing_to_judge(bench: Bench, source: RealSenseSource) -> None:
    camera = bench.plug_in()
    source.open()
    some(source)
    camera.colour = False
    read_until(source, doubts(source, "sends depth but no colour"))
    with pytest.raises(SourceTimeout, match="no colour"):
        source.read(0.3)


def test_colour_and_depth_of_different_moments(bench: Bench, source: RealSenseSource) -> None:
    camera = bench.plug_in()
    source.open()
    camera.skew_s = 0.08
    frames = read_until(source, doubts(source, "different moments"))
    assert frames[-1].depth_m is None


def test_a_clock_that_is_set_back(bench: Bench, source: RealSenseSource) -> None:
    camera = bench.plug_in()
    source.open()
    frames = some(source)
    camera.clock_shift_s = -100
    frames += read_until(source, doubts(source, "clock back"))
    frames += some(source)
    stamps = [frame.timestamp_s for frame in frames]
    assert stamps == sorted(stamps) and stamps[-1] - stamps[0] < 5


def test_a_frozen_picture(bench: Bench, source: RealSenseSource) -> None:
    camera = bench.plug_in()
    source.open()
    camera.frozen = True
    read_until(source, doubts(source, "same picture again and again"))
    camera.frozen = False
    read_until(source, lambda: source.condition.health is Health.GOOD)


def test_pictures_of_another_size_are_left_out(bench: Bench, source: RealSenseSource) -> None:
    camera = bench.plug_in()
    source.open()
    some(source)
    camera.wrong_size = True
    read_until(source, doubts(source, "another size"))
    with pytest.raises(SourceTimeout, match="another size"):
        source.read(0.3)
    camera.wrong_size = False
    assert some(source)[-1].rgb.shape == (120, 160, 3)


def test_no_depth_measured_at_all(bench: Bench, source: RealSenseSource) -> None:
    camera = bench.plug_in()
    source.open()
    camera.blind = True
    frames = read_until(source, doubts(source, "measures no depth"))
    assert frames[-1].depth_m is not None and np.isnan(frames[-1].depth_m).all()


def test_a_usb_2_cable_is_named_with_its_cure(bench: Bench, source: RealSenseSource) -> None:
    bench.plug_in(SoftCamera(usb="2.1"))
    source.open()
    assert source.condition.health is Health.DOUBTFUL
    assert "USB 3 port" in source.condition.sentence


def test_settings_are_carried_out_and_survive_a_loss(bench: Bench, source: RealSenseSource) -> None:
    def value(name: str) -> float:
        return next(control.value for control in source.controls if control.name == name)

    bench.plug_in()
    source.open()
    assert value("laser_power") == 150 and value("spatial_filter") == 1
    source.adjust("laser_power", 210)
    source.adjust("spatial_filter", 0)
    some(source)
    assert value("laser_power") == 210 and value("spatial_filter") == 0
    bench.pull_out()
    read_until(source, lambda: source.condition.health is Health.LOST)
    bench.plug_in()
    read_until(source, lambda: source.condition.health is Health.GOOD)
    assert value("laser_power") == 210 and value("spatial_filter") == 0


def test_a_setting_that_is_refused_is_logged(
    bench: Bench, source: RealSenseSource, caplog: pytest.LogCaptureFixture
) -> None:
    bench.plug_in()
    source.open()
    source.adjust("laser_power", 1e6)
    source.adjust("nonsense", 1)
    some(source)
    assert "refuses Laser power" in caplog.text and "no setting nonsense" in caplog.text
