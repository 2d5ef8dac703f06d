"""A client of the application's remote control; standard library only, may be copied alone.

with RemoteClient("127.0.0.1", 47860, token="…") as remote:
    remote.start("01", "1", "video", "happy")
    remote.marker("stimulus_on")
    remote.stop()
"""

from __future__ import annotations

import json
import socket
import time
from typing import Any


class RemoteError(Exception):
    """The application refused a command or cannot be reached; the message says why."""


class RemoteClient:
    """One connection; a context manager, used from one thread.

    On connecting it compares clocks, so that markers carry the moment they were sent and
    not the moment they arrived.

    Raises:
        RemoteError: nobody listens there, or the token is wrong.
    """

    def __init__(self, host: str, port: int, token: str, timeout_s: float = 5.0) -> None:
        try:
            self._socket = socket.create_connection((host, port), timeout_s)
        except OSError as error:
            raise RemoteError(f"{host}:{port} cannot be reached ({error}); is it on?") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._socket.makefile("rb")
        self._offset_s = 0.0
        self._uncertainty_s = float("inf")
        try:
            self.request({"do": "hello", "token": token})
            self.compare_clocks()
        except RemoteError:
            self.close()
            raise

    def __enter__(self) -> RemoteClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def compare_clocks(self, tries: int = 8) -> float:
        """Measure the other side's clock against ours; return the largest error in seconds.

        Worth repeating every few minutes when the two sides are different computers.
        """
        self._uncertainty_s = float("inf")
        for _ in range(tries):
            sent_s = time.monotonic()
            theirs_s = float(self.request({"do": "clock"})["host_s"])
            back_s = time.monotonic()
            if (back_s - sent_s) / 2 < self._uncertainty_s:
                self._uncertainty_s = (back_s - sent_s) / 2
                self._offset_s = theirs_s - (sent_s + back_s) / 2
        return self._uncertainty_s

    def marker(self, name: str, at_s: float | None = None) -> float:
        """Mark an event of now, or of a moment by time.monotonic(); return its onset in the run."""
        here_s = time.monotonic() if at_s is None else at_s
        message = {"do": "marker", "name": name, "host_s": here_s + self._offset_s}
        return float(self.request({**message, "uncertainty_s": self._uncertainty_s})["onset_s"])

    def start(self, subject: str, session: str, task: str, condition: str) -> str:
        """Start a run; return its name."""
        labels = {"subject": subject, "session": session, "task": task, "condition": condition}
        return str(self.request({"do": "start", **labels})["run"])

    def stop(self) -> str:
        """Stop the run; return its state."""
        return str(self.request({"do": "stop"})["state"])

    def status(self) -> dict[str, Any]:
        """Return whether a run is being recorded, its length, size, drops and disk space."""
        return self.request({"do": "status"})

    def request(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send a message and return the reply.

        Raises:
            RemoteError: it was refused, or the connection is gone.
        """
        try:
            self._socket.sendall(json.dumps(message).encode() + b"\n")
            line = self._reader.readline()
        except OSError as error:
            raise RemoteError(f"the connection broke off ({error})") from error
        if not line:
            raise RemoteError("the connection was closed by the other side")
        reply: dict[str, Any] = json.loads(line)
        if not reply.get("ok"):
            raise RemoteError(str(reply.get("error")))
        return reply

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        self._reader.close()
        self._socket.close()
