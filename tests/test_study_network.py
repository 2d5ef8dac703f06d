"""Nothing goes over a network, and no name is looked up, unless someone switches it on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
DRIVER = """
import sys

WATCHED = ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo",
           "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo", "urllib.Request")
seen = []
sys.addaudithook(lambda event, arguments: seen.append(event) if event in WATCHED else None)
from pathlib import Path
from study_fixtures import record_run, write_study
from fercore.cli import main

study = write_study(Path(sys.argv[1]) / "study", "full", "h264")
run = record_run(study)
record_run(study, "02", "happy")
for form in ("bids", "csv", "parquet", "xdf-ready"):
    assert main(["export", str(study), "--format", form]) == 0
assert main(["study-report", str(study)]) == 0
assert main(["recover", str(run.folder)]) == 0
assert main(["withdraw", "02", "--study", str(study), "--yes"]) == 0
assert "pylsl" not in sys.modules
print("seen:", seen)
import socket
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
print("and then:", seen)
"""


def test_a_study_opens_no_connection(tmp_path: Path) -> None:
    command = [sys.executable, "-c", DRIVER, str(tmp_path)]
    path = f"{HERE.parent}:{HERE}"
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PYTHONPATH": path}, cwd=HERE
    )
    assert done.returncode == 0, done.stderr
    assert "seen: []" in done.stdout
    assert "and then: ['socket.bind']" in done.stdout  # the watch was awake
