"""Runs as XDF files, the container of Lab Streaming Layer: verdicts and markers as streams.

Times are LSL's where the run was recorded with LSL, so that they lie on one axis with
other streams of the same lab, and the host's monotonic clock otherwise; the stream's
description says which.

Source: XDF specification 1.0, https://github.com/sccn/xdf/wiki/Specifications
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO
from xml.sax.saxutils import escape

import numpy as np

from fercore.results import PROBABILITY_COLUMNS
from fercore.runtime.tables import read_cells
from fercore.study.events import COLUMNS as EVENT_COLUMNS
from fercore.study.predictions import COLUMNS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.study.run_tables import RecordedRun, Selection

_FILE_HEADER, _STREAM_HEADER, _SAMPLES, _CLOCK_OFFSET, _STREAM_FOOTER = 1, 2, 3, 4, 6
_VERDICTS, _MARKERS = 1, 2  # stream numbers


def export_xdf(selection: Selection, folder: Path) -> None:
    """Write one XDF file a run into a folder.

    Raises:
        FercoreError: a run is damaged.
        OSError: they cannot be written.
    """
    for run in selection.runs:
        with (folder / f"{run.name.stem}.xdf").open("wb") as file:
            _write_run(file, run)


def _write_run(file: BinaryIO, run: RecordedRun) -> None:
    file.write(b"XDF:")
    _chunk(file, _FILE_HEADER, b'<?xml version="1.0"?><info><version>1.0</version></info>')
    rows = read_cells(run.place.predictions, COLUMNS)
    events = read_cells(run.place.events, EVENT_COLUMNS)
    clock = "lsl_s" if run.record.clocks.lsl else "host_s"
    times_s = rows.numbers(clock)
    values = np.array([rows.numbers(name) for name in PROBABILITY_COLUMNS]).T.astype("<f4")
    names = [
        name or kind for name, kind in zip(events.texts("name"), events.texts("type"), strict=True)
    ]
    marks_s = events.numbers(clock)
    _header(file, _VERDICTS, _verdict_xml(run, clock))
    _header(file, _MARKERS, _stream_xml("fercore-events", "Markers", 1, "string", run, clock, ""))
    for stream, stamps_s in ((_VERDICTS, times_s), (_MARKERS, marks_s)):
        _same_clock(file, stream, stamps_s)
    _write_verdicts(file, times_s, values)
    _write_markers(file, marks_s, names)
    _footer(file, _VERDICTS, times_s)
    _footer(file, _MARKERS, marks_s)


def _write_verdicts(
    file: BinaryIO, times_s: NDArray[np.float64], values: NDArray[np.float32]
) -> None:
    known = np.isfinite(times_s)
    parts = [
        b"\x08" + struct.pack("<d", time_s) + row.tobytes()
        for time_s, row in zip(times_s[known].tolist(), values[known], strict=True)
    ]
    _samples(file, _VERDICTS, parts)


def _write_markers(file: BinaryIO, times_s: NDArray[np.float64], names: list[str]) -> None:
    parts = []
    for time_s, name in zip(times_s.tolist(), names, strict=True):
        text = name.encode()
        if np.isfinite(time_s):
            parts.append(b"\x08" + struct.pack("<d", time_s) + _length(len(text)) + text)
    _samples(file, _MARKERS, parts)


def _samples(file: BinaryIO, stream: int, parts: list[bytes]) -> None:
    if parts:
        content = struct.pack("<I", stream) + _length(len(parts)) + b"".join(parts)
        _chunk(file, _SAMPLES, content)


def _same_clock(file: BinaryIO, stream: int, times_s: NDArray[np.float64]) -> None:
    """Say that both streams are on one clock, as readers expect to be told."""
    known = times_s[np.isfinite(times_s)]
    collected_s = float(known[0]) if len(known) else 0.0
    _chunk(file, _CLOCK_OFFSET, struct.pack("<Idd", stream, collected_s, 0.0))


def _header(file: BinaryIO, stream: int, xml: str) -> None:
    _chunk(file, _STREAM_HEADER, struct.pack("<I", stream) + xml.encode())


def _footer(file: BinaryIO, stream: int, times_s: NDArray[np.float64]) -> None:
    known = times_s[np.isfinite(times_s)]
    first, last = (float(known[0]), float(known[-1])) if len(known) else (0.0, 0.0)
    xml = (
        f'<?xml version="1.0"?><info><first_timestamp>{first!r}</first_timestamp>'
        f"<last_timestamp>{last!r}</last_timestamp><sample_count>{len(known)}</sample_count></info>"
    )
    _chunk(file, _STREAM_FOOTER, struct.pack("<I", stream) + xml.encode())


def _verdict_xml(run: RecordedRun, clock: str) -> str:
    channels = "".join(
        f"<channel><label>{name}</label><unit>probability</unit><type>Expression</type></channel>"
        for name in PROBABILITY_COLUMNS
    )
    number = len(PROBABILITY_COLUMNS)
    inner = f"<channels>{channels}</channels>"
    return _stream_xml("fercore-expressions", "Expression", number, "float32", run, clock, inner)


def _stream_xml(
    name: str, kind: str, channels: int, form: str, run: RecordedRun, clock: str, inner: str
) -> str:
    described = (
        f"<clock>{clock}</clock><condition>{escape(run.record.condition)}</condition>"
        f"<synthetic>{int(run.record.synthetic)}</synthetic>"
    )
    return (
        f'<?xml version="1.0"?><info><name>{name}</name><type>{kind}</type>'
        f"<channel_count>{channels}</channel_count><nominal_srate>0</nominal_srate>"
        f"<channel_format>{form}</channel_format><source_id>{run.name.stem}</source_id>"
        f"<desc>{inner}{described}</desc></info>"
    )


def _chunk(file: BinaryIO, tag: int, content: bytes) -> None:
    file.write(_length(len(content) + 2) + struct.pack("<H", tag) + content)


def _length(number: int) -> bytes:
    if number < 256:
        return b"\x01" + struct.pack("<B", number)
    return b"\x04" + struct.pack("<I", number)
