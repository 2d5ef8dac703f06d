"""The licence notices of everything that a bundle contains.

`write_notices` takes the files that went into the bundle, finds the installed distributions
and system packages that they belong to, copies the licence files of these, and lists all of
them in NOTICES.md. A distribution without a licence file is listed with the licence that it
declares.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NOTICES = "NOTICES.md"
_WORDS = ("licen", "copying", "notice", "authors", "third-party", "third_party", "sboms/")
_NO_TEXT = (".py", ".pyc", ".pyi", ".so", ".xml", ".html", ".js", ".h", ".cmake")
_METADATA = re.compile(r"^[^/]+\.dist-info/(licenses/)?")
_LONGEST = 90  # characters of a declared licence: some give its whole text

_GENERAL = Path("/usr/share/common-licenses")  # in every Debian
_LEFT_OUT = ("LGPL-2.1", "LGPL-3", "GPL-2", "GPL-3")  # by the wheels of Qt and FFmpeg
_DOCUMENTS = Path("/usr/share/doc")  # Debian's copyright files

_STATEMENTS = {
    "pyside6_essentials": "Qt and PySide6 are used under the LGPL, version 3 (`LGPL-3.txt`, which "
    "adds to `GPL-3.txt`). They are shared libraries of their own in `_internal/PySide6` and may "
    "be replaced there by another build. Sources: https://download.qt.io/official_releases/.",
    "shiboken6": "As PySide6: LGPL, version 3. Sources: https://code.qt.io/pyside/pyside-setup.git.",
    "av": "PyAV itself is BSD. Its wheel brings FFmpeg (LGPL) and, among others, the encoders x264 "
    "and x265, which are under the GPL, version 2 or later (`GPL-2.txt`, `GPL-3.txt`): whoever "
    "passes the bundle on has to keep to the GPL for these, and to offer their sources. "
    "Sources: https://github.com/PyAV-Org/pyav-ffmpeg.",
    "opencv_contrib_python": "OpenCV is Apache-2.0. Its wheel brings FFmpeg and Qt 5 under the "
    "LGPL, version 2.1 and 3 (`LGPL-2.1.txt`, `LGPL-3.txt`), see its LICENSE-3RD-PARTY.txt.",
    "tqdm": "MPL-2.0 in parts; sources: https://github.com/tqdm/tqdm.",
    "certifi": "MPL-2.0; sources: https://github.com/certifi/python-certifi.",
    "pyinstaller": "The programs start with PyInstaller's boot loader: GPL, version 2 or later, "
    "with the exception that programs made with it may be passed on under any terms.",
}
_NVIDIA = (
    "NVIDIA's proprietary libraries, under NVIDIA's terms, which do not agree with the GPL of x264 "
    "and x265: a bundle that holds both is for the use of whoever made it, and not to be passed on."
)


@dataclass(frozen=True, slots=True)
class Contents:
    """Whose files a bundle is made of."""

    parts: tuple[Distribution, ...]  # Python distributions, by name
    packages: tuple[str, ...]  # Debian packages
    unknown: tuple[Path, ...]  # files that belong to neither
    libraries: dict[str, tuple[str, ...]]  # that distributions bring along beside their modules


def write_notices(target: Path, sources: Iterable[Path], own: Sequence[Path] = ()) -> Contents:
    """Fill the folder `target` with the notices of these files; return whose files they are.

    `own` are the product's own notices, copied as they are.
    """
    contents = contents_of(sources)
    target.mkdir(parents=True, exist_ok=True)
    for path in (*own, *_pythons_licence()):
        shutil.copy(path, target / path.name)
    for name in _LEFT_OUT:
        shutil.copy(_GENERAL / name, target / f"{name}.txt")
    rows = [_copied(part, contents, target) for part in contents.parts]
    systems = [_copied_package(package, target) for package in contents.packages]
    text = _page(rows, systems, contents)
    (target / NOTICES).write_text(text, encoding="utf-8", newline="\n")
    return contents


def contents_of(sources: Iterable[Path]) -> Contents:
    """Find the distributions and system packages that files belong to."""
    owners = {path: part for part in _installed() for path in _files_of(part)}
    paths = {os.path.realpath(path) for path in sources}
    mine = {path: owners[path] for path in paths & owners.keys()}
    python = os.path.realpath(sys.base_prefix)
    rest = sorted(path for path in paths - mine.keys() if not _lies_in(path, python))
    packages = _debian_packages(rest)
    parts = {slug(part): part for part in (*mine.values(), *_builders())}
    libraries: dict[str, set[str]] = {}
    for path, part in mine.items():
        if ".so" in Path(path).suffixes and not _is_extension(path):
            libraries.setdefault(slug(part), set()).add(Path(path).name)
    return Contents(
        tuple(parts[name] for name in sorted(parts)),
        tuple(sorted(set(packages.values()))),
        tuple(Path(path) for path in rest if path not in packages),
        {name: tuple(sorted(files)) for name, files in libraries.items()},
    )


def slug(part: Distribution) -> str:
    """Return a distribution's name as a key."""
    return part.name.lower().replace("-", "_").replace(".", "_")


