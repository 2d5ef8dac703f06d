"""`import fercore`, and the page that shows it at work."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from made_up_faces import make_cache

import fercore
from fercore.networks.preprocessing import Preprocessing

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")


def test_every_public_name_leads_to_something_documented() -> None:
    assert dir(fercore) == sorted(fercore.__all__)
    for name in fercore.__all__:
        assert getattr(fercore, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'guess'"):
        _ = fercore.guess


def test_importing_it_loads_nothing_heavy() -> None:
    code = "import sys, fercore; print([m for m in ('numpy', 'torch', 'cv2') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_its_page_runs_from_top_to_bottom(
    sample_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    frame = next(sample_root.rglob("*_F2D.bmp"))
    cv2.imwrite(str(tmp_path / "face.png"), cv2.imread(str(frame)))
    subject = tmp_path / "BU_3DFE" / frame.parent.name
    subject.mkdir(parents=True)
    for path in frame.parent.glob(f"{frame.name.removesuffix('_F2D.bmp')}*"):
        shutil.copy(path, subject)
    make_cache(tmp_path / "caches" / "many", 12, 0, Preprocessing(rgb_size=32))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.S):
        exec(block, names)
    shown = capsys.readouterr().out
    assert "% of " in shown and "fusion-resnet50" in shown
    assert set(re.findall(r"fercore\.(\w+)", PAGE)) - {"EXPRESSIONS"} <= set(fercore.__all__)
