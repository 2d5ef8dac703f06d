"""Pictures between numpy and Qt; both sides own their bytes.

A `QImage` over borrowed memory shows garbage, or crashes, once numpy frees it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtGui import QImage

if TYPE_CHECKING:
    from fercore.structures import UInt8Array


def to_qimage(rgb: UInt8Array) -> QImage:
    """Return a picture (H, W, 3) as an image that owns a copy of its bytes."""
    height, width = rgb.shape[:2]
    packed = np.ascontiguousarray(rgb)
    return QImage(packed.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def to_array(image: QImage) -> UInt8Array:
    """Return an image as an array (H, W, 3), R, G, B, that owns a copy of its bytes."""
    plain = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(plain.constBits(), np.uint8)
    rows = rows.reshape(plain.height(), plain.bytesPerLine())[:, : 3 * plain.width()]
    return rows.reshape(plain.height(), plain.width(), 3).copy()
