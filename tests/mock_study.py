"""A whole study without participants: what `test_mock_study.py` looks at afterwards.

Three made-up participants go through two conditions in the real window, on an X server
without a screen: a synthetic face, the shipped networks, markers by key, remote control and
Lab Streaming Layer, and one run that is killed in its middle. Then one run at each privacy
level.
"""

from __future__ import annotations

import contextlib
import signal
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from operated_window import (
    REHEARSAL,
    OperatedWindow,
    begin_session,
    operated,
    screen,
    settle_checks,
    start_block,
)

from fercore.cli import main
from fercore.study.layout import runs_of
from fercore.study.remote_client import RemoteClient, RemoteError

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.study.layout import RunPlace

BLOCK_S = 12.0
REMOTE_S = BLOCK_S - 0.9  # sooner would be called early
KILLED_AFTER_S = 5.0
LEVEL_S = 8.0
STIMULI = 10
ANSWERS = {"age": "30", "hand": "left"}
LEVELS = {"derived": "h264", "depth": "h264", "blurred": "h264", "full": "h264"}
STUDY = """
title = "{title}"
purpose = "A rehearsal with made-up participants."
privacy = "{privacy}"
colour_codec = "{codec}"
smoothing_s = 0.5
baseline = {baseline}
baseline_s = 8

[[task]]
label = "video"
instruction = "Watch the video."
duration_s = {length_s}
ends_by_itself = true

[conditions]
names = ["calm", "happy"]
order = "balanced-latin-square"

[[field]]
name = "age"
kind = "integer"
description = "Age in years."

[[field]]
name = "hand"
kind = "choice"
choices = ["left", "right"]
required = false

[[marker]]
name = "stimulus"
key = "F5"
description = "The experimenter starts the video."

[[marker]]
name = "answer"
key = "F6"
"""


@dataclass
class MockStudy:
    """Where everything lies, and what only those who were there know."""

    study: Path
    levels: dict[str, Path]  # the study of each privacy level
    killed: RunPlace
    killed_at_lsl_s: float  # the moment of the SIGKILL, on LSL's clock
    last_sent_lsl_s: float  # arrival of the last frame that LSL heard of before it
    rows_before_recovery: int
    warned: str  # what the window said when the killed session was gone on with
    pushed_s: dict[str, float] = field(default_factory=dict)  # LSL markers, by name
    onsets_s: list[float] = field(default_factory=list)  # of remote markers, as answered


def write(folder: Path, title: str, privacy: str, codec: str, length_s: float) -> Path:
    """Write a study file into a new folder."""
    folder.mkdir(parents=True)
    words = {"title": title, "privacy": privacy, "codec": codec, "length_s": length_s}
    baseline = "true" if codec == "ffv1" else "false"
    text = STUDY.format(**words, baseline=baseline)
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return folder


def record_everything(folder: Path) -> MockStudy:
    """Record everything below a folder."""
    import pylsl

    study = write(folder / "study", "Mock study, synthetic", "full", "ffv1", BLOCK_S)
    levels = {
        level: write(folder / f"level-{level}", f"Level {level}", level, codec, LEVEL_S)
        for level, codec in LEVELS.items()
    }
    stream = f"stimuli-{uuid.uuid4().hex}"
    stimuli = pylsl.StreamOutlet(pylsl.StreamInfo(stream, "Markers", 1, 0, "string", stream))
    arguments = ["--source", "synthetic", "--study", str(study)]
    with screen() as display:
        with operated(folder, arguments, display=display, who="sitter") as window:
            begin(window, "01")
            link(window, stream, stimuli)
            pushed_s, onsets_s = first_participant(window, stimuli, folder)
            begin(window, "02")
            killed_at_lsl_s, last_sent_lsl_s = killed_block(window)
        killed = runs_of(study)[-1]
        rows = killed.predictions.read_bytes().count(b"\n") - 1
        with operated(folder, arguments, display=display, who="sitter") as window:
            warned = go_on(window, "02")
            assert main(["recover", str(killed.folder)]) == 0
            blocks(window)
            begin(window, "03")
            blocks(window)
            for level in levels.values():
                one_run(window, level)
            window.close()
    return MockStudy(
        *(study, levels, killed, killed_at_lsl_s, last_sent_lsl_s, rows, warned),
        *(pushed_s, onsets_s),
    )


def begin(window: OperatedWindow, subject: str) -> None:
    """Enrol a participant, settle the checks, record the baseline."""
    begin_session(window, subject, ANSWERS)
    window.do("rest", True)
    time.sleep(1)
    for _ in range(3):
        window.do("record_baseline")
        said = window.until(lambda seen: seen["said"]["baseline"])["said"]["baseline"]
        if said.startswith("Accepted"):
            break
    assert said.startswith("Accepted"), said
    window.do("rest", False)


