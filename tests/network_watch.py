"""Watches a process from outside for any use of the network, native code included."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

LOOPBACK_BIND = re.compile(r'bind\(.*(port=htons\(0\)).*("::1"|"127\.0\.0\.1")')
_PERIOD_S = 0.02
_TABLES = ("tcp", "tcp6", "udp", "udp6", "raw", "raw6", "icmp", "icmp6")


def strace_command(log: Path) -> list[str]:
    """Return what to run a process under so that its system calls are logged; empty: nothing.

    strace may be missing, or a container may forbid it.
    """
    if shutil.which("strace") is None:
        return []
    for options in (["--seccomp-bpf"], []):
        command = ["strace", "-f", *options, "-e", "trace=network", "-o", str(log)]
        tried = subprocess.run([*command, "true"], capture_output=True, check=False)
        if tried.returncode == 0:
            return command
    return []


def calls_beyond(log: Path) -> list[str]:
    """Return the logged calls that reach out of the machine's own processes.

    Making a socket sends nothing, and neither does binding one to loopback, by which a
    library asks whether there is IPv6.
    """
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line for line in lines if _reaches_out(line)]


def _reaches_out(line: str) -> bool:
    if re.search(r"\b(socket|getsockname|getsockopt|setsockopt)\(", line):
        return "AF_PACKET" in line
    if LOOPBACK_BIND.search(line):
        return False
    return "AF_INET" in line or ("AF_UNIX" in line and "resolve" in line)


class SocketWatch(threading.Thread):
    """Looks fifty times a second at the sockets of a process that have an address.

    Where strace cannot be had. A socket that lives for less than that may be missed.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._folder = Path(f"/proc/{pid}")
        self._ending = threading.Event()
        self.seen: set[str] = set()

    def run(self) -> None:
        """Look until told to stop or the process is gone."""
        while not self._ending.is_set():
            with contextlib.suppress(OSError):  # the process is gone
                self._look()
            time.sleep(_PERIOD_S)

    def stop(self) -> set[str]:
        """Stop looking; return the local and remote addresses seen, as the kernel writes them."""
        self._ending.set()
        self.join()
        return self.seen

    def _look(self) -> None:
        own = {_inode(link) for link in self._folder.joinpath("fd").iterdir()}
        for table in _TABLES:
            path = self._folder / "net" / table
            for line in path.read_text().splitlines()[1:] if path.exists() else []:
                cells = line.split()
                if cells[9] in own:
                    self.seen.add(f"{table} {cells[1]} {cells[2]}")


def _inode(link: Path) -> str:
    """Return the inode in `socket:[12345]`, empty where the file is no socket or is just gone."""
    with contextlib.suppress(OSError):
        found = re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink()))
        return found[1] if found else ""
    return ""
