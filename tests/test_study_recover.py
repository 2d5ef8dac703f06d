"""`fercore recover` on damaged videos and tables: nothing is lost, nothing slides."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import numpy as np
import pytest
from app_doubles import analysis_of
from study_fixtures import record_run, textured_frame, write_study

from app.study.durable import PictureWriter
from fercore.cli import main
from fercore.study.media import by_time, close_video, colour_pictures, opened_video, sound_packets
from fercore.study.predictions import read_predictions
from fercore.study.run_files import RunState, finished, read_run_record, write_run_record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fercore.study.layout import RunPlace

FRAMES = 25  # fewer than wait in the queue of a slow disk


@pytest.fixture
def broken_off(tmp_path: Path) -> RunPlace:
    """Return a run of textured pictures that never got its end."""
    study = write_study(tmp_path / "s", "full")
    place = record_run(study, analyses=[analysis_of(textured_frame(k)) for k in range(FRAMES)])
    record = read_run_record(place.session)
    write_run_record(place.session, finished(record, RunState.RECORDING))
    return place


def damage(path: Path, number: int) -> bytes:
    """Change one byte in the middle of a picture; return the file as it was."""
    with opened_video(path) as container:
        packets = [(p.pos or 0, p.size) for p in sound_packets(container) if p.size]
    before = path.read_bytes()
    place, size = packets[number]
    changed = bytearray(before)
    changed[place + size // 2] ^= 0xFF
    path.write_bytes(changed)
    return before


def judged(place: RunPlace) -> Iterator[tuple[int, np.ndarray]]:
    rows = read_predictions(place.predictions)
    return by_time(rows.time_s, rows.colour_kept, colour_pictures(place.colour))


@pytest.mark.parametrize("number", [0, FRAMES // 2])
def test_one_changed_byte_costs_one_picture(number: int, broken_off: RunPlace) -> None:
    damage(broken_off.colour, number)
    damaged = broken_off.colour.read_bytes()
    assert main(["recover", str(broken_off.folder)]) == 0
    rows = read_predictions(broken_off.predictions)
    assert np.flatnonzero(~rows.colour_kept).tolist() == [number]
    assert rows.depth_kept.all()
    found = dict(judged(broken_off))
    assert sorted(found) == [k for k in range(FRAMES) if k != number]
    for row, picture in found.items():
        assert (picture == textured_frame(row).rgb).all()
    assert read_run_record(broken_off.session).counts.colour_pictures == FRAMES - 1
    assert (broken_off.folder / "colour.mkv.damaged").read_bytes() == damaged


def test_a_hole_in_the_middle_moves_no_picture(broken_off: RunPlace) -> None:
    data = broken_off.depth.read_bytes()
    third = len(data) // 3
    broken_off.depth.write_bytes(data[:third] + bytes(third // 2) + data[third + third // 2 :])
    colour = broken_off.colour.read_bytes()
    broken_off.colour.write_bytes(colour[:third] + colour[third + third // 2 :])  # cut out
    assert main(["recover", str(broken_off.folder)]) == 0
    rows = read_predictions(broken_off.predictions)
    assert 0.6 * FRAMES < rows.colour_kept.sum() < FRAMES
    assert 0.6 * FRAMES < rows.depth_kept.sum() < FRAMES
    found = dict(judged(broken_off))
    assert len(found) == rows.colour_kept.sum()
    for row, picture in found.items():
        assert (picture == textured_frame(row).rgb).all()


def test_an_unreadable_video_is_set_aside_and_named(
    broken_off: RunPlace, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = b"\0" * 64 + broken_off.colour.read_bytes()[64:]
    broken_off.colour.write_bytes(damaged)
    broken_off.events.write_bytes(b"what was here " * 1000)
    (broken_off.folder / "colour.mkv.damaged").write_bytes(b"of an earlier time")
    assert main(["recover", str(broken_off.folder)]) == 0
    shown = capsys.readouterr().out
    assert "events.tsv.damaged, colour.mkv.damaged1" in shown
    assert (broken_off.folder / "colour.mkv.damaged1").read_bytes() == damaged
    assert (broken_off.folder / "colour.mkv.damaged").read_bytes() == b"of an earlier time"
    assert (broken_off.folder / "events.tsv.damaged").stat().st_size == 14_000
    assert not read_predictions(broken_off.predictions).colour_kept.any()


def test_a_run_that_was_only_killed_leaves_one_video(broken_off: RunPlace) -> None:
    data = broken_off.colour.read_bytes()
    broken_off.colour.write_bytes(data[: int(0.95 * len(data))])
    with opened_video(broken_off.colour) as container:
        whole = sum(packet.size > 0 for packet in sound_packets(container))
    assert main(["recover", str(broken_off.folder)]) == 0
    assert not list(broken_off.folder.glob("*.damaged*"))
    assert whole - 1 <= read_predictions(broken_off.predictions).colour_kept.sum() <= whole


def test_closing_a_long_video_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "colour.mkv"
    writer = PictureWriter(path, "ffv1")
    noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    for k in range(70):
        writer.write(np.roll(noise, k, 1), k / 30)
    writer.close()
    size = path.stat().st_size
    assert size > 60e6
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert len(close_video(path).times_s) == 70
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    assert grown < size / 3
