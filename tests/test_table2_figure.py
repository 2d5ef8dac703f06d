"""What Table 2's systems see, drawn: every panel shows its own, and the page that explains them."""

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from made_up_geometry import made_up_geometry
from PIL import Image

from fercore.baselines.recipes import BASELINES
from fercore.cli import build_parser
from fercore.errors import FercoreError
from fercore.report import table2_figure
from fercore.report.table2_figure import figure_of_systems, write_systems

if TYPE_CHECKING:
    from fercore.datasets.bu3dfe import Scan

PAGE = (Path(__file__).parent.parent / "docs" / "table2.md").read_text(encoding="utf-8")


def test_every_panel_shows_something_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = figure_of_systems(made_up_geometry())
    assert page.shape == (500, 5 * 236, 3)
    first = [page[:224, 236 * number :][:, :224] for number in range(5)]
    second = [page[250:474, 236 * number :][:, :224] for number in range(4)]
    assert all(panel.std() > 5 for panel in (*first, *second))
    segments, points, labels = first[:3]
    assert (segments[..., 2].astype(int) - segments[..., 0] > 60).sum() > 500  # blue lines
    assert (points[..., 0].astype(int) - points[..., 2] > 60).sum() > 300  # orange dots
    assert len(np.unique(labels.reshape(-1, 3), axis=0)) > 8
    scan = cast("Scan", "F9001_HA04WH")  # nothing of it is read
    monkeypatch.setattr(table2_figure, "posed_scan", lambda *_: made_up_geometry())
    write_systems(scan, tmp_path / "systems.png")
    with Image.open(tmp_path / "systems.png") as written:
        assert written.size == (1180, 500)
    with pytest.raises(FercoreError, match="choose another --output"):
        write_systems(scan, tmp_path / "absent" / "systems.png")


def test_the_page_explains_every_system_and_its_command_is_understood() -> None:
    assert all(f"| `{slug}` |" in PAGE for slug in BASELINES)
    (command,) = re.findall(r"```sh\nfercore (.*)\n```", PAGE)
    assert build_parser().parse_args(shlex.split(command)).systems == "F0001_HA04WH"
