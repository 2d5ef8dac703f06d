"""The text of a VRML 2.0 file: unpacked, checked, without comments, and its blocks of numbers."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.io.files import LARGEST_BYTES, beginning, printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

FACE_SET = "IndexedFaceSet"

# Possessive, so that a quoted text without an end is gone through once and not again and again.
QUOTED = rb'"(?:[^"\\]|\\.)*+("?)'

_GZIP = b"\x1f\x8b"
# Windows writes NaN as `1.#QNAN`: there, `#` starts no comment.
_STRING_OR_COMMENT = re.compile(QUOTED + rb"|(?<!\.)#[^\r\n]*", re.DOTALL)
_HEADER = re.compile(rb"(?:\xef\xbb\xbf)?\s*#[^\r\n]*")
_KEEP_LINE_ENDS = bytes(byte if byte in b"\r\n" else 32 for byte in range(256))
_NUMBER_CHARACTERS = b"0123456789+-.eE, \t\r\n\f\v"
_SEPARATORS_TO_SPACES = bytes.maketrans(b",\t\r\n\f\v", b"      ")
_COMMA_TO_SPACE = bytes.maketrans(b",", b" ")
_DECIMAL_COMMA = re.compile(rb"[+-]?\d+,\d+(?:[eE][+-]?\d+)?,?")
_FEW_NUMBERS = 12  # too few to tell a comma's meaning from
_MOST = 0.75  # share of the numbers that decimal commas are found in


@dataclass(frozen=True, slots=True)
class NumberBlock:
    """The numbers between one pair of square brackets, still as text."""

    name: str  # of the field or of the node around it
    text: bytes
    line: int  # of the file, in which the text starts; from 1

    def numbers(self) -> NDArray[np.float64]:
        """Convert the text to (N,) finite numbers.

        Raises:
            ValueError: something in it is not a finite number.
        """
        if self.text.translate(None, _NUMBER_CHARACTERS):
            raise ValueError(self._complaint())
        try:
            values = np.array([float(part) for part in _parts(self.text)], dtype=np.float64)
        except ValueError as reason:
            raise ValueError(self._complaint()) from reason
        if not np.isfinite(values).all():
            raise ValueError(self._complaint())
        return values

    def indices(self) -> NDArray[np.float64] | NDArray[np.int64]:
        """Convert the text to (N,) numbers, quickly if they are whole and only -1 is negative.

        Raises:
            ValueError: something in it is not a finite number.
        """
        text = b" " + self.text.translate(_SEPARATORS_TO_SPACES) + b" "
        # numpy's own parser is six times as fast, but only warns about what it cannot read.
        plain = not text.translate(None, b"0123456789- ") and not text.isspace()
        if plain and text.count(b"-") == text.count(b" -1 "):
            return np.fromstring(text, dtype=np.int64, sep=" ")
        return self.numbers()

    def require_decimal_points(self) -> None:
        """Check that commas stand between numbers, not inside them as on German computers.

        Raises:
            ValueError: they stand inside, and would double the number of points.
        """
        if b"." in self.text or self.text.count(b",") < _FEW_NUMBERS:
            return
        parts = self.text.split()
        inside = sum(_DECIMAL_COMMA.fullmatch(part) is not None for part in parts)
        if inside >= _MOST * len(parts):
            raise ValueError(
                f"its numbers in {self.name}, line {self.line}, have decimal commas; "
                "write it again with decimal points"
            )

    def _complaint(self) -> str:
        for line, text in enumerate(self.text.splitlines(), start=self.line):
            for part in _parts(text):
                if not _is_finite_number(part):
                    return f"{shown(part, 20)} in {self.name}, line {line}, is no finite number"
        return f"{self.name} holds something that is no number"


def plain_text(content: bytes) -> bytes:
    """Return the text of a file, unpacked where it is gzipped, with its comments blanked.

    Raises:
        ValueError: the bytes are not VRML 2.0.
    """
    text = _unpacked(content) if content.startswith(_GZIP) else content
    _require_vrml(text)
    return _blank_comments(text)


def shown(part: bytes, most: int = 40) -> str:
    """Return a piece of the file as a message may show it: short, without control characters."""
    return f"`{printable(part[:most].decode('utf-8', 'backslashreplace'), most)}`"


def _unpacked(content: bytes) -> bytes:
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        text = unpacker.decompress(content, LARGEST_BYTES)
    except zlib.error as reason:
        raise ValueError("it is gzipped, and damaged") from reason
    if unpacker.unconsumed_tail:
        raise ValueError(f"it is gzipped, and larger than {LARGEST_BYTES // 2**20} MiB inside")
    if not unpacker.eof:
        raise ValueError("it is gzipped, and truncated")
    return text


def _require_vrml(content: bytes) -> None:
    start = content[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if b"\0" in content:
        raise ValueError(f"it is binary, not VRML, and starts with {beginning(content)}")
    # A file that has lost its header line is still read if it has the node that counts.
    if not start.startswith(b"#VRML") and FACE_SET.encode() not in content:
        raise ValueError(f"it is not VRML, it starts with {beginning(content)}")
    if start.startswith(b"#VRML V1"):
        raise ValueError("it is VRML 1.0, and VRML 2.0 is expected")
    if FACE_SET.encode() not in content:
        raise ValueError(f"it is truncated or holds no mesh, for it has no {FACE_SET}")


def _blank_comments(content: bytes) -> bytes:
    """Overwrite comments with blanks, so that line numbers stay what they were."""
    header = _HEADER.match(content)
    start = header.end() if header else 0
    body = content[start:]
    if b"#" in body:
        body = _STRING_OR_COMMENT.sub(_blank, body)
    return content[:start].translate(_KEEP_LINE_ENDS) + body


def _blank(match: re.Match[bytes]) -> bytes:
    found = match[0]
    return found if found.startswith(b'"') else b" " * len(found)


def _parts(text: bytes) -> list[bytes]:
    return text.translate(_COMMA_TO_SPACE).split()


def _is_finite_number(part: bytes) -> bool:
    try:
        return not part.translate(None, _NUMBER_CHARACTERS) and bool(np.isfinite(float(part)))
    except ValueError:
        return False
