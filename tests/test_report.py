"""`fercore report`: the files it writes, and what must stand in them."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from made_up_runs import MadeUp, page_of, table_of, write_json, write_run, write_stress

from fercore.cli import main

RUN = MadeUp({"depth": 0.7, "rgb-resnet50": 0.55, "fusion-resnet50": 0.8})
POINTS = {
    ("gain", "stops"): {-2: (0.75, 0.33, 0.67), 0: (0.75, 0.67, 0.67)},
    ("blur", "px"): {0: (0.75, 0.67, 0.67), 4: (0.5, 0.25, 0.67)},
}
TABLES = (
    *("table1", "claims", "pairs", "recall", "confusion", "calibration", "reliability"),
    *("levels", "scans", "subjects", "timings", "stress", "stress-claims"),
)
FIGURES = (
    *("accuracy", "pairs", "recall", "confusion", "reliability", "levels", "learning"),
    *("subjects", "stress-fusion-resnet50"),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run with its report, for tests that only look at it."""
    folder = write_run(tmp_path_factory.mktemp("report") / "run", RUN)
    write_stress(folder, POINTS)
    assert main(["report", str(folder)]) == 0
    return folder


@pytest.fixture
def stressed(tmp_path: Path) -> Path:
    """Return a stress test alone: the report that is made fastest."""
    return write_stress(tmp_path / "run", POINTS)


def test_all_files_are_there_and_no_other(run: Path) -> None:
    expected = {"report.html", *(f"{name}.svg" for name in FIGURES)}
    expected |= {f"{name}.{ending}" for name in TABLES for ending in ("tsv", "md")}
    assert {path.name for path in (run / "report").iterdir()} == expected


def test_every_file_calls_synthetic_data_synthetic(run: Path) -> None:
    for path in (run / "report").iterdir():
        assert "SYNTHETIC DATA" in path.read_text(encoding="utf-8"), path.name


def test_every_evaluation_file_names_protocol_levels_and_backbone(run: Path) -> None:
    for path in (run / "report").iterdir():
        text = path.read_text(encoding="utf-8")
        if not path.name.startswith("stress"):
            for words in ("fixed60, 10 folds", "levels 3 and 4", "ResNet50 from FER2013"):
                assert words in text, (path.name, words)


def test_pipelines_that_the_paper_never_compares_have_no_table_of_claims(tmp_path: Path) -> None:
    made_up = MadeUp({"rgb-resnet50": 0.6, "rgb-vgg19": 0.5})
    run = write_run(tmp_path / "run", made_up)
    assert main(["report", str(run)]) == 0
    written = {path.name for path in (run / "report").iterdir()}
    assert "pairs.tsv" in written and not any(name.startswith("claims") for name in written)
    assert "What the paper concludes" not in page_of(run)


class TestPage:
    def test_loads_nothing(self, run: Path) -> None:
        page = page_of(run)
        assert "<script" not in page
        assert "@import" not in page
        assert not re.search(r"\ssrc=\"(?!data:)", page)
        links = set(re.findall(r"href=\"([^\"#][^\"]*)\"", page))
        assert links and all((run / "report" / link).exists() for link in links)
        assert not re.search(r"url\((?!#)", page)
        # What is left of addresses are the names of XML's vocabularies.
        assert set(re.findall(r"https?://[^\s\"']+", page)) <= {
            "http://www.w3.org/2000/svg",
            "http://www.w3.org/1999/xlink",
        }

    def test_is_well_formed(self, run: Path) -> None:
        parser = BalancedTags()
        parser.feed(page_of(run))
        assert parser.open == []
        assert len(parser.ids) == len(set(parser.ids))
        assert {"accuracy", "protocol", "comparisons", "stress", "provenance"} <= set(parser.ids)

    def test_puts_the_paper_beside_ours(self, run: Path) -> None:
        page = page_of(run)
        assert "paper, BU-3DFE, %" in page
        assert "ours, synthetic data, mean %" in page
        assert "Depth map: PL-depth map" in page
        assert ">84.72<" in page
        assert "440/720" in page
        assert "This run: fixed60, 10 folds, on synthetic data." in page

    def test_follows_the_colour_scheme_and_prints(self, run: Path) -> None:
        page = page_of(run)
        assert "prefers-color-scheme: dark" in page
        assert "@media print" in page
        assert "var(--ink)" in page
        assert "#1a1d21" not in page.split("</style>")[1]

    def test_tells_where_it_comes_from(self, run: Path) -> None:
        page = page_of(run)
        for words in (
            "fercore evaluate --data cache --output RUN",
            "2 CPU cores, one thread a fold",
            "torch 2.15.0",
            "split 0, training 1",
            "sha256 of predictions.tsv",
            "synthetic, made up for a test",
            "fercore stress --weights w.safetensors",
        ):
            assert words in page

    def test_holds_the_sentences_on_the_claim(self, run: Path) -> None:
        page = page_of(run)
        assert "fusion-resnet50: depth carries when light fails." in page
        assert "Light fails at 1 of 1 changes of light." in page


