"""What a widget has drawn, as an array of pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtGui import QColor

from app.drawing.qimage import to_array

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from fercore.structures import UInt8Array


def picture_of(widget: QWidget, width: int = 400, height: int = 300) -> UInt8Array:
    widget.resize(width, height)
    return to_array(widget.grab().toImage())


def count(picture: UInt8Array, colour: str, tolerance: int = 12) -> int:
    wanted = QColor(colour)
    rgb = np.array((wanted.red(), wanted.green(), wanted.blue()))
    return int((np.abs(picture.astype(int) - rgb).max(axis=-1) <= tolerance).sum())
