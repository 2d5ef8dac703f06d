"""What a stress run keeps on disk: written, read again, refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from stress_doubles import MANIFEST

from fercore.errors import FercoreError
from fercore.evaluation.stress.records import StressRecords, StressRow

if TYPE_CHECKING:
    from pathlib import Path

CARD = {"pipeline": "fusion-resnet50", "sha256": "ab" * 32, "backbone_start": "none"}
HEADER = "weights\tperturbation\tunit\tseverity\thead\tsubject\tsamples\tcorrect"


class TestRecords:
    row = StressRow("stub", "gain", "stops", -1.5, "rgb", "F9001", 12, 7)

    def test_the_files_are_as_agreed(self, tmp_path: Path) -> None:
        records = StressRecords(tmp_path / "new" / "run", MANIFEST)
        name = records.register(CARD)
        records.add([self.row])
        folder = tmp_path / "new" / "run"
        lines = (folder / "stress.tsv").read_bytes().decode()
        assert lines == f"{HEADER}\nstub\tgain\tstops\t-1.5\trgb\tF9001\t12\t7\n"
        content = json.loads((folder / "stress.json").read_text())
        assert content["weights"] == [{"name": name, **CARD}]
        assert {key: content[key] for key in MANIFEST} == MANIFEST
        assert sorted(path.name for path in folder.iterdir()) == ["stress.json", "stress.tsv"]

    def test_they_are_read_again(self, tmp_path: Path) -> None:
        first = StressRecords(tmp_path, MANIFEST)
        first.register(CARD)
        first.miss("yaw", 45, 3)
        first.add([self.row])
        again = StressRecords(tmp_path, {**MANIFEST, "command": "fercore stress again"})
        assert again.rows == (self.row,)
        assert again.has("stub", "gain", -1.5)
        assert not again.has("stub", "gain", 1.5)
        assert again.faces_not_found("yaw", 45) == 3
        assert again.faces_not_found("yaw", 30) == 0

    def test_names_are_pipelines_and_stay(self, tmp_path: Path) -> None:
        twin = {**CARD, "sha256": "cd" * 32}
        records = StressRecords(tmp_path, MANIFEST)
        assert records.register(CARD) == "fusion-resnet50"
        assert records.register(twin) == "fusion-resnet50@cdcdcdcd"
        assert records.register(CARD) == "fusion-resnet50"
        records.add([self.row])
        assert StressRecords(tmp_path, MANIFEST).register(twin) == "fusion-resnet50@cdcdcdcd"

    @pytest.mark.parametrize("name", ["seed", "levels", "view", "dataset", "faces_sha256"])
    def test_a_run_on_other_faces_is_refused(self, name: str, tmp_path: Path) -> None:
        StressRecords(tmp_path, MANIFEST).add([self.row])
        with pytest.raises(FercoreError, match=f"holds a stress run with other {name}; choose"):
            StressRecords(tmp_path, {**MANIFEST, name: "other"})

    @pytest.mark.parametrize(
        "content",
        ["", "[]", "{", '{"format": 2}', '{"format": 1}', '{"format": 1, "weights": [3]}'],
    )
    def test_a_damaged_manifest_is_named(self, content: str, tmp_path: Path) -> None:
        (tmp_path / "stress.json").write_text(content)
        with pytest.raises(FercoreError, match=r"stress\.json cannot be read .*remove it"):
            StressRecords(tmp_path, MANIFEST)

    @pytest.mark.parametrize("content", ["", "a\tb\n", f"{HEADER}\nstub\tgain\n", b"\xff\xfe"])
    def test_a_damaged_table_is_named(self, content: str | bytes, tmp_path: Path) -> None:
        StressRecords(tmp_path, MANIFEST).add([self.row])
        raw = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "stress.tsv").write_bytes(raw)
        with pytest.raises(FercoreError, match=r"stress\.tsv cannot be read .*remove it"):
            StressRecords(tmp_path, MANIFEST)

    def test_a_folder_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("no folder")
        with pytest.raises(FercoreError, match="file is no folder; choose another"):
            StressRecords(tmp_path / "file", MANIFEST)
        records = StressRecords(tmp_path / "new", MANIFEST)
        (tmp_path / "new").write_text("in the way")
        with pytest.raises(FercoreError, match=r"stress\.json cannot be written .*again to go on"):
            records.add([self.row])
