"""Under which terms each data set may be used, and how its subjects' codes tell it apart.

A prepared cache does not name its data set; the codes of its subjects do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Terms:
    """A data set's name and terms."""

    name: str
    sentence: str


BU3DFE = Terms(
    "BU-3DFE", "BU-3DFE, licensed by Binghamton University for research; not to be passed on"
)
BU4DFE = Terms(
    "BU-4DFE", "BU-4DFE, licensed by Binghamton University for research; not to be passed on"
)
BOSPHORUS = Terms(
    "Bosphorus", "Bosphorus, licensed by Boğaziçi University for research; not to be passed on"
)
FER2013 = Terms(
    "FER2013",
    "FER2013, terms of its Kaggle challenge: research use, the pictures are not passed on",
)
SYNTHETIC = Terms(
    "synthetic",
    "synthetic, no person was recorded; made with ICT-FaceKit (MIT licence) or MakeHuman (CC0)",
)

_BY_CODE = (
    (re.compile(r"[FM]\d{3}"), BU4DFE),
    (re.compile(r"bs\d{3}"), BOSPHORUS),
    (re.compile(r"fer[0-9a-f]{12}"), FER2013),
)


def terms_of(subjects: Sequence[str]) -> Terms:
    """Return the terms of the data set whose subjects have these codes.

    Synthetic subjects have codes from F9001 and M9001 on, where BU-3DFE ends at F0056 and
    M0044. What cannot be told counts as BU-3DFE, whose terms are strict.
    """
    if all(subject[1:].startswith("9") for subject in subjects):
        return SYNTHETIC
    for code, terms in _BY_CODE:
        if all(code.fullmatch(subject) for subject in subjects):
            return terms
    return BU3DFE
