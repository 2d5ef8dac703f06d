"""The six basic expressions, in the one order used everywhere, and calm, which is none.

Every array of six logits or probabilities in the project follows the order of
`Expression`: anger, disgust, fear, happiness, sadness, surprise. Where there are seven, the
last says how calm the face is.
"""

from __future__ import annotations

from enum import StrEnum


class Expression(StrEnum):
    """A basic expression (Ekman); the value is the name shown and written to files."""

    ANGER = "anger"
    DISGUST = "disgust"
    FEAR = "fear"
    HAPPINESS = "happiness"
    SADNESS = "sadness"
    SURPRISE = "surprise"

    @property
    def position(self) -> int:
        """Place in every array of six values, 0 to 5."""
        return EXPRESSIONS.index(self)

    @property
    def bu3dfe_code(self) -> str:
        """Two-letter code in BU-3DFE file names, such as `AN`."""
        return self.value[:2].upper()


EXPRESSIONS: tuple[Expression, ...] = tuple(Expression)

CALM = "calm"
"""The verdict on a face without expression, of networks that were taught it."""

VERDICT_LABELS: tuple[str, ...] = (*(expression.value for expression in EXPRESSIONS), CALM)
"""All that a verdict may say, in the order of every array of seven."""

NEUTRAL = "neutral"
"""Label of a scan without expression (`NE00`); never a class of the networks."""

_BY_CODE = {expression.bu3dfe_code: expression for expression in EXPRESSIONS}


def from_bu3dfe_code(code: str) -> Expression | None:
    """Return the expression of a BU-3DFE code such as `an`, None for neutral (`NE`).

    Raises:
        ValueError: the code is neither an expression's nor `NE`.
    """
    upper = code.upper()
    if upper == "NE":
        return None
    if upper not in _BY_CODE:
        raise ValueError(f"{code!r} is no BU-3DFE expression code")
    return _BY_CODE[upper]
