"""Pictures between numpy and Qt; both sides own their bytes.

A `QImage` over borrowed memory shows garbage, or crashes, once numpy frees it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from PySide6.QtGui import QImage

if TYPE_CHECKING:
    from fercore.structures import UInt8Array


def to_qimage(rgb: UInt8Array) -> QImage:
    """Return a picture (H, W, 3) as an image that owns a copy of its bytes.

    It is in Qt's own 32-bit format, which is scaled and drawn several times faster.
    """
    height, width = rgb.shape[:2]
    packed = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGRA)
    return QImage(packed.data, width, height, 4 * width, QImage.Format.Format_RGB32).copy()


def to_array(image: QImage) -> UInt8Array:
    """Return an image as an array (H, W, 3), R, G, B, that owns a copy of its bytes."""
    plain = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(plain.constBits(), np.uint8)
    rows = rows.reshape(plain.height(), plain.bytesPerLine())[:, : 3 * plain.width()]
    return rows.reshape(plain.height(), plain.width(), 3).copy()
