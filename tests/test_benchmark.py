"""The live benchmark: its sources, its figures, and one short run of everything."""

from __future__ import annotations

import argparse
import json
import os
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from test_benchmark_figures import KEYS
from threadpoolctl import ThreadpoolController

from app.bench import command as benchmark
from app.bench import run as benchmark_run
from app.bench.camera import ALIGN, MeasuredCamera
from app.bench.figures import matrix_peak_gflops, network_gflop
from app.bench.source import CAPTURE, PreparedSource, Raw, prepared_frames, to_and_fro
from app.sources.base import SourceError, SourceFacts
from app.window.main_window import MainWindow
from fercore.cli import bench, main
from fercore.errors import FercoreError
from fercore.inference.engines import choice
from fercore.networks.checkpoints import ModelCard, save_checkpoint
from fercore.networks.paper import DEPTH_SIZE, build
from fercore.networks.preprocessing import Preprocessing
from fercore.runtime.stopwatch import Stopwatch
from fercore.structures import FaceBox, RGBDFrame

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtWidgets import QApplication

    from fercore.structures import Analysis, FloatArray, UInt8Array


def raw_frames(count: int = 4, depth: bool = True) -> list[Raw]:
    draws = np.random.default_rng(0)
    return [
        Raw(
            draws.integers(0, 255, (120, 160, 3), np.uint8),
            draws.integers(450, 460, (120, 160), np.uint16) if depth else None,
            None,
        )
        for _ in range(count)
    ]


class OneFace:
    """A detector that always finds the same face."""

    def detect(self, rgb: UInt8Array) -> list[FaceBox]:
        return [FaceBox(40, 20, 120, 100, 0.9)]

    def close(self) -> None:
        pass


def bulging_m() -> FloatArray:
    """Return what bulges like a face before the camera: flat depth is taken for a photograph."""
    rows, columns = np.mgrid[-1.5:1.5:120j, -2:2:160j]
    noise = np.random.default_rng(2).normal(0, 0.001, (120, 160))
    depth_m = (0.28 + 0.05 * (rows**2 + columns**2) + noise).astype(np.float32)
    depth_m[1, 1] = 0.4567
    return depth_m


class ShortSource:
    """Gives a few frames, then ends."""

    name = "short"
    facts = SourceFacts()

    def __init__(self, frames: int, depth: bool = True) -> None:
        self._left = frames
        self._depth_m = bulging_m() if depth else None
        if self._depth_m is not None:
            self._depth_m[0, 0] = np.nan

    def open(self) -> None:
        pass

    def read(self, timeout_s: float) -> RGBDFrame | None:
        self._left -= 1
        if self._left < 0:
            return None
        draws = np.random.default_rng(self._left)
        rgb = draws.integers(0, 255, (120, 160, 3), np.uint8)
        return RGBDFrame(rgb, self._depth_m, None, 0.0, 0)

    def close(self) -> None:
        pass


def test_frames_are_prepared_in_millimetres_and_unknown_stays_unknown() -> None:
    first, second = prepared_frames(ShortSource(2))
    assert first.depth is not None
    assert (first.depth[0, 0], first.depth[1, 1]) == (0, 457)
    assert first.size_bytes == 120 * 160 * 5
    source = PreparedSource([first, second], Stopwatch())
    source.open()
    frame = source.read(1)
    assert frame is not None and frame.depth_m is not None
    assert np.isnan(frame.depth_m[0, 0])
    assert frame.depth_m[1, 1] == pytest.approx(0.457)
    frame.rgb[:] = 0
    assert first.rgb.any()


def test_a_source_without_frames_is_refused() -> None:
    with pytest.raises(SourceError, match="gives no frames"):
        prepared_frames(ShortSource(0))


def test_frames_go_to_and_fro() -> None:
    frames = raw_frames(4)
    order = [next(i for i, f in enumerate(frames) if f is raw) for raw in to_and_fro(frames)]
    assert order == [0, 1, 2, 3, 2, 1]
    assert len(to_and_fro(frames[:1])) == 1


def test_frames_come_when_they_are_due_and_a_late_reader_has_missed_some() -> None:
    watch = Stopwatch()
    source = PreparedSource(raw_frames(depth=False), watch)
    source.open()
    began_s = time.monotonic()
    for _ in range(4):
        frame = source.read(1)
    assert frame is not None
    assert frame.index >= 3
    assert time.monotonic() - began_s >= 0.09
    assert time.monotonic() >= source.captured_s(frame.index)
    missed = source.missed
    time.sleep(0.15)
    late = source.read(1)
    assert late is not None
    assert source.missed >= missed + 3
    assert late.index == frame.index + 1 + source.missed - missed
    assert len(watch.durations_s(CAPTURE)) == 5
    closer = threading.Timer(0.01, source.close)
    closer.start()
    while source.read(1) is not None:
        pass
    closer.join()


def test_prepared_frames_pass_through_the_cameras_sdk() -> None:
    watch = Stopwatch()
    camera = MeasuredCamera(raw_frames(), watch)
    camera.open()
    try:
        frames = [camera.read(2) for _ in range(12)]
        with_depth = [f for f in frames if f is not None and f.depth_m is not None]
        assert len(with_depth) >= 8
        last = with_depth[-1]
        assert last.depth_m is not None
        assert np.nanmedian(last.depth_m) == pytest.approx(0.455, abs=0.006)
        assert 0 <= time.monotonic() - camera.captured_s(last.index) < 1
        assert watch.mean_ms(ALIGN) > 0
        assert watch.mean_ms(CAPTURE) > 0
        assert camera.missed >= 0
    finally:
        camera.close()
        camera.close()


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "mine.safetensors"
    words = ("random", "none", "none", "untrained", "none")
    card = ModelCard("depth", "v1.5", Preprocessing(rgb_size=32), *words, 0, {})
    save_checkpoint(path, build("depth").eval(), card)
    return path