class BalancedTags(HTMLParser):
    EMPTY = ("meta", "img", "br", "path", "use", "rect")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.open and self.open[-1] in self.EMPTY and tag != self.open[-1]:
            self.open.pop()
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


class TestFigures:
    @pytest.mark.parametrize("name", FIGURES)
    def test_stand_alone_with_text_as_text(self, run: Path, name: str) -> None:
        path = run / "report" / f"{name}.svg"
        text = path.read_text(encoding="utf-8")
        root = ElementTree.fromstring(text)
        words = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
        assert any(word and "SYNTHETIC DATA" in word for word in words)
        assert "Helvetica, Arial" in text
        assert "var(--" not in text
        assert "<image" not in text
        assert "dc:date" not in text
        assert float(root.attrib["width"].removesuffix("pt")) == pytest.approx(7.1 * 72)


class TestTables:
    def test_table_1_holds_our_figures_and_theirs(self, run: Path) -> None:
        rows = {row["pipeline"]: row for row in table_of(run, "table1")}
        assert list(rows) == ["depth", "rgb-resnet50", "fusion-resnet50"]
        assert float(rows["depth"]["paper_accuracy_bu3dfe"]) == pytest.approx(0.8472)
        for slug, row in rows.items():
            assert float(row["accuracy"]) == pytest.approx(counted(run, slug), abs=1e-6)
            assert float(row["low"]) < float(row["accuracy"]) < float(row["high"])
            assert (row["experiments"], row["predictions"], row["synthetic"]) == ("10", "240", "1")
        assert rows["fusion-resnet50"]["backbone_start"] == "FER2013, ImageNet layers 1–3"

    def test_confusion_counts_every_prediction(self, run: Path) -> None:
        assert sum(int(row["count"]) for row in table_of(run, "confusion")) == 3 * 240

    def test_every_pair_is_there(self, run: Path) -> None:
        rows = table_of(run, "pairs")
        assert len(rows) == 3
        assert all(float(row["p"]) <= float(row["p_holm"]) for row in rows)
        assert all(row["mcnemar_p"] for row in rows)

    def test_markdown_is_a_table(self, run: Path) -> None:
        text = (run / "report" / "table1.md").read_text(encoding="utf-8")
        assert text.startswith("## Table 1: test accuracy")
        lines = [line for line in text.splitlines() if line.startswith("|")]
        assert len(lines) == 2 + 3
        assert len({line.count("|") for line in lines}) == 1
        assert "nothing here is a claim about real faces" in text

    def test_times_are_added_up(self, run: Path) -> None:
        row = next(row for row in table_of(run, "timings") if row["pipeline"] == "rgb-resnet50")
        assert float(row["seconds"]) == pytest.approx(10 * 11.5)
        assert (row["experiments"], float(row["peak_rss_mb"])) == ("10", 1000)
        text = (run / "report" / "timings.md").read_text(encoding="utf-8")
        assert "1 min 55 s" in text


def counted(run: Path, slug: str) -> float:
    """Return the accuracy as a reader with an awk would find it; folds are of one size here."""
    hits = []
    names = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
    for line in (run / "predictions.tsv").read_text().splitlines()[1:]:
        row = line.split("\t")
        if row[0] == slug:
            p = [float(cell) for cell in row[7:]]
            hits.append(names[p.index(max(p))] == row[3])
    return sum(hits) / len(hits)


