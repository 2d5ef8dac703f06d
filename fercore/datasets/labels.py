"""The words that data sets have for the six expressions."""

from __future__ import annotations

from fercore.expressions import NEUTRAL, Expression

_WORDS = {
    **{expression.value: expression for expression in Expression},
    "angry": Expression.ANGER,
    "happy": Expression.HAPPINESS,
    "sad": Expression.SADNESS,
}


def expression_named(word: str) -> Expression | None:
    """Return the expression of a word such as `Angry` or `HAPPINESS`, None for `neutral`.

    Raises:
        ValueError: the word is neither an expression's nor `neutral`.
    """
    lower = word.strip().lower()
    if lower == NEUTRAL:
        return None
    if lower not in _WORDS:
        raise ValueError(f"{word!r} names no expression")
    return _WORDS[lower]
