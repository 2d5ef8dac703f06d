"""The option `--levels`, which several commands share."""

from __future__ import annotations

from argparse import ArgumentTypeError


def levels(text: str) -> tuple[int, ...]:
    """Read levels such as `3,4`.

    Raises:
        ArgumentTypeError: anything but levels from 1 to 4.
    """
    parts = text.split(",")
    if not set(parts) <= {"1", "2", "3", "4"}:
        raise ArgumentTypeError(f"{text!r}: give levels from 1 to 4, such as 3,4")
    return tuple(sorted({int(part) for part in parts}))