def test_the_same_run_gives_the_same_bytes(stressed: Path) -> None:
    main(["report", str(stressed)])
    first = {path.name: path.read_bytes() for path in (stressed / "report").iterdir()}
    main(["report", str(stressed)])
    assert {path.name: path.read_bytes() for path in (stressed / "report").iterdir()} == first


def test_files_of_an_earlier_report_go_and_others_stay(stressed: Path) -> None:
    (stressed / "report").mkdir()
    for name in ("levels.svg", "table1.tsv", "stress-gone.svg", "notes.md", "my.svg"):
        (stressed / "report" / name).write_text("old")
    main(["report", str(stressed)])
    names = {path.name for path in (stressed / "report").iterdir()}
    assert {"notes.md", "my.svg", "stress-fusion-resnet50.svg"} <= names
    assert not {"levels.svg", "table1.tsv", "stress-gone.svg"} & names


def test_a_stress_test_alone(stressed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(stressed)]) == 0
    assert capsys.readouterr().out == (
        f"{stressed}/report/report.html written, with 2 tables and 1 figures.\n"
    )
    page = page_of(stressed)
    assert "Robustness report" in page
    assert "Table 1" not in page


def test_an_unfinished_stress_test_is_said_so(tmp_path: Path) -> None:
    write_stress(tmp_path, {**POINTS, ("occlusion", "share"): {0: (0.75, 0.67, 0.67)}})
    main(["report", str(tmp_path)])
    assert "nothing has been measured for occlusion of fusion-resnet50" in page_of(tmp_path)


def test_few_subjects_are_said_so(tmp_path: Path) -> None:
    write_stress(tmp_path, POINTS, subjects=2)
    main(["report", str(tmp_path)])
    assert "Only 2 subjects were stressed: intervals over so few" in page_of(tmp_path)


def test_faces_that_were_not_found_are_named(stressed: Path) -> None:
    content = json.loads((stressed / "stress.json").read_text())
    content["faces_not_found"] = [
        {"perturbation": "yaw", "severity": -45.0, "faces": 7},
        {"perturbation": "yaw", "severity": 0.0, "faces": 0},
    ]
    write_json(stressed / "stress.json", content)
    main(["report", str(stressed)])
    assert "did not find count as wrong: yaw −45: 7." in page_of(stressed)


def test_only_untouched_faces_so_far(tmp_path: Path) -> None:
    write_stress(tmp_path, {("gain", "stops"): {0: (0.75, 0.67, 0.67)}})
    assert main(["report", str(tmp_path)]) == 0
    assert "nothing has been measured for gain" in page_of(tmp_path)


def test_checkpoints_of_like_names_have_files_of_their_own(tmp_path: Path) -> None:
    write_stress(tmp_path, POINTS, weights=("fusion", "fusion@1/2", "fusion@1:2"))
    main(["report", str(tmp_path)])
    names = {path.name for path in (tmp_path / "report").glob("*.svg")}
    assert names == {"stress-fusion.svg", "stress-fusion-1-2.svg", "stress-fusion-1-2-3.svg"}


@pytest.mark.parametrize("damage", ["absent", "empty", "cut"])
def test_bad_input_is_one_sentence_and_status_2(
    stressed: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    table = stressed / "stress.tsv"
    if damage == "absent":
        table.unlink()
    else:
        table.write_text("" if damage == "empty" else table.read_text()[:-9])
    assert main(["report", str(stressed)]) == 2
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1
    assert str(stressed) in shown.err
    assert not (stressed / "report").exists()


def test_a_folder_that_cannot_be_written(
    stressed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (stressed / "report").write_text("a file")
    assert main(["report", str(stressed)]) == 2
    assert f"{stressed}/report cannot be written (File exists)" in capsys.readouterr().err


def test_a_full_disk_leaves_no_half_file(
    stressed: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str, **_: object) -> int:
        path.write_bytes(text.encode()[:9])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    assert main(["report", str(stressed)]) == 2
    assert "cannot be written (No space left on device)" in capsys.readouterr().err
    assert list((stressed / "report").iterdir()) == []
