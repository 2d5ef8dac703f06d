"""Say what works on this machine and what to do about what does not.

Each check is a function that returns a `MachineCheck`; packages that build on fercore
add theirs through the entry point group `fercore.doctor` (the application adds
camera and display), so that this package needs to know no device and no GUI.
"""

from __future__ import annotations

import locale
import platform
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from fercore.cli import SubCommand
from fercore.errors import FercoreError

if TYPE_CHECKING:
    import argparse


@dataclass(frozen=True, slots=True)
class MachineCheck:
    """One finding."""

    name: str
    works: bool
    finding: str  # what was seen
    cure: str = ""  # what to do, where it does not work
    essential: bool = True  # False: the rest is useful without it


CheckFunction = Callable[[], MachineCheck]


def diagnose() -> Iterable[MachineCheck]:
    """Yield the findings one after another; a check that fails is itself a finding."""
    for check in (*OWN_CHECKS, *_further_checks()):
        yield _guarded(check)


def check_python() -> MachineCheck:
    """Report the interpreter and the operating system."""
    fits = (3, 11) <= sys.version_info[:2] <= (3, 12)
    finding = f"Python {platform.python_version()} on {platform.platform()}"
    return MachineCheck("python", fits, finding, "" if fits else "use Python 3.11 or 3.12")


def check_packages() -> MachineCheck:
    """Report the versions of the packages that shape results."""
    from fercore.runtime.versions import PACKAGES, versions

    found = versions()
    missing = [package for package in PACKAGES if package not in found]
    finding = ", ".join(f"{name} {version}" for name, version in found.items())
    cure = f"missing: {', '.join(missing)}; install the project again" if missing else ""
    return MachineCheck("packages", not missing, finding, cure)


def check_compute() -> MachineCheck:
    """Report what the networks are trained and run on, once they have started."""
    import torch

    from fercore.inference.engines import load_engine
    from fercore.networks.checkpoints import shipped_checkpoint

    training = torch.cuda.get_device_name() if torch.cuda.is_available() else "the CPU"
    engine, _ = load_engine(shipped_checkpoint("fusion-resnet50"))
    running = engine.description
    engine.close()
    return MachineCheck("compute", True, f"training on {training}, inference with {running}")


def check_renderer() -> MachineCheck:
    """Load the mesh renderer's library."""
    import open3d

    return MachineCheck("renderer", True, f"open3d {open3d.__version__} casts rays on the CPU")


def check_detector() -> MachineCheck:
    """Load the face detector in the user's language, as a window does; show it an empty picture."""
    import numpy as np

    from fercore.faces.detection import MediapipeFaceDetector

    point = _users_decimal_point()
    detector = MediapipeFaceDetector()
    faces = detector.detect(np.full((240, 320, 3), 96, np.uint8))
    detector.close()
    finding = "mediapipe loads its own models, no download needed"
    if point != ".":
        finding += f"; numbers keep their point, though this language writes {point!r}"
    return MachineCheck("face detector", not faces, finding)


def _users_decimal_point() -> str:
    """Take up the user's language, as Qt does when it starts; return its decimal point."""
    try:
        locale.setlocale(locale.LC_ALL, "")
    except locale.Error:  # a language that this system does not know: Qt then stays with C
        return "."
    return str(locale.localeconv()["decimal_point"])


def check_weights() -> MachineCheck:
    """Load every shipped checkpoint."""
    from fercore.networks.checkpoints import load_checkpoint, weights_folder

    paths = sorted(weights_folder().glob("*.safetensors"))
    for path in paths:
        load_checkpoint(path)
    finding = f"{', '.join(p.stem for p in paths) or 'none'} in {weights_folder()}"
    return MachineCheck(
        "weights", bool(paths), finding, "" if paths else "install the project again"
    )


def check_samples() -> MachineCheck:
    """Unpack the sample subjects."""
    from fercore.datasets.opening import sample_root

    return MachineCheck("sample subjects", True, f"unpacked in {sample_root()}")


OWN_CHECKS: tuple[CheckFunction, ...] = (
    check_python,
    check_packages,
    check_compute,
    check_renderer,
    check_detector,
    check_weights,
    check_samples,
)


def _further_checks() -> list[CheckFunction]:
    functions: list[CheckFunction] = []
    for entry_point in entry_points(group="fercore.doctor"):
        functions += entry_point.load()
    return functions


def _guarded(check: CheckFunction) -> MachineCheck:
    name = check.__name__.removeprefix("check_").replace("_", " ")
    try:
        return check()
    except FercoreError as error:
        return MachineCheck(name, False, "does not work", str(error))
    except Exception as error:  # a broken installation fails in unforeseeable ways
        finding = f"{type(error).__name__}: {error}"
        return MachineCheck(name, False, finding, "install the project again (`make demo` does)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options: there are none."""


def run(arguments: argparse.Namespace) -> int:
    """Print one line a check; status 1 when something essential does not work."""
    usable = True
    for check in diagnose():
        usable &= check.works or not check.essential
        mark = "ok   " if check.works else "FAILS" if check.essential else "none "
        print(f"{mark} {check.name}: {check.finding}", flush=True)
        if check.cure:
            print(f"      -> {check.cure}")
    return 0 if usable else 1


SUB_COMMANDS = (
    SubCommand(
        "doctor",
        "versions, camera, detector, weights, display: what works",
        __doc__,
        add_arguments,
        run,
    ),
)
