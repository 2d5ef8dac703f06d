"""What anyone may have written becomes a frozen dataclass, or a sentence that says what is wrong.

pydantic holds values against the types and limits that a dataclass declares; its module must not
postpone the evaluation of annotations behind `TYPE_CHECKING`. What training reads as well (cards,
recipes, manifests of caches) is checked by `fercore.runtime.parsing.checked`, for a machine that
trains may have no more than torch.
"""

from __future__ import annotations

import json
from functools import cache
from types import GenericAlias
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

from annotated_types import Interval
from pydantic import AfterValidator, ConfigDict, TypeAdapter, ValidationError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from pydantic_core import ErrorDetails

T = TypeVar("T")

_STRICT = ConfigDict(strict=True, allow_inf_nan=False)
_WORDS = {
    "missing": "is missing",
    "unexpected_keyword_argument": "is not known; remove it or correct its spelling",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a number",
    "greater_than": "must be above {gt:g}",
    "greater_than_equal": "must be {ge:g} or more",
    "less_than_equal": "must be {le:g} or less",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "too_short": "must hold at least {min_length}",
    "tuple_type": "must be a list",
    "dataclass_type": "must be a table of values",
    "dict_type": "must be a table of values",
    "mapping_type": "must be a table of values",
}

_SELF_EVIDENT = ("missing", "unexpected_keyword_argument", "too_short")


def _not_empty(text: str) -> str:
    if not text.strip():
        raise ValueError("must be a text that is not empty")
    return text


Text = Annotated[str, AfterValidator(_not_empty)]
"""A text that is not empty."""
Probability = Annotated[float, Interval(ge=0, le=1)]
"""A number from 0 to 1."""


def described(kind: type[T], values: object, *, tolerant: bool = False) -> T:
    """Return what values of a JSON or TOML text describe; `tolerant` passes over unknown keys.

    Nothing is converted but lists to tuples, words to enumerations, whole numbers to others and
    TOML's dates to texts.

    Raises:
        ValueError: a value is missing, of another type, beyond its limits or unknown; the message
            names it, such as "task 1: `label` is missing".
    """
    text, hashed = json.dumps([values], default=str), cast("Hashable", kind)
    try:
        found: T = _reader(hashed).validate_json(text, extra="ignore" if tolerant else "forbid")[0]
    except ValidationError as error:
        raise ValueError(_complaint(error.errors()[0])) from None
    return found


@cache
def _reader(kind: Hashable) -> TypeAdapter[list[Any]]:
    # A list of one: pydantic takes no configuration for a dataclass from without.
    one: Any = GenericAlias(list, (kind,))
    return TypeAdapter(one, config=_STRICT)


def _complaint(fault: ErrorDetails) -> str:
    words, place = _words(fault), list[str]()
    for part in fault["loc"][1:]:  # the first is that of the list of one
        if isinstance(part, str):
            place.append(part)
        elif place:
            place[-1] += f" {part + 1}"
    if place and not words.startswith("`"):  # what concerns several values names them itself
        words = f"`{place.pop().partition(' ')[0]}` {words}"
    return ": ".join([*place, words])


def _words(fault: ErrorDetails) -> str:
    kind, details = fault["type"], fault.get("ctx", {})
    if kind == "value_error":
        return str(details["error"])
    words = fault["msg"].replace("Input should be", "must be")
    if kind in _WORDS:
        words = _WORDS[kind].format(**details)
    if kind == "tuple_type" and isinstance(fault["input"], dict):
        words += f", each table of it written as [[{fault['loc'][-1]}]]"  # TOML's pitfall
    return words if kind in _SELF_EVIDENT else f"{words}, not {fault['input']!r:.60}"
