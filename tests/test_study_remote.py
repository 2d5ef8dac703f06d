"""Remote control: what a client may do, and that nothing it sends does harm."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from study_fixtures import TOKEN

from app.study import remote
from app.study.remote import RemoteServer
from app.study.remote_messages import answer
from fercore.errors import FercoreError
from fercore.study.remote_client import RemoteClient, RemoteError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Nothing:
    """Commands that remember how they were called."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def start(self, subject: str, session: str, task: str, condition: str) -> str:
        self.calls.append(("start", subject, session, task, condition))
        return "run"

    def stop(self) -> str:
        self.calls.append(("stop",))
        raise FercoreError("No run is being recorded.")

    def marker(self, name: str, host_s: float, uncertainty_s: float | None) -> float:
        self.calls.append(("marker", name, host_s, uncertainty_s))
        if name == "boom":
            raise RuntimeError("boom")
        return 1.5

    def status(self) -> dict[str, Any]:
        return {"recording": False}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RemoteServer]:
    monkeypatch.setattr(remote, "_REFUSAL_PAUSE_S", 0.01)
    server = RemoteServer(Nothing(), TOKEN, port=0)
    yield server
    server.close()


def exchange(server: RemoteServer, data: bytes) -> list[dict[str, Any]]:
    """Send bytes on a new connection; return all replies until it is closed or silent."""
    with socket.create_connection(server.address, 5) as connection:
        connection.settimeout(1)
        received = b""
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                received += part
        except (TimeoutError, ConnectionError):
            pass
    return [json.loads(line) for line in received.splitlines()]


HELLO = json.dumps({"do": "hello", "token": TOKEN}).encode() + b"\n"


@pytest.mark.parametrize(
    "greeting",
    [
        b"",
        b"\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"null\n",
        b"[]\n",
        b'{"do": "hello"}\n',
        b'{"do": "hello", "token": 3}\n',
        b'{"do": "hello", "token": "a-token-of-our"}\n',
        b'{"do": "hello", "token": "a-token-of-ours2"}\n',
        json.dumps({"do": "status", "token": TOKEN}).encode() + b"\n",
        b'{"do": "marker", "name": "x"}\n',
    ],
)
def test_who_does_not_know_the_token_is_shown_out(greeting: bytes, server: RemoteServer) -> None:
    replies = exchange(server, greeting + b'{"do": "status"}\n')
    assert [reply["ok"] for reply in replies] == [False]
    assert replies[0]["error"] == "say hello with the right token first"
    assert TOKEN not in json.dumps(replies)


def test_tokens_are_compared_in_constant_time(
    server: RemoteServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    genuine = remote.hmac.compare_digest

    def watching(first: bytes, second: bytes) -> bool:
        compared.append((first, second))
        return bool(genuine(first, second))

    monkeypatch.setattr(remote.hmac, "compare_digest", watching)
    exchange(server, b'{"do": "hello", "token": "wrong\xc3\xbc"}\n')
    assert compared == [("wrongü".encode(), TOKEN.encode())]


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (b"no json", "one JSON object"),
        (b"[1, 2]", "one JSON object"),
        (b"null", "one JSON object"),
        (b'"text"', "one JSON object"),
        (b"\xff\xfe\x00", "one JSON object"),
        (b"[" * 4000, "one JSON object"),
        (b"{}", "`do` must be one of status, clock, marker, start, stop"),
        (b'{"do": ["marker"]}', "`do` must be one of"),
        (b'{"do": "quit"}', "`do` must be one of"),
        (b'{"do": "marker"}', "`name` is missing"),
        (b'{"do": "marker", "name": ""}', "`name` must be a text"),
        (b'{"do": "marker", "name": "a\\tb"}', "`name` must be a text"),
        (b'{"do": "marker", "name": 7}', "`name` must be a text"),
        (b'{"do": "marker", "name": "x", "host_s": "now"}', "`host_s` must be a number"),
        (b'{"do": "marker", "name": "x", "host_s": NaN}', "`host_s` must be a number"),
        (b'{"do": "marker", "name": "x", "host_s": true}', "`host_s` must be a number"),
        (b'{"do": "marker", "name": "x", "host_s": -1e300}', "not of the last minute"),
        (b'{"do": "marker", "name": "x", "host_s": 1e12}', "not of the last minute"),
        (
            b'{"do": "marker", "name": "x", "uncertainty_s": -1}',
            "`uncertainty_s` must be 0 or more, not -1",
        ),
        (b'{"do": "marker", "name": "boom"}', "it failed"),
        (b'{"do": "start", "subject": "01"}', "`session` is missing"),
        (b'{"do": "stop"}', "No run is being recorded"),
    ],
)
def test_a_bad_message_is_refused_in_words_and_the_next_is_heard(
    message: bytes, complaint: str, server: RemoteServer
) -> None:
    replies = exchange(server, HELLO + message + b'\n{"do": "status", "id": 7}\n')
    assert [reply["ok"] for reply in replies] == [True, False, True]
    assert complaint in replies[1]["error"]
    assert replies[2] == {"ok": True, "recording": False, "id": 7}


