"""The disk that a run is written to: whether it has room, and what its failures mean."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from fercore.errors import FercoreError, cure

if TYPE_CHECKING:
    from pathlib import Path

RESERVE_BYTES = 64_000_000
"""Recording stops when less is free: enough to close the run, and for the system to live."""


class DiskRoom:
    """Watches the disk of a run's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.bytes_free = 0  # when it was last looked at

    def require(self) -> None:
        """Look at the disk.

        Raises:
            FercoreError: it is nearly full.
            OSError: it cannot be asked.
        """
        self.bytes_free = shutil.disk_usage(self._folder).free
        if self.bytes_free < RESERVE_BYTES:
            raise FercoreError(
                f"The disk of {self._folder} is nearly full "
                f"({self.bytes_free / 1e6:.0f} MB free); free some space, "
                "what is written so far is valid."
            )

    def unwritable(self, error: OSError) -> FercoreError:
        """Return in a sentence what failed, and what to do."""
        return FercoreError(
            f"{self._folder} cannot be written ({error.strerror or error}); {cure(error)} "
            "or choose another disk, what is written so far is valid."
        )
