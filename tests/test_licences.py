"""The licence notices that go with a bundle, collected from what is installed."""

from __future__ import annotations

import importlib.util
import sys
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path
from typing import TYPE_CHECKING

import numpy
import PySide6.QtCore
import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def notices() -> ModuleType:
    """Return packaging/bundle/notices.py, which belongs to no package."""
    path = ROOT / "packaging" / "bundle" / "notices.py"
    spec = importlib.util.spec_from_file_location("notices", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["notices"] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


def make_distribution(folder: Path, metadata: str, **files: str) -> Distribution:
    """Install a distribution of text files into a folder."""
    info = folder / "thing-1.0.dist-info"
    (info / "licenses" / "third_party").mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: thing\nVersion: 1.0\n{metadata}")
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    recorded = sorted(path for path in folder.rglob("*") if path.is_file())
    (info / "RECORD").write_text("".join(f"{p.relative_to(folder)},,\n" for p in recorded))
    (found,) = distributions(path=[str(folder)])
    return found


def test_files_lead_to_their_distributions(notices: ModuleType, tmp_path: Path) -> None:
    sources = [Path(numpy.__file__), Path(PySide6.QtCore.__file__)]
    contents = notices.write_notices(tmp_path, sources)
    names = {notices.slug(part) for part in contents.parts}
    assert names - {"pyinstaller"} == {"numpy", "pyside6_essentials"}
    assert not contents.unknown
    version = distribution("numpy").version
    assert "Copyright" in (tmp_path / f"numpy-{version}" / "LICENSE.txt").read_text()


def test_the_page_names_every_part_with_its_licence(notices: ModuleType, tmp_path: Path) -> None:
    notices.write_notices(tmp_path, [Path(numpy.__file__), Path(PySide6.QtCore.__file__)])
    page = (tmp_path / notices.NOTICES).read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith("| PySide6_Essentials |")]
    assert "LGPL-3.0-only" in row and "no licence file; declared only" in row
    assert "| numpy |" in page and f"`numpy-{distribution('numpy').version}/`" in page
    assert "may be replaced there by another build" in page


def test_texts_that_wheels_leave_out_are_added(notices: ModuleType, tmp_path: Path) -> None:
    notices.write_notices(tmp_path, [], own=[ROOT / "LICENSE", ROOT / "weights" / "NOTICE.txt"])
    for name, words in {
        "LGPL-3.txt": "GNU LESSER GENERAL PUBLIC LICENSE",
        "GPL-3.txt": "GNU GENERAL PUBLIC LICENSE",
        "GPL-2.txt": "GNU GENERAL PUBLIC LICENSE",
        "LGPL-2.1.txt": "GNU LESSER GENERAL PUBLIC LICENSE",
        "LICENSE": "The fercore contributors",
        "NOTICE.txt": "ICT-FaceKit",
    }.items():
        assert words in (tmp_path / name).read_text(encoding="utf-8")


def test_pythons_own_licence_goes_along(notices: ModuleType, tmp_path: Path) -> None:
    notices.write_notices(tmp_path, [])
    texts = [p.read_text(encoding="utf-8", errors="replace") for p in tmp_path.glob("*")]
    assert any("PYTHON SOFTWARE FOUNDATION LICENSE" in text for text in texts)


def test_a_file_of_nobody_is_named(notices: ModuleType, tmp_path: Path) -> None:
    stray = tmp_path / "libstray.so"
    stray.write_bytes(b"")
    contents = notices.write_notices(tmp_path / "out", [stray])
    assert contents.unknown == (stray,)
    page = (tmp_path / "out" / notices.NOTICES).read_text(encoding="utf-8")
    assert "Of unknown origin" in page and "- libstray.so" in page


def test_licence_files_keep_their_places(notices: ModuleType, tmp_path: Path) -> None:
    part = make_distribution(
        tmp_path,
        "",
        **{
            "thing-1.0.dist-info/licenses/LICENSE": "ours",
            "thing-1.0.dist-info/licenses/third_party/COPYING.txt": "theirs",
            "licensing.py": "code",
            "readme.txt": "no licence",
        },
    )
    found = notices.licence_files(part)
    assert {name: path.read_text() for name, path in found.items()} == {
        "LICENSE": "ours",
        "third_party/COPYING.txt": "theirs",
    }


@pytest.mark.parametrize(
    ("metadata", "declared"),
    [
        ("License-Expression: MIT OR Apache-2.0\n", "MIT OR Apache-2.0"),
        ("License: MIT\n", "MIT"),
        ("Classifier: License :: OSI Approved :: BSD License\nLicense: a | b\n", "BSD License"),
        ("License: a | b\n", "a / b"),
        (f"License: {'long ' * 40}\n", f"{'long ' * 18}…"),
        ("", "not declared"),
    ],
)
def test_declared_licences(
    notices: ModuleType, tmp_path: Path, metadata: str, declared: str
) -> None:
    assert notices.declared_licence(make_distribution(tmp_path, metadata)) == declared


def test_every_statement_speaks_of_something_that_is_installed(notices: ModuleType) -> None:
    installed = {notices.slug(part) for part in distributions()}
    assert set(notices._STATEMENTS) - {"pyinstaller"} <= installed
