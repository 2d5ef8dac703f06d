"""What both programs of the bundle run: `rgbd-fer`, and `fercore` under its own name."""

from __future__ import annotations

import logging
import multiprocessing
import sys
from pathlib import Path


def main() -> int:
    """Run the program that this file is called; return its exit status."""
    if sys.argv[1:2] == ["-c"]:
        return _as_python(sys.argv[2])
    # It says that triton is missing, which the bundle leaves out on purpose.
    logging.getLogger("torch.utils.flop_counter").setLevel(logging.ERROR)
    if Path(sys.executable).stem == "fercore":
        from fercore.cli import main as run_command

        return run_command()
    from app.application import main as run_application

    return run_application()


def _as_python(code: str) -> int:
    """Run code as `python -c` would: in a bundle `sys.executable` is the program itself."""
    exec(code, {"__name__": "__main__"})
    return 0


if __name__ == "__main__":
    multiprocessing.freeze_support()
    sys.exit(main())
