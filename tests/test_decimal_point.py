"""Everything works in a language that writes numbers with a comma."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_LOOK = """
import locale
from fercore.cli.doctor import check_detector
locale.setlocale(locale.LC_ALL, "")
print("before", locale.localeconv()["decimal_point"])
check = check_detector()
print("after", locale.localeconv()["decimal_point"], check.works, check.finding)
"""


@pytest.fixture(scope="module")
def german(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a program that is started in German."""
    folder = tmp_path_factory.mktemp("locales")
    name = "de_DE.UTF-8"
    command = ["localedef", "-i", "de_DE", "-f", "UTF-8", str(folder / name)]
    subprocess.run(command, check=True, capture_output=True)
    clean = {k: v for k, v in os.environ.items() if not k.startswith("LC_")}
    return {**clean, "LOCPATH": str(folder), "LANG": name, "LC_ALL": name, "LC_NUMERIC": name}


def test_the_detector_loads_and_doctor_says_what_it_met(german: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOOK], env=german, capture_output=True, text=True, check=True
    )
    before, after = done.stdout.splitlines()
    assert before == "before ,"
    assert after.startswith("after . True") and "though this language writes ','" in after


def test_a_headless_run_gives_verdicts(german: dict[str, str], tmp_path: Path) -> None:
    options = ["--headless", "--source", "sample", "--max-frames", "40", "--output", str(tmp_path)]
    subprocess.run([sys.executable, "-m", "app", *options], env=german, check=True, timeout=280)
    header, *rows = (tmp_path / "predictions.tsv").read_text(encoding="utf-8").splitlines()
    leading = header.split("\t").index("fusion_anger")
    assert len(rows) == 40
    assert any(row.split("\t")[leading] for row in rows)
