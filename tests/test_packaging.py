"""The constraints file pins what the project needs, all of it and nothing else."""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PYTHONS = ("3.11", "3.12")
UNPINNED = {"pip", "setuptools", "wheel"}  # pip's own, which a freeze leaves out


def pinned() -> set[str]:
    lines = (ROOT / "packaging" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    requirements = [Requirement(line) for line in lines if not line.startswith("#")]
    assert all(str(r.specifier).startswith("==") for r in requirements)
    return {canonicalize_name(requirement.name) for requirement in requirements}


def wanted(requirement: Requirement, extras: set[str]) -> bool:
    """Tell whether a requirement holds on Linux with any Python that the project supports."""
    environments = (
        {"python_version": python, "python_full_version": f"{python}.0", "extra": extra}
        for python in PYTHONS
        for extra in {"", *extras}
    )
    return requirement.marker is None or any(map(requirement.marker.evaluate, environments))


def own_requirements() -> list[str]:
    """Return the project's requirements and all its extras, which may name one another."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [text for texts in project["optional-dependencies"].values() for text in texts]
    return project["dependencies"] + [text for text in extras if not text.startswith("fercore[")]


def needed() -> set[str]:
    """Return what the project and its tests require, directly or not, by what is installed."""
    coming, seen = [Requirement(text) for text in own_requirements()], set()
    while coming:
        requirement = coming.pop()
        name = canonicalize_name(requirement.name)
        if (name, *sorted(requirement.extras)) in seen:
            continue
        seen.add((name, *sorted(requirement.extras)))
        try:
            further = [Requirement(text) for text in requires(name) or ()]
        except PackageNotFoundError:  # of the other Python
            continue
        coming += [other for other in further if wanted(other, requirement.extras)]
    return {name for name, *_ in seen}


def test_nothing_is_pinned_that_nobody_needs() -> None:
    assert sorted(pinned() - needed()) == [], "strays in packaging/constraints.txt"


def test_everything_that_is_installed_for_the_project_is_pinned() -> None:
    def installed(name: str) -> bool:
        try:
            requires(name)
        except PackageNotFoundError:
            return False
        return True

    unpinned = {name for name in needed() - pinned() - UNPINNED if installed(name)}
    assert sorted(unpinned) == [], "missing from packaging/constraints.txt"


def test_no_index_address_is_named() -> None:
    assert "://" not in (ROOT / "packaging" / "constraints.txt").read_text(encoding="utf-8")
