"""Remote control of a recording: JSON lines over TCP, off unless a `RemoteServer` is made.

Every line either way is one JSON object; docs/user-studies.md lists them. The first must
be `{"do": "hello", "token": …}`, whole within a few seconds; a connection that does not know the
token is closed, and takes no place from those that do: where too many wait to be heard, the one
that has waited longest makes room. Whatever else is wrong is answered with
`{"ok": false, "error": …}`.
"""

from __future__ import annotations

import contextlib
import hmac
import ipaddress
import json
import logging
import socket
import socketserver
import threading
import time
from typing import TYPE_CHECKING, Any

from app.study.remote_messages import answer
from fercore.errors import FercoreError
from fercore.runtime.parsing import parsed_json

if TYPE_CHECKING:
    from app.study.remote_messages import Commands

PROTOCOL = 1
DEFAULT_PORT = 47860
LOOPBACK = "127.0.0.1"
MAX_LINE_BYTES = 4096
MIN_TOKEN = 8
_MAX_CONNECTIONS, _MAX_STRANGERS, _MAX_BAD_LINES = 8, 32, 10
_HELLO_TIMEOUT_S, _REFUSAL_PAUSE_S = 5.0, 0.3
_DRAIN_TIMEOUT_S, _MOST_DRAINED_BYTES = 0.5, 4 * 2**20

logger = logging.getLogger(__name__)


class RemoteServer:
    """Listens on one address from its making to `close`.

    Raises:
        FercoreError: the address is no number or cannot be used, or the token is too short.
    """

    def __init__(
        self, commands: Commands, token: str, interface: str = LOOPBACK, port: int = DEFAULT_PORT
    ) -> None:
        if len(token) < MIN_TOKEN:
            raise FercoreError(f"The token has {len(token)} characters; take at least {MIN_TOKEN}.")
        self._server = _listening(commands, token, interface, port)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="remote control", daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        """The address and port that clients connect to."""
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    def close(self) -> None:
        """Close all connections and stop listening; safe to call twice."""
        self._server.shutdown()
        self._server.drop_connections()
        self._server.server_close()
        self._thread.join(5)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128  # who knocks while many others do
    commands: Commands
    token: bytes

    def __init__(self, address: tuple[str, int], family: socket.AddressFamily) -> None:
        self.address_family = family
        self.deciding = threading.Lock()
        self._guard = threading.Lock()
        self._strangers: dict[socket.socket, None] = {}  # not yet greeted, the oldest first
        self._known: set[socket.socket] = set()
        super().__init__(address, _Connection)

    def hear(self, connection: socket.socket) -> None:
        """Let a connection say hello; the oldest of too many that have not is broken off."""
        with self._guard:
            if len(self._strangers) >= _MAX_STRANGERS:
                oldest = next(iter(self._strangers))
                del self._strangers[oldest]
                _break_off(oldest)
            self._strangers[connection] = None

    def admit(self, connection: socket.socket) -> bool:
        """Take up a connection that knows the token unless there are too many of them."""
        with self._guard:
            self._strangers.pop(connection, None)
            if len(self._known) >= _MAX_CONNECTIONS:
                return False
            self._known.add(connection)
            return True

    def release(self, connection: socket.socket) -> None:
        """Forget a connection."""
        with self._guard:
            self._strangers.pop(connection, None)
            self._known.discard(connection)

    def drop_connections(self) -> None:
        """Break all connections off."""
        with self._guard:
            for connection in (*self._strangers, *self._known):
                _break_off(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what went wrong with a connection; the server goes on."""
        logger.debug("A remote connection failed.", exc_info=True)


class _Connection(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        """Serve one client until it leaves."""
        self.server.hear(self.request)
        # One deadline for the whole greeting: a byte now and then does not put it off.
        deadline = threading.Timer(_HELLO_TIMEOUT_S, _break_off, (self.request,))
        deadline.daemon = True
        deadline.start()
        try:
            greeted = self._greeted()
            deadline.cancel()
            if greeted:
                self._serve()
        except OSError:
            return  # the client is gone
        finally:
            deadline.cancel()
            self.server.release(self.request)

    def _greeted(self) -> bool:
        message = self._read()
        token = message.get("token") if isinstance(message, dict) else None
        known = isinstance(token, str) and hmac.compare_digest(token.encode(), self.server.token)
        if not known or not isinstance(message, dict) or message.get("do") != "hello":
            time.sleep(_REFUSAL_PAUSE_S)
            self._answer({"ok": False, "error": "say hello with the right token first"})
            return False
        if not self.server.admit(self.request):
            self._answer({"ok": False, "error": "too many connections; close one first"})
            return False
        self._answer({"ok": True, "protocol": PROTOCOL})
        return True

    def _serve(self) -> None:
        bad = 0
        while bad < _MAX_BAD_LINES:
            message = self._read()
            if message is None:
                return
            bad += not isinstance(message, dict)  # a command that is refused is none of them
            self._answer(answer(self.server.commands, message, self.server.deciding))

    def _read(self) -> object:
        """Return the next line's value, the line's defect as a text, None at the end."""
        data = self.rfile.readline(MAX_LINE_BYTES + 1)
        if not data:
            return None
        if len(data) > MAX_LINE_BYTES:
            self._answer({"ok": False, "error": f"a line has more than {MAX_LINE_BYTES} bytes"})
            self._drain()
            return None  # where its next line begins, nobody can know
        try:
            value: object = parsed_json(data)
        except ValueError:
            return "no JSON"
        return "no JSON object" if value is None else value

    def _drain(self) -> None:
        """Take what is still coming: closing on unread bytes would tear the reply away."""
        self.request.shutdown(socket.SHUT_WR)
        self.request.settimeout(_DRAIN_TIMEOUT_S)
        left = _MOST_DRAINED_BYTES
        while left > 0 and (part := self.rfile.read1(65536)):
            left -= len(part)

    def _answer(self, reply: dict[str, Any]) -> None:
        self.wfile.write(json.dumps(reply).encode() + b"\n")


def _break_off(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _listening(commands: Commands, token: str, interface: str, port: int) -> _Server:
    try:
        version = ipaddress.ip_address(interface).version
    except ValueError:
        # A name would have to be looked up, on a network nobody asked for.
        raise FercoreError(
            f"{interface!r} is no IP address; name one, such as 127.0.0.1."
        ) from None
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    try:
        server = _Server((interface, port), family)
    except (OSError, OverflowError) as error:
        raise FercoreError(
            f"The remote control cannot listen on {interface} port {port} "
            f"({getattr(error, 'strerror', None) or error}); take another port or interface."
        ) from error
    server.commands, server.token = commands, token.encode()
    return server
