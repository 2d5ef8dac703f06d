"""A whole study without participants, recorded in the real window; takes some minutes.

    python -m pytest tests/test_mock_study.py -s --basetemp=mock-study

leaves everything below `mock-study`: the studies, exports, the report, a picture of the
window, and in `figures.txt` what was measured. The face is synthetic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from mock_study import ANSWERS, BLOCK_S, LEVELS, STIMULI, MockStudy, record_everything
from test_study_export import xdf_chunks

from fercore.cli import main
from fercore.results import PROBABILITY_COLUMNS
from fercore.study.events import MARKER, RUN_LOST, RUN_STOP, read_events
from fercore.study.export_bids import check_bids
from fercore.study.layout import runs_of
from fercore.study.media import count_pictures
from fercore.study.run_files import RunRecord, RunState, read_run_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fercore.study.layout import RunPlace

TOLERANCE = 1e-3
LOSS_S = 1.0
LSL_ERROR_S = 0.005
TEXTS = {"subject": str, "session": str}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mock", numbered=False)


@pytest.fixture(scope="module")
def say(folder: Path) -> Iterator[Callable[[str], None]]:
    """Return what notes a figure; all are printed in the end."""
    lines: list[str] = []
    yield lines.append
    text = "\n".join(lines) + "\n"
    (folder / "figures.txt").write_text(text, encoding="utf-8")
    print(f"\n{folder}\n{text}")


@pytest.fixture(scope="module")
def mock(folder: Path) -> MockStudy:
    return record_everything(folder)


def rows_of(place: RunPlace) -> pd.DataFrame:
    return pd.read_csv(place.predictions, sep="\t")


def size_per_minute(place: RunPlace, record: RunRecord) -> float:
    """Return megabytes a minute of recording."""
    size = sum(path.stat().st_size for path in place.folder.iterdir())
    return size / 1e6 / (record.duration_s / 60)


def records_of(study: Path) -> list[tuple[RunPlace, RunRecord]]:
    return [(place, read_run_record(place.session)) for place in runs_of(study)]


def test_every_participant_met_both_conditions(mock: MockStudy, say: Callable[[str], None]) -> None:
    found = records_of(mock.study)
    whole = [record for _, record in found if record.state is RunState.COMPLETE]
    met = {(record.subject, record.condition) for record in whole}
    assert met == {(subject, c) for subject in ("01", "02", "03") for c in ("calm", "happy")}
    assert [r.state for _, r in found if r not in whole] == [RunState.RECOVERED]
    broken = [record for _, record in found if record not in whole]
    for place, record in found:
        rows = rows_of(place)
        assert len(rows) == record.counts.frames > 0 and record.synthetic
        kept = int(rows["colour_kept"].sum()), int(rows["depth_kept"].sum())
        found_there = count_pictures(place.colour), count_pictures(place.depth)
        # Those that were on their way when it was killed are the last ones.
        assert kept == found_there or (record in broken and kept >= found_there)
        assert (np.diff(rows["time_s"]) > 0).all()
        assert record.baseline is not None and record.weights[0].pipeline == "fusion-resnet50"
        corrected = rows[[f"{name}_corrected" for name in PROBABILITY_COLUMNS]].notna().any()
        assert corrected.drop(corrected.filter(like="_calm_").index).all()
        counts, seconds = record.counts, record.duration_s
        gap_s = float(np.diff(rows["time_s"]).max())
        say(
            f"{place.folder.name} {record.condition} ({record.state}): {seconds:.1f} s, "
            f"{len(rows) / seconds:.1f} verdicts/s, latency {rows['latency_s'].median():.3f} s, "
            f"longest gap {gap_s:.2f} s, dropped {counts.dropped_rows} rows, "
            f"{counts.dropped_colour} colour, {counts.dropped_depth} depth"
        )


def test_runs_end_by_themselves_with_their_planned_length(mock: MockStudy) -> None:
    by_hand = [record for _, record in records_of(mock.study) if record.duration_s < BLOCK_S]
    assert len(by_hand) == 2  # one by remote control, one was killed
    for place, record in records_of(mock.study):
        if record not in by_hand:
            last = read_events(place.events)[-1]
            assert (last.type, last.name) == (RUN_STOP, f"the planned {BLOCK_S:g} s are over")
            assert rows_of(place)["time_s"].iloc[-1] < BLOCK_S <= record.duration_s < BLOCK_S + 2


def test_markers_of_keys_remote_control_and_lsl_are_there(
    mock: MockStudy, say: Callable[[str], None]
) -> None:
    marks = [event for place in runs_of(mock.study) for event in read_events(place.events)]
    marks = [event for event in marks if event.type == MARKER]
    by_key = [event.name for event in marks if event.source == "key"]
    assert (by_key.count("stimulus"), by_key.count("answer")) == (6, 6)
    by_remote = [event for event in marks if event.source == "remote"]
    assert [event.name for event in by_remote] == ["question", "question"]
    told_s = [event.onset_s for event in by_remote]
    assert told_s == pytest.approx(mock.onsets_s, abs=1e-5)
    doubts_s = [event.uncertainty_s or 0.0 for event in by_remote]
    by_lsl = {event.name: event.lsl_s for event in marks if event.source == "lsl"}
    assert len(by_lsl) == STIMULI
    errors_s = [(by_lsl[name] or 0.0) - at_s for name, at_s in mock.pushed_s.items()]
    assert np.abs(errors_s).max() < LSL_ERROR_S
    say(f"LSL: offset {1e6 * np.mean(errors_s):.0f} µs, jitter {1e6 * np.std(errors_s):.0f} µs")
    say(f"remote control: onset known to {1e3 * max(doubts_s):.2f} ms")


def test_a_kill_costs_less_than_a_second(mock: MockStudy, say: Callable[[str], None]) -> None:
    assert "broke off; `fercore recover` closes it" in mock.warned
    record, rows = read_run_record(mock.killed.session), rows_of(mock.killed)
    assert record.state is RunState.RECOVERED
    assert len(rows) >= mock.rows_before_recovery
    assert read_events(mock.killed.events)[-1].type == RUN_LOST
    lost = {
        what: mock.last_sent_lsl_s - float(rows["lsl_s"].iloc[: int(kept)].iloc[-1])
        for what, kept in (
            ("rows", len(rows)),
            ("colour pictures", record.counts.colour_pictures),
            ("depth maps", record.counts.depth_maps),
        )
    }
    before_s = mock.killed_at_lsl_s - mock.last_sent_lsl_s
    say(f"SIGKILL {before_s:.3f} s after the last verdict; missing of what was judged before:")
    say("   " + ", ".join(f"{what} {max(0.0, s):.3f} s" for what, s in lost.items()))
    assert max(lost.values()) < LOSS_S


def deviations(run: Path, target: Path) -> tuple[int, pd.DataFrame]:
    """Replay a run; return the exit status and the deviations frame by frame."""
    status = main(["replay", str(run), "--output", str(target)])
    return status, pd.read_csv(target, sep="\t")


def test_a_lossless_run_is_replayed_the_same(
    mock: MockStudy, folder: Path, say: Callable[[str], None]
) -> None:
    place, record = records_of(mock.study)[0]
    assert record.counts.rounded_depth_maps == 0
    status, found = deviations(place.folder, folder / "replay-full.tsv")
    assert status == 0
    assert len(found) == record.counts.colour_pictures
    each = found.drop(columns="source_frame")
    assert each.notna().any().all() and float(each.max().max()) < TOLERANCE
    say(f"replay, full with FFV1: {len(found)} frames, largest deviation {each.max().max():.1e}")


def test_other_levels_are_replayed_as_far_as_they_were_kept(
    mock: MockStudy, folder: Path, say: Callable[[str], None]
) -> None:
    place = runs_of(mock.levels["depth"])[0]
    status, found = deviations(place.folder, folder / "replay-depth.tsv")
    assert status == 0
    assert found["depth_deviation"].max() < TOLERANCE
    assert found[["fusion_deviation", "rgb_deviation"]].isna().all().all()
    say(f"replay, depth: {len(found)} frames, largest {found['depth_deviation'].max():.1e}")
    status, found = deviations(runs_of(mock.levels["full"])[0].folder, folder / "replay-h264.tsv")
    assert status == 0  # lossy colour may deviate, depth may not
    assert found["depth_deviation"].max() < TOLERANCE
    say(f"replay, full with H.264: largest {found['rgb_deviation'].max():.3f} (rgb)")
    assert main(["replay", str(runs_of(mock.levels["derived"])[0].folder)]) == 2


@pytest.mark.parametrize("level", LEVELS)
def test_each_level_keeps_what_it_says(
    level: str, mock: MockStudy, say: Callable[[str], None]
) -> None:
    ((place, record),) = records_of(mock.levels[level])
    assert place.colour.exists() is (level in ("blurred", "full"))
    assert place.depth.exists() is (level in ("depth", "full"))
    counts, rate_hz = record.counts, record.counts.frames / record.duration_s
    say(
        f"{level} with {record.colour_codec or 'no colour'}: "
        f"{size_per_minute(place, record):.2f} MB/min at {rate_hz:.1f} verdicts/s, dropped "
        f"{counts.dropped_rows} rows, {counts.dropped_colour} colour, {counts.dropped_depth} depth"
    )


def test_lossless_video_takes_its_room(mock: MockStudy, say: Callable[[str], None]) -> None:
    sizes = [size_per_minute(*each) for each in records_of(mock.study)]
    say(f"full with ffv1: {np.mean(sizes):.1f} MB/min")
    assert min(sizes) > 0


def test_every_export_opens_in_pandas(mock: MockStudy) -> None:
    for form in ("bids", "csv", "parquet", "xdf-ready"):
        assert main(["export", str(mock.study), "--format", form]) == 0
    exports = mock.study / "exports"
    rows = sum(record.counts.frames for _, record in records_of(mock.study))
    for suffix, read in (("csv", pd.read_csv), ("parquet", pd.read_parquet)):
        options = {"dtype": TEXTS} if suffix == "csv" else {}
        tables = {
            name: read(exports / suffix / f"{name}.{suffix}", **options)
            for name in ("participants", "runs", "predictions", "events")
        }
        assert len(tables["predictions"]) == rows
        assert sorted(tables["predictions"]["subject"].unique()) == ["01", "02", "03"]
        assert len(tables["runs"]) == 7 and len(tables["participants"]) == 3
        assert set(tables["predictions"]["condition"]) == {"calm", "happy"}
    assert check_bids(exports / "bids", ["age"]) == []
    people = pd.read_csv(exports / "bids" / "participants.tsv", sep="\t")
    assert people["age"].tolist() == [int(ANSWERS["age"])] * 3
    beh = [pd.read_csv(path, sep="\t") for path in (exports / "bids").rglob("*_beh.tsv")]
    assert sum(len(table) for table in beh) == rows


def test_xdf_holds_every_run(mock: MockStudy) -> None:
    files = sorted((mock.study / "exports" / "xdf-ready").glob("*.xdf"))
    assert len(files) == len(runs_of(mock.study))
    for path in files:
        tags = [tag for tag, _ in xdf_chunks(path.read_bytes())]
        assert tags[0] == 1 and {2, 3, 6} <= set(tags)


def test_the_report_is_made(mock: MockStudy, say: Callable[[str], None]) -> None:
    assert main(["study-report", str(mock.study)]) == 0
    page = (mock.study / "report" / "report.html").read_text(encoding="utf-8")
    for words in ("SYNTHETIC", "Around the marker stimulus", "recovered", "Agreement"):
        assert words.casefold() in page.casefold(), words
    say(f"report: {mock.study / 'report' / 'report.html'}")
