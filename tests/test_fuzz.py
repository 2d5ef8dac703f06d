"""Damaged files of every kind: one sentence, or values that are finite and in range.

`make fuzz EXAMPLES=N` tries N inputs of each reader, others each time; `make test` a few, always
the same.
"""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import pytest
from fuzzed_readers import READERS, Reader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fercore.errors import FercoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import FrameType

ASKED = int(os.environ.get("FUZZ_EXAMPLES", "0"))  # 0: as part of the tests
EXAMPLES = ASKED or 40
HANG_S = 10.0
TOKENS = (
    *(b"", b"nan", b"-inf", b"1e999", b"-1", b"0", b"99999999999999999999", b"1,5", b"\t", b"\n"),
    *(b"\x00", b"\xff\xfe", b"\x1b[2J", "\u202e".encode(), b"n/a", b"null", b"{}", b"[]", b'"x"'),
    *(b"true", b"[" * 30_000, b"{" * 3000, b'\\"' * 3000, b"(" * 3000, b"../", b"PK\x03\x04"),
)


@st.composite
def damaged(draw: st.DrawFn, samples: tuple[bytes, ...]) -> bytes:
    """Return a sample with a few places changed, or bytes without sense."""
    data = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        length = draw(st.sampled_from((0, 1, 2, 8, 64, 100_000)))
        kind = draw(st.sampled_from(("token", "bytes", "flip", "cut", "again")))
        part = data[start : start + length]
        if kind == "token":
            part = draw(st.sampled_from(TOKENS))
        elif kind == "bytes":
            part = draw(st.binary(max_size=8))
        elif kind == "flip":
            part = bytes(byte ^ (1 << draw(st.integers(0, 7))) for byte in part[:2]) + part[2:]
        elif kind == "cut":
            part = b""
        else:
            part = part[:64] * 3
        data = data[:start] + part + data[start + length :]
    return data


@pytest.mark.timeout(0 if ASKED else 300)
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_a_damaged_file_does_no_harm(reader: Reader, tmp_path: Path) -> None:
    samples, folder = reader.samples(), tmp_path / "s" / "sub-01"
    for sample in samples:
        _read(reader, folder, sample, accepted=True)

    @settings(
        max_examples=max(1, round(EXAMPLES * reader.share)),
        derandomize=not ASKED,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(damaged(samples))
    def check(data: bytes) -> None:
        _read(reader, folder, data)

    check()


def _read(reader: Reader, folder: Path, data: bytes, accepted: bool = False) -> None:
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.mkdir(parents=True)
    path = folder / reader.name
    path.write_bytes(data)
    with _no_hang(), nullcontext() if accepted else _one_sentence():
        reader.read(path)


@contextmanager
def _one_sentence() -> Iterator[None]:
    try:
        yield
    except FercoreError as error:
        text = str(error)
        assert text.isprintable() and 10 < len(text) < 1000, text
        assert text.encode() and "weights_only" not in text and "Traceback" not in text


@contextmanager
def _no_hang() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"it takes more than {HANG_S:g} s")

    earlier = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, HANG_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, earlier)
