"""Finds the fields of a VRML 2.0 file that make up its mesh.

A light tokeniser follows words, strings, braces and brackets, so line breaks,
commas, indentation and comments may stand anywhere; the long blocks of numbers
between `[` and `]` are cut out whole and converted at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from fercore.io.files import beginning

if TYPE_CHECKING:
    from numpy.typing import NDArray

COORDINATES = "Coordinate"
TEXTURE_COORDINATES = "TextureCoordinate"
COORDINATE_INDEX = "coordIndex"
TEXTURE_COORDINATE_INDEX = "texCoordIndex"

_FACE_SET = b"IndexedFaceSet"
_POINT_NODES = {COORDINATES.encode(), TEXTURE_COORDINATES.encode()}
_INDEX_FIELDS = {COORDINATE_INDEX.encode(), TEXTURE_COORDINATE_INDEX.encode()}
_NUMERIC_FIELDS = {b"point", b"normalIndex", b"colorIndex", b"vector", b"color"} | _INDEX_FIELDS

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]|[^\s,\[\]{}"]+|"', re.DOTALL)
# Windows writes NaN as `1.#QNAN`: there, `#` starts no comment.
_STRING_OR_COMMENT = re.compile(rb'"(?:[^"\\]|\\.)*"|(?<!\.)#[^\r\n]*', re.DOTALL)
_HEADER = re.compile(rb"(?:\xef\xbb\xbf)?\s*#[^\r\n]*")
_KEEP_LINE_ENDS = bytes(byte if byte in b"\r\n" else 32 for byte in range(256))
_NUMBER_CHARACTERS = b"0123456789+-.eE, \t\r\n\f\v"
_SEPARATORS_TO_SPACES = bytes.maketrans(b",\t\r\n\f\v", b"      ")
_COMMA_TO_SPACE = bytes.maketrans(b",", b" ")


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

    def _complaint(self) -> str:
        for line, text in enumerate(self.text.splitlines(), start=self.line):
            for part in _parts(text):
                if not _is_finite_number(part):
                    shown = part[:20].decode("ascii", "backslashreplace")
                    return f"`{shown}` in {self.name}, line {line}, is no finite number"
        return f"{self.name} holds something that is no number"


@dataclass(slots=True)
class VrmlFields:
    """What a file says about its mesh."""

    blocks: dict[str, NumberBlock] = field(default_factory=dict)  # by the names above
    texture_name: str | None = None  # as the file gives it; None: it names none

    def add(self, block: NumberBlock) -> None:
        """Keep a block.

        Raises:
            ValueError: there is one of that name already.
        """
        if block.name in self.blocks:
            raise ValueError(
                f"it holds more than one mesh: {block.name} again in line {block.line}"
            )
        self.blocks[block.name] = block


def scan_vrml(content: bytes) -> VrmlFields:
    """Find the fields of the one `IndexedFaceSet` and the first `ImageTexture`.

    Raises:
        ValueError: the bytes are not VRML 2.0, truncated, or hold two meshes.
    """
    _require_vrml(content)
    return _Scanner(_blank_comments(content)).scan()


def _require_vrml(content: bytes) -> None:
    start = content[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if b"\0" in content:
        raise ValueError(f"it is binary, not VRML, and starts with {beginning(content)}")
    # A file that has lost its header line is still read if it has the node that counts.
    if not start.startswith(b"#VRML") and _FACE_SET not in content:
        raise ValueError(f"it is not VRML, it starts with {beginning(content)}")
    if start.startswith(b"#VRML V1"):
        raise ValueError("it is VRML 1.0, and VRML 2.0 is expected")
    if _FACE_SET not in content:
        raise ValueError("it is truncated or holds no mesh, for it has no IndexedFaceSet")


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


class _Scanner:
    """Walks once over the words, braces and brackets of a file."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._position = 0
        self._open: list[bytes] = []  # node types, and `[`, from the outside in
        self._found = VrmlFields()

    def scan(self) -> VrmlFields:
        previous = b""
        while (match := _TOKEN.search(self._text, self._position)) is not None:
            token = match[0]
            self._position = match.end()
            self._take(token, previous)
            if token not in (b"[", b"]", b"{", b"}"):
                previous = token
        if self._open:
            raise ValueError(f"it is truncated inside {self._innermost()}")
        return self._found

    def _take(self, token: bytes, previous: bytes) -> None:
        if token == b"{":
            self._open.append(previous)
        elif token == b"[" and previous in _NUMERIC_FIELDS:
            self._take_numbers(previous)
        elif token == b"[":
            self._open.append(token)
        elif token in (b"}", b"]"):
            self._close(token)
        elif token.startswith(b'"'):
            self._take_string(token, previous)

    def _take_numbers(self, field_name: bytes) -> None:
        start = self._position
        end = self._text.find(b"]", start)
        if end < 0:
            raise ValueError(f"it is truncated inside {field_name.decode()}")
        self._position = end + 1
        name = self._block_name(field_name)
        if name is not None:
            line = self._text.count(b"\n", 0, start) + 1
            self._found.add(NumberBlock(name, self._text[start:end], line))

    def _block_name(self, field_name: bytes) -> str | None:
        node = self._open[-1] if self._open else b""
        if field_name in _INDEX_FIELDS and node == _FACE_SET:
            return field_name.decode()
        if field_name == b"point" and node in _POINT_NODES and _FACE_SET in self._open[-2:-1]:
            return node.decode()
        return None

    def _close(self, token: bytes) -> None:
        if not self._open:
            return  # one closing brace too many loses nothing
        if (self._open.pop() == b"[") != (token == b"]"):
            line = self._text.count(b"\n", 0, self._position) + 1
            raise ValueError(f"its brackets do not match in line {line}")

    def _take_string(self, token: bytes, previous: bytes) -> None:
        if token == b'"':
            raise ValueError("it is truncated inside a quoted text")
        if previous == b"url" and b"ImageTexture" in self._open[-2:]:
            name = token[1:-1].replace(rb"\"", b'"').replace(b"\\\\", b"\\")
            self._found.texture_name = self._found.texture_name or name.decode("utf-8", "replace")

    def _innermost(self) -> str:
        names = [name for name in self._open if name != b"["]
        return names[-1][:40].decode("ascii", "replace") if names else "a list"