def link(window: OperatedWindow, stream: str, stimuli: Any) -> None:
    """Switch Lab Streaming Layer and remote control on."""
    window.do("listen_to", stream)
    window.do("open_remote", 0)
    assert stimuli.wait_for_consumers(30)


def first_participant(
    window: OperatedWindow, stimuli: Any, folder: Path
) -> tuple[dict[str, float], list[float]]:
    """Record one block by hand and one by remote control, both with markers of all kinds."""
    seen = window.look()
    port = int(seen["said"]["links"].rstrip(".").split()[-1])
    with RemoteClient("127.0.0.1", port, seen["token"]) as remote:
        start_block(window)
        onsets_s = [window_markers(window, remote, folder)]
        pushed_s = push(stimuli)
        ended(window)
        task, condition = next_block(window)
        start_from_afar(window, remote, task, condition)
        onsets_s.append(window_markers(window, remote, folder))
        window.until(lambda seen: seen["elapsed_s"] > REMOTE_S)
        assert remote.status()["recording"] is True
        assert remote.stop() == "complete"
        window.until(lambda seen: not seen["recording"])  # till then no session can be begun
    return pushed_s, onsets_s


def start_from_afar(
    window: OperatedWindow, remote: RemoteClient, task: str, condition: str
) -> None:
    """Start a run by remote control, which goes by the same checklist."""
    for _ in range(20):
        with contextlib.suppress(RemoteError):  # a check has become red meanwhile
            remote.start("01", "1", task, condition)
            return
        window.do("give_reasons", REHEARSAL)
        time.sleep(0.5)
    raise AssertionError(window.look())


def window_markers(window: OperatedWindow, remote: RemoteClient, folder: Path) -> float:
    """Strike both marker keys and send a marker; return the onset of the latter."""
    window.until(lambda seen: seen["elapsed_s"] > 2)
    window.do("key", "F5")
    onset_s = remote.marker("question")
    window.do("picture", str(folder / "recording.png"))
    window.until(lambda seen: seen["elapsed_s"] > 4)
    window.do("key", "F6")
    return onset_s


def push(stimuli: Any) -> dict[str, float]:
    """Send markers over Lab Streaming Layer; return when, on its clock."""
    import pylsl

    pushed_s = {}
    for number in range(STIMULI):
        pushed_s[f"picture {number}"] = pylsl.local_clock()
        stimuli.push_sample([f"picture {number}"], pushed_s[f"picture {number}"])
        time.sleep(0.2)
    return pushed_s


def ended(window: OperatedWindow) -> None:
    """Wait until the run has ended by itself."""
    window.until(lambda seen: not seen["recording"])
    said = window.until(lambda seen: seen["said"]["runs"].startswith("Recorded: "))
    assert said["line"].startswith("○")


def next_block(window: OperatedWindow) -> tuple[str, str]:
    """Choose the next block; return task and condition."""
    window.do("press", "next")
    task, condition = window.look()["block"]
    return task, condition


def blocks(window: OperatedWindow) -> None:
    """Record every block that is left, with both marker keys."""
    while window.look()["block"] is not None:
        start_block(window)
        for key, at_s in (("F5", 2), ("F6", 4)):
            window.until(lambda seen, at_s=at_s: seen["elapsed_s"] > at_s)
            window.do("key", key)
        ended(window)
        window.do("press", "next")


def killed_block(window: OperatedWindow) -> tuple[float, float]:
    """Start a block and kill the window in its middle.

    Return that moment and when the last frame had arrived that went out, on LSL's clock.
    """
    import pylsl

    found = pylsl.resolve_byprop("name", "fercore-expressions", 1, 30)
    # One that recovers waits for ever for a stream whose sender was killed.
    inlet = pylsl.StreamInlet(found[0], recover=False)
    inlet.open_stream(30)
    start_block(window)
    stamps_s: list[float] = []

    def hears_enough(seen: dict[str, Any]) -> bool:
        stamps_s.extend(inlet.pull_chunk(max_samples=10_000)[1])
        return bool(seen["elapsed_s"] > KILLED_AFTER_S)

    window.until(hears_enough)
    killed_at_s = pylsl.local_clock()
    window.process.send_signal(signal.SIGKILL)
    window.process.wait()
    with contextlib.suppress(pylsl.util.LostError):
        stamps_s.extend(inlet.pull_chunk(max_samples=10_000)[1])
    return killed_at_s, max(stamps_s)


def go_on(window: OperatedWindow, subject: str) -> str:
    """Go on with a session that broke off; return what the window says of that."""
    window.do("begin", "Go on with a session", subject, {})
    warned: str = window.look()["said"]["runs"]
    settle_checks(window)
    return warned


def one_run(window: OperatedWindow, study: Path) -> None:
    """Record one run of another study."""
    window.do("open_study", str(study))
    begin_session(window, "01", ANSWERS)
    start_block(window)
    ended(window)
