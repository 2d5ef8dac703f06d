import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from app_doubles import analysis_of, calm_prediction, sample_frame
from study_fixtures import made_up, record_run, unseen, write_study

from fercore.cli import main
from fercore.expressions import Expression
from fercore.structures import Analysis, Verdicts
from fercore.study.report_data import (
    agreement,
    bin_times_s,
    grouped,
    load_runs,
    marker_courses,
    mean_over_participants,
    mean_over_time,
)
from fercore.study.run_tables import select


def switching(number: int, first: Expression, then: Expression) -> list[Analysis]:
    """Frames at 30 a second that change what they show in their middle."""
    return [
        analysis_of(sample_frame(i), fusion=first if i < number // 2 else then)
        for i in range(number)
    ]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_study(tmp_path_factory.mktemp("report") / "study")
    for subject in ("01", "02", "03"):
        record_run(folder, subject, "calm", made_up(30, Expression.SADNESS), markers=())
        frames = switching(120, Expression.ANGER, Expression.HAPPINESS)
        record_run(folder, subject, "happy", frames, markers=(60,))
    blind = [*made_up(6), *(unseen(index) for index in range(6, 8))]
    record_run(folder, "03", "calm", blind, markers=())
    return folder


def test_means_are_those_of_the_frames(study: Path) -> None:
    groups = grouped(load_runs(select(study)))
    happy = mean_over_time(groups["01", "happy"], False)
    assert happy.mean[Expression.HAPPINESS.position] == pytest.approx((0.75 + 0.05) / 2)
    assert happy.low[Expression.HAPPINESS.position] <= happy.mean[3]
    assert happy.high[Expression.HAPPINESS.position] >= happy.mean[3]
    assert happy.mean[:6].sum() == pytest.approx(1, abs=1e-5)
    assert np.isnan(happy.mean[6])  # these networks do not know calm
    calm = mean_over_time(groups["02", "calm"], False)
    assert calm.mean[Expression.SADNESS.position] == pytest.approx(0.75, abs=1e-5)


def test_calm_is_reported_where_it_is_known(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study")
    said = calm_prediction(0.8)
    analyses = [replace(a, verdicts=Verdicts(said, said, None)) for a in made_up(12)]
    record_run(study, "01", "calm", analyses)
    (means,) = (mean_over_time(runs, False) for runs in grouped(load_runs(select(study))).values())
    assert means.mean[6] == pytest.approx(0.8, abs=1e-5)
    assert main(["study-report", str(study)]) == 0
    row = (study / "report" / "means.tsv").read_text(encoding="utf-8").splitlines()[-1]
    assert "0.8" in row
    assert "do not know calm" not in (study / "report" / "report.html").read_text("utf-8")
    record_run(study, "02", "calm")
    assert main(["study-report", str(study)]) == 0
    page = (study / "report" / "report.html").read_text("utf-8")
    assert "networks that know calm, others by such that do not" in page


def test_a_single_participant_has_no_interval() -> None:
    one = mean_over_participants(np.full((1, 6), 0.2))
    assert one.mean.tolist() == pytest.approx([0.2] * 6)
    assert np.isnan(one.low).all()
    spread = mean_over_participants(np.array([[0.1] * 6, [0.3] * 6, [np.nan] * 6]))
    assert spread.mean[0] == pytest.approx(0.2)
    assert (spread.low[0], spread.high[0]) == pytest.approx((0.1, 0.3))
    assert np.isnan(mean_over_participants(np.full((2, 6), np.nan)).mean).all()


def test_a_course_shows_the_change_at_the_marker(study: Path) -> None:
    (course,) = marker_courses(load_runs(select(study)), False)
    assert (course.marker, course.condition) == ("stimulus", "happy")
    assert (course.participants, course.occurrences) == (3, 3)
    happiness = course.mean[:, Expression.HAPPINESS.position]
    times_s = bin_times_s()
    assert happiness[times_s < 0] == pytest.approx(0.05, abs=1e-5)
    seen = (times_s > 0) & (times_s < 1.9)
    assert happiness[seen] == pytest.approx(0.75, abs=1e-5)
    assert np.isnan(happiness[times_s > 2.1]).all()


def test_agreement_counts_frames_in_which_all_heads_spoke(study: Path) -> None:
    runs = load_runs(select(study))
    found = agreement([run for run in runs if run.run.name.stem.startswith("sub-01")])
    assert found["frames"] == 150
    assert found["rgb=depth"] == 0  # colour says fear, depth sadness
    assert found["fusion=depth"] == pytest.approx(30 / 150)
    assert found["all"] == 0
    assert -1 <= found["fusion~rgb"] <= 1


def test_the_page_stands_alone_and_the_tables_open(study: Path) -> None:
    assert main(["study-report", str(study)]) == 0
    folder = study / "report"
    page = (folder / "report.html").read_text()
    assert "Study: Reading faces" in page
    assert "Synthetic data." in page
    assert "Fewer than five participants" in page
    assert not re.search(r'(src|href)="(https?:)?//', page)
    assert "<script" not in page
    for link in re.findall(r'href="([^"#]+)"', page):
        assert (folder / link).is_file(), link
    for title in ("Mean probabilities", "Around markers", "Usable frames", "Agreement"):
        assert title in page
    means = pd.read_csv(folder / "means.tsv", sep="\t")
    assert len(means) == 6
    quality = pd.read_csv(folder / "quality.tsv", sep="\t", dtype={"participant": str})
    row = quality[(quality["participant"] == "03") & (quality["condition"] == "calm")].iloc[0]
    assert row["usable"] == pytest.approx(36 / 38, abs=1e-5)
    assert row["NO_FACE"] == pytest.approx(2 / 38, abs=1e-5)
    drops = pd.read_csv(folder / "drops.tsv", sep="\t")
    assert drops["rows dropped"].sum() == 0
    assert len(drops) == 7


def test_frames_never_judged_are_seen_in_the_gaps(tmp_path: Path) -> None:
    frames = [analysis_of(sample_frame(index)) for index in (0, 1, 5, 6, 10)]
    study = write_study(tmp_path / "s")
    record_run(study, analyses=frames, markers=())
    (data,) = load_runs(select(study))
    assert data.never_judged == 6
    assert data.longest_gap_s == pytest.approx(1 / 30, abs=1e-4)


def test_a_study_without_a_verdict_still_has_a_report(tmp_path: Path) -> None:
    study = write_study(tmp_path / "s")
    record_run(study, analyses=[unseen(0), unseen(1)])
    record_run(study, condition="happy", analyses=[], markers=())
    assert main(["study-report", str(study)]) == 0
    page = (study / "report" / "report.html").read_text()
    assert "nan" not in re.sub(r"<[^>]+>", "", page).split()


def test_what_is_no_study_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["study-report", str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
