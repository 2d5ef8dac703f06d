"""Runs that are steered from elsewhere: started, marked, stopped, and flooded with markers."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from study_fixtures import TOKEN, made_up, open_desk, write_study

from app.study import lanes
from app.study.durable import TableWriter
from fercore.study.events import MARKER, read_events
from fercore.study.layout import runs_of
from fercore.study.participants import enrol
from fercore.study.remote_client import RemoteClient, RemoteError
from fercore.study.run_files import RunState, read_run_record

if TYPE_CHECKING:
    from pathlib import Path

    from app.study.desk import Desk


def steered(folder: Path) -> tuple[Path, Desk, tuple[str, int]]:
    """Return a study with one participant, its desk, and where that listens."""
    study = write_study(folder / "s")
    desk = open_desk(study)
    enrol(study, desk.study, "01", {"age": "3"})
    address = desk.switch_remote(True, TOKEN, port=0)
    assert address is not None
    return study, desk, address


def test_a_run_is_steered_from_elsewhere(tmp_path: Path) -> None:
    study, desk, address = steered(tmp_path)
    try:
        with RemoteClient(*address, TOKEN) as client:
            assert client.status()["recording"] is False
            with pytest.raises(RemoteError, match="'sad' is no condition"):
                client.start("01", "1", "video", "sad")
            with pytest.raises(RemoteError, match="No run is being recorded"):
                client.marker("early")
            assert client.start("01", "1", "video", "calm") == "sub-01_ses-1_task-video_run-01"
            desk.add(made_up(1)[0], time.monotonic())
            before_s = time.monotonic()
            onset_s = client.marker("stimulus on", at_s=before_s)
            state = client.status()
            assert state["recording"] is True
            assert state["problem"] == ""
            assert client.compare_clocks() < 0.1
            assert client.stop() == "complete"
    finally:
        desk.close()
    (place,) = runs_of(study)
    record = read_run_record(place.session)
    assert record.state is RunState.COMPLETE
    (marker,) = [event for event in read_events(place.events) if event.type == MARKER]
    assert (marker.name, marker.source) == ("stimulus on", "remote")
    assert marker.onset_s == pytest.approx(onset_s, abs=1e-5)
    assert marker.onset_s == pytest.approx(before_s - record.clocks.start_host_s, abs=0.05)
    assert marker.uncertainty_s is not None
    assert 0 < marker.uncertainty_s < 0.1
    with pytest.raises(RemoteError, match="cannot be reached"):
        RemoteClient(*address, TOKEN)


def test_a_flood_of_markers_is_counted_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    written = TableWriter.write

    def slowly(self: TableWriter, cells: Any) -> None:
        go_on.wait(20)
        written(self, cells)

    monkeypatch.setattr(lanes, "_EVENTS", 40)
    monkeypatch.setattr(TableWriter, "write", slowly)
    study, desk, address = steered(tmp_path)
    try:
        with RemoteClient(*address, TOKEN) as client:
            client.start("01", "1", "video", "calm")
            refused = 0
            for number in range(60):
                try:
                    client.marker(f"m{number}")
                except RemoteError as error:
                    assert "Events come faster than they can be written" in str(error)
                    refused += 1
            assert refused >= 18  # and the connection still stands
            assert client.status()["dropped_events"] == refused
            go_on.set()
            client.stop()
    finally:
        go_on.set()
        desk.close()
    (place,) = runs_of(study)
    markers = [event for event in read_events(place.events) if event.type == MARKER]
    assert len(markers) == 60 - refused
    assert read_run_record(place.session).counts.dropped_events == refused
