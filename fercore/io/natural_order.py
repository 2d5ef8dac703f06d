"""Names in the order of their numbers: `2.jpg` before `10.jpg`, as people count."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"(\d+)", re.ASCII)


def natural_key(name: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Return the key that sorts names by their words and numbers.

    Names that differ only in case or in leading zeros keep an order of their own.
    """
    parts = _NUMBER.split(name.casefold())
    return tuple(_part(part) for part in parts if part), name


def _part(part: str) -> tuple[int, int, str]:
    return (0, int(part), "") if part.isdecimal() and part.isascii() else (1, 0, part)
