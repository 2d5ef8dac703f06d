"""A process that records until it is killed: python study_child.py STUDY LOG SEED.

Every frame and marker that was handed over is noted in LOG at once, so that the parent
knows what may be missing.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from app_doubles import analysis_of
from study_fixtures import open_desk, textured_frame


def main(study: Path, log: Path) -> None:
    frames = [textured_frame(index) for index in range(5)]
    desk = open_desk(study)
    note = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    name = desk.start("01", "1", "video", "calm")
    os.write(note, f"run {name.stem}\n".encode())
    for index in range(100_000):
        host_s = time.monotonic()
        desk.add(analysis_of(frames[index % len(frames)]), host_s)
        os.write(note, f"frame {host_s:.6f}\n".encode())
        if index % 10 == 5:
            event = desk.mark(f"m{index}", "key")
            os.write(note, f"marker {event.host_s:.6f} m{index}\n".encode())
        time.sleep(max(0.0, host_s + 1 / 30 - time.monotonic()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
