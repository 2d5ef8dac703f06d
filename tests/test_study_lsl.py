"""Lab Streaming Layer by loopback: what goes out comes in, at the time it was."""

from __future__ import annotations

import sys
import time
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from app_doubles import analysis_of, sample_frame
from study_fixtures import made_up, open_desk, write_study

from fercore.errors import FercoreError
from fercore.study.events import MARKER, read_events, read_offsets
from fercore.study.layout import runs_of
from fercore.study.participants import enrol
from fercore.study.predictions import read_predictions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE_S = 15.0


@pytest.fixture
def lsl() -> Any:
    """Return pylsl."""
    import pylsl

    return pylsl


@pytest.fixture
def desk_and_study(tmp_path: Path, lsl: Any) -> Iterator[tuple[Any, Path]]:
    study = write_study(tmp_path / "s")
    desk = open_desk(study)
    enrol(study, desk.study, "01", {"age": "3"})
    yield desk, study
    desk.close()


def found(lsl: Any, predicate: str) -> Any:
    streams = lsl.resolve_bypred(predicate, 1, PATIENCE_S)
    assert streams, f"no stream was found with {predicate}"
    return lsl.StreamInlet(streams[0])


def test_verdicts_and_events_go_out_and_markers_come_in(
    lsl: Any, desk_and_study: tuple[Any, Path]
) -> None:
    desk, study = desk_and_study
    stream = f"stimuli-{uuid.uuid4().hex}"
    info = lsl.StreamInfo(stream, "Markers", 1, 0, lsl.cf_string, stream)
    stimuli = lsl.StreamOutlet(info)
    desk.switch_lsl(True, [stream])
    source = f"fercore-{desk.study.title}"
    verdicts = found(lsl, f"name='fercore-expressions' and source_id='{source}'")
    labels, units = channel_words(verdicts)
    assert labels[0] == "fusion_anger"
    assert labels[6] == "fusion_calm" and labels[20] == "depth_calm"
    assert set(units) == {"probability"}
    events = found(lsl, f"name='fercore-events' and source_id='{source}-events'")
    verdicts.open_stream(PATIENCE_S)
    events.open_stream(PATIENCE_S)
    assert stimuli.wait_for_consumers(PATIENCE_S)

    desk.start("01", "1", "video", "calm")
    frame = analysis_of(sample_frame(0), depth=None)
    host_s = time.monotonic()
    desk.add(frame, host_s)
    sample, stamp_s = verdicts.pull_sample(PATIENCE_S)
    assert sample[0] == pytest.approx(0.75)
    assert np.isnan(sample[6]) and np.isnan(sample[14:]).all()  # no calm, no depth
    assert stamp_s + lsl.local_clock() * 0 == pytest.approx(host_s + offset_s(lsl), abs=1e-3)
    desk.mark("stimulus", "key")
    names = [events.pull_sample(PATIENCE_S)[0][0] for _ in range(2)]
    assert names == ["sub-01_ses-1_task-video_run-01", "stimulus"]

    pushed_s = []
    for number in range(10):
        pushed_s.append(lsl.local_clock())
        stimuli.push_sample([f"picture {number}"], pushed_s[-1])
        time.sleep(0.02)
    time.sleep(0.5)
    desk.stop()

    (place,) = runs_of(study)
    markers = [e for e in read_events(place.events) if e.type == MARKER and e.source == "lsl"]
    assert [marker.name for marker in markers] == [f"picture {number}" for number in range(10)]
    errors_s = [m.lsl_s - at_s for m, at_s in zip(markers, pushed_s, strict=True) if m.lsl_s]
    print(f"LSL loopback: offset {np.mean(errors_s):.6f} s, jitter {np.std(errors_s):.6f} s")
    assert np.abs(errors_s).max() < 0.005
    rows = read_predictions(place.predictions)
    assert len(rows) == 1
    clocks = {offset.clock for offset in read_offsets(place.clocks)}
    assert {"unix", "lsl"} <= clocks


def channel_words(inlet: Any) -> tuple[list[str], list[str]]:
    channel = inlet.info(PATIENCE_S).desc().child("channels").child("channel")
    labels, units = [], []
    for _ in range(21):
        labels.append(channel.child_value("label"))
        units.append(channel.child_value("unit"))
        channel = channel.next_sibling()
    return labels, units


def offset_s(lsl: Any) -> float:
    return float(lsl.local_clock() - time.monotonic())


def test_times_of_rows_are_on_lsls_clock_too(lsl: Any, desk_and_study: tuple[Any, Path]) -> None:
    desk, study = desk_and_study
    desk.switch_lsl(True)
    desk.start("01", "1", "video", "calm")
    desk.add(made_up(1)[0], time.monotonic())
    desk.stop()
    (place,) = runs_of(study)
    lines = [line.split("\t") for line in place.predictions.read_text().splitlines()]
    row = dict(zip(lines[0], lines[1], strict=True))
    assert float(row["lsl_s"]) - float(row["host_s"]) == pytest.approx(offset_s(lsl), abs=1e-3)


def test_without_pylsl_it_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pylsl", None)
    desk = open_desk(write_study(tmp_path / "s"))
    with pytest.raises(FercoreError, match=r"needs pylsl with its library; install it with") as e:
        desk.switch_lsl(True)
    assert "\n" not in str(e.value)
    desk.close()
