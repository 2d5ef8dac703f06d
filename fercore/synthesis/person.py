"""Who a synthetic person is, as far as a face model knows: traits, and a face at rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fercore.structures import FloatArray


@dataclass(frozen=True, slots=True)
class Traits:
    """What a person is born with or grows into, where the face model knows it."""

    sex: str  # F or M
    age_years: float
    african: float  # the three shares of ancestry, 0..1, add up to 1
    asian: float
    caucasian: float


@dataclass(frozen=True, slots=True)
class Person:
    """A face at rest."""

    face_mm: FloatArray  # (V, 3), in the model's frame
    traits: Traits | None = None  # None: the model knows none
