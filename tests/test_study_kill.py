"""SIGKILL in the middle of a recording: at most the last second is missing."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from study_fixtures import write_study

from fercore.cli import main
from fercore.study.events import RUN_LOST, read_events
from fercore.study.layout import RunPlace
from fercore.study.media import colour_pictures, count_pictures, depth_maps
from fercore.study.participants import enrol
from fercore.study.predictions import read_predictions
from fercore.study.run_files import RunState, read_run_record
from fercore.study.study_file import load_study

HERE = Path(__file__).parent
MISSING_S = 1.0


@dataclass
class Told:
    """What the child said it had handed over before it died."""

    place: RunPlace
    frames_s: list[float]
    markers: dict[str, float]


def killed_recording(folder: Path, seed: int) -> tuple[Told, float]:
    """Record in a child process, kill it at a random moment; return what it said and when."""
    study, log = write_study(folder / "study", "full"), folder / "log"
    enrol(study, load_study(study), "01", {"age": "30"})
    command = [sys.executable, str(HERE / "study_child.py"), str(study), str(log)]
    child = subprocess.Popen(command, cwd=HERE, stderr=subprocess.PIPE)
    try:
        deadline_s = time.monotonic() + 60
        while not (log.exists() and b"frame" in log.read_bytes()):
            assert child.poll() is None, child.stderr and child.stderr.read()
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
        time.sleep(random.Random(seed).uniform(0.05, 2.5))
    finally:
        killed_s = time.monotonic()
        child.send_signal(signal.SIGKILL)
        child.wait()
        if child.stderr:
            child.stderr.close()
    return told(study, log), killed_s


def told(study: Path, log: Path) -> Told:
    lines = [line.split() for line in log.read_text().splitlines()]
    stem = next(words[1] for words in lines if words[0] == "run")
    frames_s = [float(words[1]) for words in lines if words[0] == "frame" and len(words) == 2]
    markers = {words[2]: float(words[1]) for words in lines if words[0] == "marker"}
    return Told(RunPlace(study / "sub-01" / "ses-1" / stem), frames_s, markers)


def check(folder: Path, seed: int) -> tuple[float, float, float]:
    """Kill, recover, compare; return how long before the kill the last kept row, picture, map was.

    Of each only what was handed over counts: 0 where nothing is missing.
    """
    said, killed_s = killed_recording(folder, seed)
    place = said.place
    due = [time_s for time_s in said.frames_s if time_s < killed_s - MISSING_S]
    before = {path: path.read_bytes() for path in (place.predictions, place.events)}
    rows = read_predictions(place.predictions)  # even before it is recovered
    assert len(rows) >= len(due)
    assert count_pictures(place.colour) >= len(due)
    assert count_pictures(place.depth) >= len(due)

    assert main(["recover", str(place.folder)]) == 0
    for path, data in before.items():
        # All rows are there; of the table of frames only the flags of kept pictures may differ.
        known = data[: data.rfind(b"\n") + 1].splitlines()
        found = path.read_bytes().splitlines()
        assert len(known) <= len(found) and path.read_bytes().endswith(b"\n")
        for old, new in zip(known, found, strict=False):
            cells = list(zip(old.split(b"\t"), new.split(b"\t"), strict=True))
            assert sum(one != other for one, other in cells) <= 2 * (path == place.predictions)
    record = read_run_record(place.session)
    assert record.state is RunState.RECOVERED
    rows = read_predictions(place.predictions)
    assert len(due) <= len(rows) == record.counts.frames
    pictures = list(colour_pictures(place.colour)) if place.colour.exists() else []
    maps = list(depth_maps(place.depth, record.depth_unit_m)) if place.depth.exists() else []
    assert len(due) <= len(pictures) == record.counts.colour_pictures
    assert len(due) <= len(maps) == record.counts.depth_maps
    assert rows.colour_kept.sum() == len(pictures) and rows.depth_kept.sum() == len(maps)
    for (time_s, _), row_s in zip(pictures, rows.time_s[rows.colour_kept], strict=True):
        assert abs(time_s - row_s) < 0.0015
    events = read_events(place.events)
    kept = {event.name for event in events}
    assert {name for name, at_s in said.markers.items() if at_s < killed_s - MISSING_S} <= kept
    assert events[-1].type == RUN_LOST
    assert not list(place.folder.glob("*.part"))
    assert main(["recover", str(place.folder)]) == 0  # once more changes nothing
    assert read_run_record(place.session) == record
    given, start_s = said.frames_s, record.clocks.start_host_s
    kept_rows = [start_s + time_s for time_s in rows.time_s.tolist()]
    lengths = (len(rows), len(pictures), len(maps))
    last = [kept_rows[number - 1] if number else start_s for number in lengths]
    lost = [
        max(0.0, given[-1] - at_s) if number < len(given) else 0.0
        for at_s, number in zip(last, lengths, strict=True)
    ]
    return lost[0], lost[1], lost[2]


@pytest.mark.parametrize("seed", range(5))
def test_a_killed_recording_lacks_at_most_its_last_second(seed: int, tmp_path: Path) -> None:
    assert max(check(tmp_path, seed)) < MISSING_S


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_fifty_killed_recordings(tmp_path: Path) -> None:
    lost_s = []
    for seed in range(100, 150):
        folder = tmp_path / str(seed)
        folder.mkdir()
        lost_s.append(check(folder, seed))
    for what, column in zip(
        ("rows", "pictures", "depth maps"), zip(*lost_s, strict=True), strict=True
    ):
        print(
            f"lost {what}: at most {max(column):.3f} s, mean {sum(column) / 50:.3f} s, of 50 runs"
        )
        assert max(column) < MISSING_S


def test_half_lines_are_cut_and_empty_videos_removed(tmp_path: Path) -> None:
    said, _ = killed_recording(tmp_path, 1)
    place = said.place
    rows = len(read_predictions(place.predictions))
    with place.predictions.open("ab") as file:
        file.write(b"0.5\t12\thalf a ro")
    with place.events.open("ab") as file:
        file.write(b"1.5\t0")
    place.colour.write_bytes(b"")
    (place.folder / "session.json.part").write_text("{")
    assert main(["recover", str(place.folder)]) == 0
    record = read_run_record(place.session)
    assert len(read_predictions(place.predictions)) == record.counts.frames == rows
    assert record.counts.colour_pictures == 0
    assert not place.colour.exists()
    assert not list(place.folder.glob("*.part"))


def test_what_cannot_be_recovered_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recover", str(tmp_path / "nowhere")]) == 2
    run = tmp_path / "study" / "sub-01" / "ses-1" / "sub-01_ses-1_task-video_run-01"
    run.mkdir(parents=True)
    assert main(["recover", str(run)]) == 2
    (run / "session.json").write_text("{")
    assert main(["recover", str(run)]) == 2
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 3
    assert "does not exist" in shown[0]
    assert "session.json is missing" in shown[1]
    assert "no readable run record" in shown[2]
