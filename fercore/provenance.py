"""Which software made a result; stored with every checkpoint, cache and run."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("fercore", "torch", "torchvision", "numpy", "mediapipe", "open3d", "SimpleITK", "scipy")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that shape results, where installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