def test_the_machines_peak_and_the_networks_share_are_measured(checkpoint: Path) -> None:
    assert matrix_peak_gflops(2) > 0.1
    # 115 million multiplications and additions in the convolutions, see fercore.networks.paper.
    assert DEPTH_SIZE == 64
    assert network_gflop(checkpoint) == pytest.approx(0.231, abs=0.003)


@pytest.fixture
def live(
    qapp: QApplication, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> argparse.Namespace:
    """Return arguments of a run on small frames, a detector that costs nothing, a tiny network."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(choice, "_has_gpu", lambda: False)
    monkeypatch.setattr(benchmark_run, "create_application", lambda headless: qapp)
    monkeypatch.setattr(benchmark_run, "opened_source", lambda name: ShortSource(6))
    monkeypatch.setattr(benchmark_run, "WARM_UP", 3)
    monkeypatch.setattr("fercore.faces.detection.MediapipeFaceDetector", OneFace)
    parser = argparse.ArgumentParser()
    benchmark.add_arguments(parser)
    return parser.parse_args(["--checkpoint", str(checkpoint), "--seconds", "0.7"])


def test_the_peak_is_that_of_all_cores_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []
    monkeypatch.setattr(np, "matmul", lambda *_: seen.append(numpys_threads()))
    before = numpys_threads()
    assert matrix_peak_gflops(2) > 0
    assert seen == [os.cpu_count()] * 2
    assert numpys_threads() == before


def numpys_threads() -> int:
    pools = ThreadpoolController().select(internal_api="openblas").info()
    return next(pool["num_threads"] for pool in pools if "numpy" in pool["filepath"])


def test_a_run_of_everything(
    live: argparse.Namespace,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limited: list[str] = []
    monkeypatch.setattr(
        benchmark_run, "limit_blas_threads", lambda: limited.append(threading.current_thread().name)
    )
    before = set(threading.enumerate())
    live.json = str(tmp_path / "figures.json")
    assert benchmark.run(live) == 0
    shown = capsys.readouterr().out
    assert "depth on OpenVINO" in shown
    assert " 0 ms of processor time" not in shown
    content = json.loads((tmp_path / "figures.json").read_text())
    assert set(content) == KEYS
    assert content["verdicts_per_s"] > 1
    assert content["drawn_per_s"] > 1
    assert 0 < content["latency_ms"]["p50"] <= content["latency_ms"]["p95"]
    for stage in ("capture", "align", "detect", "preprocess", "depth net", "draw"):
        assert content["stages_ms"][stage] > 0, stage
    assert content["stages_ms"]["RGB net"] == content["stages_ms"]["fusion"] == 0
    assert content["rss_mb"] > 50
    assert limited == ["inference"]
    left = {t.name for t in set(threading.enumerate()) - before if "tqdm" not in t.name}
    assert not left


def test_frames_that_were_judged_but_never_drawn_are_dropped(
    live: argparse.Namespace,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    present = MainWindow.present

    def slowly(window: MainWindow, analysis: Analysis) -> None:
        time.sleep(0.1)
        present(window, analysis)

    monkeypatch.setattr(MainWindow, "present", slowly)
    live.json = "-"
    assert benchmark.run(live) == 0
    content = json.loads(capsys.readouterr().out)
    lost = (content["verdicts_per_s"] - content["drawn_per_s"]) * live.seconds
    assert lost > 1
    assert content["dropped"] >= lost - 1


def test_a_soak_is_interrupted_cleanly(
    live: argparse.Namespace,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import signal

    live.soak, live.json = 20.0, "-"
    begin = benchmark_run.LiveRun._begin_when_warm

    def begin_and_interrupt(run: benchmark_run.LiveRun, now_s: float) -> None:
        begin(run, now_s)
        if run._first is not None:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(benchmark_run.LiveRun, "_begin_when_warm", begin_and_interrupt)
    assert benchmark.run(live) == 130
    content = json.loads(capsys.readouterr().out)
    assert content["soak"]["rss_mb_per_hour"] is None


def test_without_a_face_there_is_nothing_to_measure(
    live: argparse.Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OneFace, "detect", lambda self, rgb: [])
    monkeypatch.setattr(benchmark_run, "PATIENCE_S", 0.5)
    with pytest.raises(FercoreError, match="no face was judged"):
        benchmark.run(live)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("seconds", 0.0, "need a length above 0"),
        ("soak", -1.0, "need a length above 0"),
        ("threads", 0, "give at least 1"),
        ("engine", "tpu", "there is no engine 'tpu'"),
        ("json", "/nowhere/figures.json", "cannot be written"),
    ],
)
def test_arguments_that_do_not_fit_are_one_sentence(
    live: argparse.Namespace, name: str, value: object, words: str
) -> None:
    setattr(live, name, value)
    with pytest.raises(FercoreError, match=words) as raised:
        benchmark.run(live)
    assert "\n" not in str(raised.value)


class _EntryPoint:
    """Stands in for what an installed package declares."""

    def load(self) -> object:
        return benchmark


def test_the_command_finds_the_benchmarks_of_other_packages(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "entry_points", lambda group: [_EntryPoint()])
    monkeypatch.setattr(benchmark, "run", lambda arguments: 130)
    assert main(["bench", "live", "--seconds", "1"]) == 130
    with pytest.raises(SystemExit):
        main(["bench", "--help"])
    assert "live" in capsys.readouterr().out
