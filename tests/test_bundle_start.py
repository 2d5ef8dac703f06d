"""What the bundle's programs do first, without a bundle."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

START = Path(__file__).parent.parent / "packaging" / "bundle" / "start.py"


@pytest.fixture
def main() -> Callable[[], int]:
    """Return the programs' entry point."""
    entry: Callable[[], int] = runpy.run_path(str(START))["main"]
    return entry


@pytest.mark.parametrize(
    ("program", "said"), [("fercore", "usage: fercore"), ("rgbd-fer", "usage: rgbd-fer")]
)
def test_a_program_does_what_it_is_called(
    main: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    program: str,
    said: str,
) -> None:
    monkeypatch.setattr(sys, "executable", f"/opt/bundle/{program}")
    monkeypatch.setattr(sys, "argv", [program, "--help"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert said in capsys.readouterr().out


def test_code_runs_as_python_would_run_it(
    main: Callable[[], int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "executable", "/opt/bundle/rgbd-fer")
    monkeypatch.setattr(sys, "argv", ["rgbd-fer", "-c", "print('tried by', __name__)"])
    assert main() == 0
    assert capsys.readouterr().out == "tried by __main__\n"
