"""Stimulus software that steers a recording: start, a marker at each picture, stop.

Run it with PsychoPy's Python while the application records a study with the remote
control switched on. `remote_client.py` (from fercore/study, standard library only) lies
beside this file or fercore is installed there. Address, port and token are shown by the
application.
"""

from __future__ import annotations

import sys
import time

try:
    from fercore.study.remote_client import RemoteClient
except ImportError:
    from remote_client import RemoteClient

HOST, PORT = "127.0.0.1", 47860
SUBJECT, SESSION, TASK, CONDITION = "01", "1", "video", "calm"
PICTURES = ("face1.png", "face2.png", "face3.png")
SHOWN_S, PAUSE_S = 2.0, 1.0


def main(token: str) -> None:
    """Show the pictures and mark each at the very flip that shows it."""
    from psychopy import core, visual

    window = visual.Window(fullscr=True, color="black")
    stimuli = [visual.ImageStim(window, image=picture) for picture in PICTURES]
    with RemoteClient(HOST, PORT, token) as remote:
        remote.start(SUBJECT, SESSION, TASK, CONDITION)
        for name, stimulus in zip(PICTURES, stimuli, strict=True):
            stimulus.draw()
            window.flip()  # returns when the picture is on the screen
            remote.marker(name, at_s=time.monotonic())
            core.wait(SHOWN_S)
            window.flip()
            remote.marker("blank")
            core.wait(PAUSE_S)
        print("The run is", remote.stop())
    window.close()


if __name__ == "__main__":
    main(sys.argv[1])
