"""The webcam source with a stand-in for OpenCV's capture."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from camera_doubles import FakeCapture

from app.sources import webcam
from app.sources.base import Health, SourceError, SourceTimeout
from app.sources.webcam import WebcamSource, webcams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fercore.structures import RGBDFrame


@pytest.fixture
def capture() -> type[FakeCapture]:
    """Return a kind of capture whose faults no other test sees."""
    return type("Capture", (FakeCapture,), {})


@pytest.fixture
def source(capture: type[FakeCapture]) -> Iterator[WebcamSource]:
    made = WebcamSource(0, capture)
    yield made
    made.close()


def read_until(source: WebcamSource, wanted: Callable[[], bool]) -> list[RGBDFrame]:
    frames, end_s = [], time.monotonic() + 8
    while not wanted():
        assert time.monotonic() < end_s, source.condition
        try:
            frame = source.read(0.1)
        except SourceTimeout:
            continue
        assert frame is not None
        frames.append(frame)
    return frames


def health(source: WebcamSource, wanted: Health) -> Callable[[], bool]:
    return lambda: source.condition.health is wanted


def test_colour_comes_in_the_right_order_and_alone(source: WebcamSource) -> None:
    source.open()
    frame = source.read(2)
    assert frame is not None and frame.depth_m is None
    assert (frame.rgb[..., 2] == 255).all()
    assert source.name == "Webcam 0"


def test_no_webcam_of_that_number(capture: type[FakeCapture]) -> None:
    before = threading.active_count()
    with pytest.raises(SourceError, match="Webcam 3 cannot be used; plug one in"):
        WebcamSource(3, capture).open()
    assert threading.active_count() == before


def test_a_pulled_cable_is_noticed_and_forgiven(
    source: WebcamSource, capture: type[FakeCapture]
) -> None:
    source.open()
    before = source.read(2)
    capture.unplugged = True
    pulled_s = time.monotonic()
    read_until(source, health(source, Health.LOST))
    assert time.monotonic() - pulled_s < 2
    with pytest.raises(SourceTimeout, match="unplugged; plug it in again"):
        source.read(0.1)
    capture.unplugged = False
    after = read_until(source, health(source, Health.GOOD))
    assert before is not None and after[0].index > before.index
    assert after[0].timestamp_s > before.timestamp_s


def test_attempts_become_rare(source: WebcamSource, capture: type[FakeCapture]) -> None:
    source.open()
    capture.unplugged = True
    read_until(source, health(source, Health.LOST))
    opened, end_s = capture.opened, time.monotonic() + 1.5
    read_until(source, lambda: time.monotonic() > end_s)
    assert 1 <= capture.opened - opened <= 4


def test_a_driver_that_blocks_is_left_behind(
    source: WebcamSource, capture: type[FakeCapture], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webcam, "_JOIN_S", 0.2)
    source.open()
    assert source.read(2) is not None
    capture.stuck = threading.Event()
    started_s = time.monotonic()
    read_until(source, health(source, Health.LOST))
    assert time.monotonic() - started_s < 2.5
    started_s = time.monotonic()
    source.close()
    assert time.monotonic() - started_s < 1
    capture.stuck.set()


def test_a_frozen_picture(source: WebcamSource, capture: type[FakeCapture]) -> None:
    source.open()
    capture.frozen = True
    read_until(source, health(source, Health.DOUBTFUL))
    assert "same picture" in source.condition.sentence


def test_webcams_are_told_from_depth_cameras_and_metadata(tmp_path: Path) -> None:
    for node, name, index in (
        ("video0", "Intel(R) RealSense(TM) Depth Camera 435", "0"),
        ("video4", "Integrated Camera", "0"),
        ("video5", "Integrated Camera", "1"),
        ("video6", "USB Camera", ""),
    ):
        (tmp_path / node).mkdir()
        (tmp_path / node / "name").write_text(f"{name}\n")
        if index:
            (tmp_path / node / "index").write_text(f"{index}\n")
    assert webcams(tmp_path) == {4: "Integrated Camera", 6: "USB Camera"}
    assert webcams(tmp_path / "nowhere") == {}
