"""Reads the text of a VRML 2.0 file into its tree of nodes.

A light tokeniser follows words, strings, braces and brackets, so line breaks, commas and
indentation may stand anywhere; the long blocks of numbers between `[` and `]` are cut out whole.
No list of VRML's nodes and their fields is needed: a word before a brace is a node's type, other
words that are no values are names of fields.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from fercore.io.vrml_text import QUOTED, NumberBlock, shown

_DEEPEST = 200
_NUMERIC_FIELDS = {b"point", b"coordIndex", b"texCoordIndex", b"normalIndex", b"colorIndex"}
_NUMERIC_FIELDS |= {b"vector", b"color"}
_CONSTANTS = {b"TRUE", b"FALSE", b"NULL"}

_TOKEN = re.compile(QUOTED + rb'|[\[\]{}]|[^\s,\[\]{}"]++', re.DOTALL)
_BRACE_NEXT = re.compile(rb"[\s,]*+\{")
_NUMBER_NEXT = re.compile(rb"[\s,]*+[-+.\d]")
_VALUE = re.compile(rb"[-+.\d]")


@dataclass(slots=True)
class Node:
    """A node with its fields; a quoted text is `str`, any other single word `bytes`."""

    kind: str  # such as Transform; `USE name` where nothing of that name is defined before
    line: int  # of the file, from 1
    fields: dict[str, list[Node | NumberBlock | str | bytes]] = field(default_factory=dict)

    def nodes(self, name: str) -> list[Node]:
        """Return the nodes in a field, in order."""
        return [value for value in self.fields.get(name, ()) if isinstance(value, Node)]

    def node(self, name: str) -> Node | None:
        """Return the first node in a field."""
        return next(iter(self.nodes(name)), None)

    def block(self, name: str) -> NumberBlock | None:
        """Return the block of numbers in a field, None where there is none.

        Raises:
            ValueError: there are several.
        """
        found = [v for v in self.fields.get(name, ()) if isinstance(v, NumberBlock)]
        if len(found) > 1:
            raise ValueError(f"it holds more than one {name} of one {self.kind}")
        return found[0] if found else None

    def texts(self, name: str) -> list[str]:
        """Return the quoted texts in a field."""
        return [value for value in self.fields.get(name, ()) if isinstance(value, str)]

    def word(self, name: str) -> bytes:
        """Return the first word in a field, empty where there is none."""
        return next((v for v in self.fields.get(name, ()) if isinstance(v, bytes)), b"")

    def numbers(self, name: str, default: tuple[float, ...]) -> tuple[float, ...]:
        """Return the few numbers of a field that is no list.

        Raises:
            ValueError: they are not as many as in `default`, or no numbers.
        """
        words = [value for value in self.fields.get(name, ()) if isinstance(value, bytes)]
        if not words:
            return default
        try:
            values = tuple(float(word) for word in words)
        except ValueError:
            values = ()
        if len(values) != len(default) or not all(abs(value) < 1e30 for value in values):
            raise ValueError(
                f"{name} of its {self.kind} in line {self.line} is no {len(default)} numbers"
            )
        return values


def parse_nodes(text: bytes) -> Node:
    """Return a node without a kind whose field `children` holds the nodes of the file.

    Raises:
        ValueError: the text is truncated, its brackets do not match, or it defines nodes of
            its own.
    """
    return _Parser(text).parse()


class _Parser:
    """Walks once over the words, braces and brackets of a file."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._position = 0
        self._line, self._counted = 1, 0
        root = Node("", 1)
        self._open: list[tuple[Node, bytes, bool]] = []  # node, its name, whether inside `[`
        self._node, self._name, self._in_list = root, b"", False
        self._field = "children"
        self._fields: list[str] = []  # of the open nodes
        self._word = b""  # the last one: the kind of the node that a brace opens
        self._prefix = b""  # DEF or USE, whose name comes next
        self._next_name = b""
        self._named: dict[bytes, Node] = {}
        self._root = root

    def parse(self) -> Node:
        while (match := _TOKEN.search(self._text, self._position)) is not None:
            self._position = match.end()
            self._take(match)
        if self._open or self._in_list:
            raise ValueError(f"it is truncated inside {self._innermost()}")
        return self._root

    def _take(self, match: re.Match[bytes]) -> None:
        token = match[0]
        if token == b"{":
            self._enter()
        elif token == b"[":
            self._take_list()
        elif token in (b"}", b"]"):
            self._leave(token)
        elif token.startswith(b'"'):
            self._take_text(token, complete=bool(match[1]))
        else:
            self._take_word(token)

    def _enter(self) -> None:
        if len(self._open) >= _DEEPEST:
            raise ValueError(f"its nodes lie more than {_DEEPEST} deep in one another")
        node = Node(self._word.decode("utf-8", "replace"), self._line_now())
        self._put(node)
        self._open.append((self._node, self._name, self._in_list))
        self._fields.append(self._field)
        self._node, self._name, self._in_list, self._field = node, self._next_name, False, ""
        self._next_name = self._prefix = b""

    def _leave(self, token: bytes) -> None:
        if self._in_list != (token == b"]"):
            if not self._open and not self._in_list:
                return  # one closing bracket too many loses nothing
            raise ValueError(f"its brackets do not match in line {self._line_now()}")
        if token == b"]":
            self._in_list = False
            return
        if not self._open:
            return
        if self._name:
            self._named[self._name] = self._node
        self._node, self._name, self._in_list = self._open.pop()
        self._field = self._fields.pop()

    def _take_list(self) -> None:
        numeric = self._field.encode() in _NUMERIC_FIELDS
        if numeric or _NUMBER_NEXT.match(self._text, self._position):
            self._take_numbers()
        elif self._in_list:
            raise ValueError(f"its brackets do not match in line {self._line_now()}")
        else:
            self._in_list = True

    def _take_numbers(self) -> None:
        start, end = self._position, self._text.find(b"]", self._position)
        if end < 0:
            raise ValueError(f"it is truncated inside {self._field or 'a list'}")
        self._position = end + 1
        name = self._node.kind if self._field == "point" else self._field
        self._put(NumberBlock(name, self._text[start:end], self._line_now(start)))

    def _take_text(self, token: bytes, *, complete: bool) -> None:
        if not complete:
            raise ValueError("it is truncated inside a quoted text")
        plain = token[1:-1].replace(rb"\"", b'"').replace(b"\\\\", b"\\")
        self._put(plain.decode("utf-8", "replace"))

    def _take_word(self, token: bytes) -> None:
        if self._prefix:
            self._take_name(token)
        elif token in (b"DEF", b"USE"):
            self._prefix = token
        elif token in (b"PROTO", b"EXTERNPROTO"):
            raise ValueError(f"it defines nodes of its own ({token.decode()}), which are not read")
        elif _BRACE_NEXT.match(self._text, self._position):
            self._word = token
        elif token in _CONSTANTS or _VALUE.match(token):
            self._put(token)
        else:
            self._field = token.decode("utf-8", "replace")

    def _take_name(self, token: bytes) -> None:
        if self._prefix == b"USE":
            unknown = Node(f"USE {shown(token)}", self._line_now())
            self._put(self._named.get(token, unknown))
        else:
            self._next_name = token
        self._prefix = b""

    def _put(self, value: Node | NumberBlock | str | bytes) -> None:
        self._node.fields.setdefault(self._field, []).append(value)

    def _line_now(self, position: int | None = None) -> int:
        """Return the line of a position, counting on from the last one asked for."""
        end = self._position if position is None else position
        self._line += self._text.count(b"\n", self._counted, end)
        self._counted = max(self._counted, end)
        return self._line

    def _innermost(self) -> str:
        return shown(self._node.kind.encode()).strip("`") if self._node.kind else "a list"
