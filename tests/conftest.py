"""Fixtures that several test modules share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

# Before anything imports Qt: tests open no window on the developer's screen.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture(scope="session")
def sample_root() -> Path:
    """Return the unpacked sample subjects."""
    from fercore.datasets import samples

    return samples.sample_root()
