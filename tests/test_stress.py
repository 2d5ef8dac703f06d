"""Measuring checkpoints on perturbed faces: counts, resuming, turned faces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from made_up_faces import PARAMETERS, make_cache
from stress_doubles import DARK, LIGHT, MANIFEST, DepthStub, Stub, brighten

from fercore.caches.reading import open_cache
from fercore.errors import DatasetError
from fercore.evaluation.stress.perturbations import Perturbation
from fercore.evaluation.stress.poses import Turn, View
from fercore.evaluation.stress.records import StressRecords
from fercore.evaluation.stress.running import Contender, StressedFaces, StressRun, read_face_set

if TYPE_CHECKING:
    from fercore.evaluation.stress.crops import Crops
    from fercore.networks.paper import Pipeline

YAW = Turn("yaw", "degrees", (-30, 0))


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> StressedFaces:
    """Return 24 faces of two subjects, four of each expression."""
    cache = make_cache(tmp_path_factory.mktemp("stress") / "cache", 2, 0)
    return read_face_set(open_cache(cache), (3, 4), ("f2d",))


def contender(name: str, network: Pipeline) -> Contender:
    return Contender(name, network, PARAMETERS)


def stress(faces: StressedFaces, records: StressRecords, *contenders: Contender) -> StressRun:
    return StressRun(faces, contenders, records, 0, lambda _: None)


def correct(records: StressRecords, perturbation: str, severity: float, head: str) -> int:
    cell = (perturbation, severity, head)
    return sum(r.correct for r in records.rows if (r.perturbation, r.severity, r.head) == cell)


class TestFaces:
    def test_only_the_asked_faces_are_read(self, faces: StressedFaces, tmp_path: Path) -> None:
        assert len(faces) == len(faces.faces) == len(faces.scans) == 24
        assert faces.faces.subject_names == ("F9001", "F9002")
        cache = open_cache(make_cache(tmp_path / "cache", 2, 0))
        fewer = read_face_set(cache, (4,), ("f2d",))
        assert len(fewer) == 12
        assert fewer.sha256 != faces.sha256
        with pytest.raises(DatasetError, match="no usable face of levels 3,4 in view camera"):
            read_face_set(cache, (3, 4), ("camera",))


class TestPerturbed:
    def test_every_head_is_counted_at_every_severity(
        self, faces: StressedFaces, tmp_path: Path
    ) -> None:
        records = StressRecords(tmp_path, MANIFEST)
        stress(faces, records, contender("stub", Stub())).perturb([LIGHT, DARK])
        assert correct(records, "light", 0, "rgb") == 4  # fear
        assert correct(records, "light", 0, "depth") == 4  # disgust
        assert [correct(records, "light", s, "fusion") for s in (100, 255)] == [4, 4]
        assert correct(records, "dark", 1, "depth") == 4  # fear instead
        assert {(r.samples, r.weights) for r in records.rows} == {(12, "stub")}
        assert {r.subject for r in records.rows} == {"F9001", "F9002"}
        assert len(records.rows) == (3 + 2) * 3 * 2

    def test_right_answers_move_with_the_perturbation(
        self, faces: StressedFaces, tmp_path: Path
    ) -> None:
        records = StressRecords(tmp_path, MANIFEST)
        happy = StressedFaces(
            faces.faces.where(faces.faces.labels == 0), faces.scans[:4], PARAMETERS
        )
        stress(happy, records, contender("stub", Stub())).perturb([LIGHT])
        assert [correct(records, "light", s, "rgb") for s in (0, 100, 255)] == [0, 0, 4]
        assert [correct(records, "light", s, "fusion") for s in (0, 100, 255)] == [0, 0, 4]
        assert [correct(records, "light", s, "depth") for s in (0, 100, 255)] == [0, 0, 0]

    def test_a_checkpoint_of_one_modality_gives_its_one_head(
        self, faces: StressedFaces, tmp_path: Path
    ) -> None:
        records = StressRecords(tmp_path, MANIFEST)
        both = contender("stub", Stub()), contender("depth", DepthStub())
        stress(faces, records, *both).perturb([DARK])
        heads = {(row.weights, row.head) for row in records.rows}
        assert heads == {
            *(("stub", head) for head in ("fusion", "rgb", "depth")),
            ("depth", "depth"),
        }

    def test_clean_faces_are_judged_once_for_all(
        self, faces: StressedFaces, tmp_path: Path
    ) -> None:
        network = Stub()
        counted: list[int] = []
        run = StressRun(
            faces,
            [contender("stub", network)],
            StressRecords(tmp_path, MANIFEST),
            0,
            counted.append,
        )
        assert run.outstanding([LIGHT, DARK], []) == 24 * (1 + 3)
        run.perturb([LIGHT, DARK])
        assert network.seen == sum(counted) == 24 * (1 + 3)
        assert run.outstanding([LIGHT, DARK], []) == 0

    def test_what_a_killed_run_has_done_is_kept(self, faces: StressedFaces, tmp_path: Path) -> None:
        whole, network = StressRecords(tmp_path / "whole", MANIFEST), Stub()
        stress(faces, whole, contender("stub", Stub())).perturb([LIGHT, DARK])

        def killed(crops: Crops, severity: float, draws: object) -> Crops:
            if severity == 255:
                raise KeyboardInterrupt
            return brighten(crops, severity, draws)

        dying = Perturbation("light", "grey levels", (100, 255), killed)
        with pytest.raises(KeyboardInterrupt):
            stress(
                faces, StressRecords(tmp_path / "cut", MANIFEST), contender("stub", Stub())
            ).perturb([dying, DARK])
        again = StressRecords(tmp_path / "cut", MANIFEST)
        assert again.has("stub", "light", 100)
        assert not again.has("stub", "light", 255)
        stress(faces, again, contender("stub", network)).perturb([LIGHT, DARK])
        assert network.seen == 2 * 24
        assert sorted(again.rows, key=repr) == sorted(whole.rows, key=repr)

    def test_a_further_checkpoint_is_added(self, faces: StressedFaces, tmp_path: Path) -> None:
        first, second = Stub(), Stub()
        stress(faces, StressRecords(tmp_path, MANIFEST), contender("one", first)).perturb([LIGHT])
        both = contender("one", first), contender("two", second)
        stress(faces, StressRecords(tmp_path, MANIFEST), *both).perturb([LIGHT])
        assert first.seen == second.seen == 24 * 3

    def test_all_checkpoints_meet_the_same_draws(
        self, faces: StressedFaces, tmp_path: Path
    ) -> None:
        met: list[float] = []

        def draw(crops: Crops, severity: float, draws: Any) -> Crops:
            met.append(draws[0].random())
            return crops

        kind = Perturbation("noise", "mm", (1, 2), draw)
        for folder, names in (("both", ("a", "b")), ("one", ("b",))):
            records = StressRecords(tmp_path / folder, MANIFEST)
            stress(faces, records, *(contender(n, Stub()) for n in names)).perturb([kind])
        assert len(met) == 4
        assert len(set(met)) == 1


class TestTurned:
    def test_a_face_not_found_is_wrong_and_counted(
        self, faces: StressedFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bright = np.full((16, 16, 3), 255, np.uint8)
        flat = np.full((64, 64), 0.5, np.float32)
        views = [View(bright, flat)] * 24
        views[0] = View(None, None)  # anger of the first subject
        views[1] = View(None, None, "F9001_1 has no texture to render")
        self.render(monkeypatch, views + views)
        records = StressRecords(tmp_path, MANIFEST)
        left_out = stress(faces, records, contender("stub", Stub())).turn(Path(), [YAW], 1)
        assert left_out == ("F9001_1 has no texture to render",)
        for severity in YAW.severities:
            assert correct(records, "yaw", severity, "rgb") == 2  # of three that can be rendered
            assert records.faces_not_found("yaw", severity) == 1
        samples = {row.subject: row.samples for row in records.rows}
        assert samples == {"F9001": 11, "F9002": 12}
        assert StressRecords(tmp_path, MANIFEST).faces_not_found("yaw", -30) == 1

    def test_what_is_measured_is_not_rendered_again(
        self, faces: StressedFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = self.render(monkeypatch, [View(None, None)] * 48)
        counted: list[int] = []
        for expected in ([(-30, 0), (0, 0)], []):
            run = StressRun(
                faces,
                [contender("s", Stub())],
                StressRecords(tmp_path, MANIFEST),
                0,
                counted.append,
            )
            assert run.outstanding([], [YAW]) == 24 * len(expected)
            run.turn(Path(), [YAW], 1)
            assert asked.pop() == expected
        assert sum(counted) == 48
        rows = StressRecords(tmp_path, MANIFEST).rows
        assert {row.correct for row in rows} == {0}
        assert {row.head for row in rows} == {"fusion", "rgb", "depth"}

    def test_without_any_renderable_scan(
        self, faces: StressedFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.render(monkeypatch, [View(None, None, "F9001_0 has no texture to render")] * 24)
        with pytest.raises(DatasetError, match="no scan of the cache can be rendered: F9001_0"):
            stress(faces, StressRecords(tmp_path, MANIFEST), contender("s", Stub())).turn(
                Path(), [YAW], 1
            )

    @staticmethod
    def render(monkeypatch: pytest.MonkeyPatch, views: list[View]) -> list[Any]:
        """Let `views` be what is rendered; return the list of what is asked for."""
        asked: list[Any] = []

        def rendered(scans: Any, angles: Any, parameters: Any, workers: int) -> Any:
            asked.append(angles)
            yield from views

        monkeypatch.setattr(
            "fercore.evaluation.stress.running.render", lambda *a: start(rendered(*a))
        )
        monkeypatch.setattr(
            "fercore.evaluation.stress.running.find_scans", lambda root, names: list(names)
        )

        def start(views: Any) -> Any:
            # Asking counts at once, not when the first view is taken.
            first = next(views, None)

            def rest() -> Any:
                yield first
                yield from views

            return rest()

        return asked