def test_a_line_without_end_is_cut_short(server: RemoteServer) -> None:
    replies = exchange(server, HELLO + b"x" * 1_000_000)
    assert [reply["ok"] for reply in replies] == [True, False]
    assert "more than 4096 bytes" in replies[1]["error"]


def test_whoever_sends_nothing_but_nonsense_is_left(server: RemoteServer) -> None:
    replies = exchange(server, HELLO + b"nonsense\n" * 100)
    assert len(replies) == 1 + remote._MAX_BAD_LINES


def test_random_bytes_do_no_harm(server: RemoteServer) -> None:
    rng = random.Random(3)
    for greeting in (b"", HELLO):
        for _ in range(20):
            exchange(server, greeting + rng.randbytes(rng.randrange(1, 3000)))
    assert exchange(server, HELLO + b'{"do": "status"}\n')[1]["ok"]


def test_whoever_stays_silent_is_shown_out(
    server: RemoteServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_HELLO_TIMEOUT_S", 0.1)
    with socket.create_connection(server.address, 5) as connection:
        connection.settimeout(3)
        assert connection.recv(1000) == b""


def test_strangers_lock_nobody_out(server: RemoteServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_HELLO_TIMEOUT_S", 1.0)
    begun_s = time.monotonic()
    strangers = [socket.create_connection(server.address, 5) for _ in range(60)]
    try:
        while time.monotonic() < begun_s + 0.6:
            for stranger in strangers:
                with contextlib.suppress(OSError):
                    stranger.send(b"x")
            with RemoteClient(*server.address, TOKEN) as client:
                assert client.status()["recording"] is False
            time.sleep(0.1)
        for stranger in strangers:
            # Bytes that drip in put the deadline off for nobody.
            stranger.settimeout(max(0.1, begun_s + 4 - time.monotonic()))
            with contextlib.suppress(ConnectionError):
                while stranger.recv(1000):
                    pass
    finally:
        for stranger in strangers:
            stranger.close()


def test_too_many_connections_are_refused(server: RemoteServer) -> None:
    clients = [RemoteClient(*server.address, TOKEN) for _ in range(remote._MAX_CONNECTIONS)]
    with pytest.raises(RemoteError, match="too many connections"):
        RemoteClient(*server.address, TOKEN)
    for client in clients:
        client.close()
    deadline_s = time.monotonic() + 5
    while time.monotonic() < deadline_s:
        try:
            RemoteClient(*server.address, TOKEN).close()
            return
        except RemoteError:
            time.sleep(0.02)
    pytest.fail("closed connections are not forgotten")


def test_closing_ends_open_connections() -> None:
    server = RemoteServer(Nothing(), TOKEN, port=0)
    client = RemoteClient(*server.address, TOKEN)
    server.close()
    with pytest.raises(RemoteError):
        client.status()
    client.close()


@pytest.mark.parametrize(
    ("token", "interface", "port", "complaint"),
    [
        ("short", "127.0.0.1", 0, "at least 8"),
        (TOKEN, "localhost", 0, "is no IP address"),
        (TOKEN, "example.org", 0, "is no IP address"),
        (TOKEN, "192.0.2.1", 0, "cannot listen on 192.0.2.1"),
        (TOKEN, "127.0.0.1", 99999, "cannot listen on 127.0.0.1 port 99999"),
    ],
)
def test_an_address_that_cannot_be_is_one_sentence(
    token: str, interface: str, port: int, complaint: str
) -> None:
    with pytest.raises(FercoreError, match=complaint):
        RemoteServer(Nothing(), token, interface, port)


def test_a_port_in_use_is_one_sentence(server: RemoteServer) -> None:
    with pytest.raises(FercoreError, match="take another port"):
        RemoteServer(Nothing(), TOKEN, *server.address)


def test_the_wrong_token_is_told_to_the_client(server: RemoteServer) -> None:
    with pytest.raises(RemoteError, match="right token"):
        RemoteClient(*server.address, "something else")


def test_commands_are_carried_out_one_at_a_time() -> None:
    running, most = 0, 0
    guard = threading.Lock()

    class Slow(Nothing):
        def status(self) -> dict[str, Any]:
            nonlocal running, most
            with guard:
                running += 1
                most = max(most, running)
            time.sleep(0.01)
            with guard:
                running -= 1
            return {}

    deciding, commands = threading.Lock(), Slow()
    threads = [
        threading.Thread(target=answer, args=(commands, {"do": "status"}, deciding))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
