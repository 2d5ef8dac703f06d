"""Numbers with a decimal point, whatever the user's language.

protobuf, and so mediapipe, reads its own numbers by the C library's LC_NUMERIC: where that says
decimal comma, the face models cannot be loaded. Qt sets it to the user's when it starts.
"""

from __future__ import annotations

import locale


def keep_decimal_point() -> None:
    """Have this process write and read numbers with a point from now on.

    Dates, sorting and texts stay in the user's language.
    """
    locale.setlocale(locale.LC_NUMERIC, "C")