def licence_files(part: Distribution) -> dict[str, Path]:
    """Return the licence files that a distribution brings, by where it keeps them."""
    named = [
        file
        for file in part.files or ()
        if any(word in str(file).lower() for word in _WORDS)
        and not file.name.lower().endswith(_NO_TEXT)
        and ".." not in file.parts
    ]
    found = {_METADATA.sub("", str(file)): Path(str(part.locate_file(file))) for file in named}
    return {name: path for name, path in found.items() if path.is_file()}


def declared_licence(part: Distribution) -> str:
    """Return the licence that a distribution's metadata declare, shortened to one line."""
    data = part.metadata
    classified = [
        text.rpartition(" :: ")[2]
        for text in data.get_all("Classifier") or ()
        if text.startswith("License ::")
    ]
    whole = next(iter((data.get("License") or "").strip().splitlines()), "")
    declared = data.get("License-Expression") or ", ".join(classified) or whole
    short = declared if len(declared) <= _LONGEST else f"{declared[:_LONGEST]}…"
    return short.replace("|", "/") or "not declared"


def _installed() -> list[Distribution]:
    return [part for part in distributions() if part.metadata["Name"]]


def _builders() -> list[Distribution]:
    """Return PyInstaller, whose boot loader is part of every bundle, where it is installed."""
    return [part for part in _installed() if slug(part) == "pyinstaller"]


def _files_of(part: Distribution) -> list[str]:
    # One look at the folder, not at each of its hundred thousand files.
    folder = os.path.realpath(str(part.locate_file("")))
    return [os.path.normpath(os.path.join(folder, str(file))) for file in part.files or ()]


def _lies_in(path: str, folder: str) -> bool:
    """Tell whether a file belongs to the Python installation in `folder`, not to a system."""
    return folder not in ("/", "/usr") and Path(path).is_relative_to(folder)


def _pythons_licence() -> list[Path]:
    """Return Python's own licence, wherever this installation keeps it."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    places = (
        Path(sys.base_prefix) / "lib" / version / "LICENSE.txt",
        _DOCUMENTS / version / "copyright",
    )
    return [path for path in places if path.is_file()][:1]


def _debian_packages(paths: Sequence[str]) -> dict[str, str]:
    """Return the Debian package of each file that has one."""
    if not paths or shutil.which("dpkg-query") is None:
        return {}
    # Debian's lists may know /usr/lib/x as /lib/x.
    known = {name: path for path in paths for name in (path, path.removeprefix("/usr"))}
    query = ["dpkg-query", "--search", *known]
    found = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    answers = [line.partition(": ") for line in found.splitlines()]
    return {known[name]: package.split(":")[0] for package, _, name in answers if name in known}


def _copied(part: Distribution, contents: Contents, target: Path) -> str:
    """Copy a distribution's licence files; return its row of the table."""
    folder = target / f"{slug(part)}-{part.version}"
    files = licence_files(part)
    for name, path in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / name)
    where = f"`{folder.name}/`" if files else "no licence file; declared only"
    brought = contents.libraries.get(slug(part), ())
    return f"| {part.name} | {part.version} | {declared_licence(part)} | {where} | {len(brought)} |"


def _is_extension(path: str) -> bool:
    """Tell Python's own kind of module from a shared library that a wheel brings along."""
    return ".cpython-" in Path(path).name or ".abi3." in Path(path).name


def _copied_package(package: str, target: Path) -> str:
    source = _DOCUMENTS / package / "copyright"
    if not source.is_file():
        return f"- {package}: no copyright file on the system that built the bundle"
    folder = target / "system"
    folder.mkdir(exist_ok=True)
    shutil.copy(source, folder / f"{package}.txt")
    return f"- {package}: `system/{package}.txt`"


def _page(rows: Sequence[str], systems: Sequence[str], contents: Contents) -> str:
    names = [slug(part) for part in contents.parts]
    statements = [f"- **{name}**: {_STATEMENTS[name]}" for name in names if name in _STATEMENTS]
    if any(name.startswith("nvidia_") for name in names):
        statements.append(f"- **nvidia**: {_NVIDIA}")
    brought = [
        f"- {name}: {', '.join(files)}" for name, files in sorted(contents.libraries.items())
    ]
    lines = [
        "# Licence notices of this bundle",
        "",
        "fercore and its window are MIT (`LICENSE`); the weights and the sample subjects derive",
        "from what `NOTICE.txt` names, their terms are in `weights-README.md`. What else the",
        "bundle contains is listed here, with its licence files beside this page. Python has its",
        "own licence (`LICENSE.txt`).",
        "",
        "## Of note",
        "",
        *statements,
        "",
        "## Python distributions",
        "",
        "| name | version | declared licence | files | libraries brought along |",
        "|---|---|---|---|---|",
        *rows,
        "",
        "## Shared libraries that these bring along",
        "",
        *(brought or ["none"]),
        "",
        "## System libraries",
        "",
        *(systems or ["none"]),
        *(["", "Of unknown origin:", ""] if contents.unknown else []),
        *[f"- {path.name}" for path in contents.unknown],
    ]
    return "\n".join(lines) + "\n"
