"""Say what works on this machine and what to do about what does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

NAME = "doctor"
HELP = "versions, camera, detector, weights, display: what works"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options: there are none."""


def run(arguments: argparse.Namespace) -> int:
    """Print one line a check; status 1 when something essential does not work."""
    from fercore.cli.machine_checks import diagnose

    usable = True
    for check in diagnose():
        usable &= check.works or not check.essential
        mark = "ok   " if check.works else "FAILS" if check.essential else "none "
        print(f"{mark} {check.name}: {check.finding}", flush=True)
        if check.cure:
            print(f"      -> {check.cure}")
    return 0 if usable else 1
