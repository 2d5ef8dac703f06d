"""What `fercore analyse` leaves: a row a frame, a row an input, and a page with timelines."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, NamedTuple

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from app.drawing.colours import NEUTRAL_COLOUR, VERDICT_COLOURS
from app.headless.judging import COLUMNS, NO_FACE, NOT_SURE, STATES, Account, Part
from fercore.runtime.files import whole_file, write_text_whole
from fercore.runtime.tables import UNKNOWN, line, number
from fercore.structures import MIN_CONFIDENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from app.headless.inputs import FoundInputs, Input
    from app.headless.judging import StateCourse
    from fercore.networks.checkpoints import ModelCard

TABLE, SUMMARY, PAGE = "analysis.tsv", "summary.tsv", "analysis.html"
SUMMARY_COLUMNS = (
    *("file", "kind", "frames", "faces", "duration_s"),
    *(f"{state.replace(' ', '_')}_s" for state in STATES),
    *(f"{state.replace(' ', '_')}_frames" for state in STATES),
    "problem",
)
_COLOURS = {**VERDICT_COLOURS, NOT_SURE: NEUTRAL_COLOUR, NO_FACE: "none"}
_WIDTH = 600  # units of a timeline
_TEMPLATE = """<!DOCTYPE html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>fercore – expressions in {{ rows | length }} inputs</title>
<style>
:root { font: 15px/1.45 system-ui, sans-serif; color-scheme: light dark; }
body { max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; }
dd { margin: 0; overflow-wrap: anywhere; }
article { display: grid; grid-template-columns: 96px 1fr; gap: .2rem 1rem; margin: 1.6rem 0; }
article > :not(img) { grid-column: 2; margin: 0; }
img { grid-row: 1 / span 4; width: 96px; height: 96px; border-radius: 6px; }
h2 { font-size: 1rem; overflow-wrap: anywhere; }
svg { width: 100%; height: 28px; border: 1px solid #8a8f9866; border-radius: 4px; }
.legend span { display: inline-block; margin-right: 1rem; }
.legend i { display: inline-block; width: .8em; height: .8em; border: 1px solid #8a8f98; }
.problem { color: light-dark(#a3270b, #ff9b85); }
</style>
</head>
<body>
<h1>Expressions in {{ rows | length }} inputs</h1>
<p>Estimates of what faces show, not of what people feel. A moment is <em>not sure</em> where the
best verdict has less than {{ least }}.</p>
<dl>{% for name, value in facts.items() %}<dt>{{ name }}</dt><dd>{{ value }}</dd>{% endfor %}</dl>
<p class="legend">{% for state, colour in colours.items() %}
<span><i style="background:{{ colour }}"></i> {{ state }}</span>{% endfor %}</p>
{% for row in rows %}
<article>
{% if row.thumbnail %}<img src="data:image/jpeg;base64,{{ row.thumbnail }}" alt="the surest face">
{% endif %}
<h2>{{ row.name }}</h2>
{% if row.timeline %}{{ row.timeline }}{% endif %}
<p>{{ row.text }}</p>
{% if row.problem %}<p class="problem">{{ row.problem }}</p>{% endif %}
</article>
{% endfor %}
</body>
</html>
"""


class JudgedInput(NamedTuple):
    """An input that was judged, now or earlier."""

    found: Input
    part: Part | None  # None: it was gone before anything was seen of it
    account: Account


def write_results(
    judged: Sequence[JudgedInput], inputs: FoundInputs, card: ModelCard, output: Path
) -> None:
    """Write tables and page anew from all parts.

    Raises:
        OSError: one cannot be written; it is as it was.
    """
    with whole_file(output / TABLE) as unfinished, unfinished.open("wb") as table:
        table.write(line(COLUMNS))
        for part in (each.part for each in judged if each.part is not None):
            with part.table.open("rb") as rows:
                shutil.copyfileobj(rows, table)
    lines = [line(SUMMARY_COLUMNS), *(line(_summary(each)) for each in judged)]
    write_text_whole(output / SUMMARY, b"".join(lines).decode())
    facts = {
        "networks": f"{card.pipeline}, sha256 {card.sha256[:12]}…",
        "judged": f"{len(judged)} of {len(inputs.found)} inputs",
        "left alone": f"{inputs.left_alone} files that are none of these, or belong to scans",
    }
    write_text_whole(output / PAGE, _page(judged, facts))


def _summary(judged: JudgedInput) -> tuple[str, ...]:
    found, _, account = judged
    seconds = [number(value, 3) if found.moves else UNKNOWN for value in account.seconds_of]
    duration = number(sum(account.seconds_of), 3) if found.moves else UNKNOWN
    return (
        *(str(found.path), found.kind.value, str(account.frames), str(account.faces), duration),
        *seconds,
        *map(str, account.frames_of),
        account.problem or UNKNOWN,
    )


def _page(judged: Sequence[JudgedInput], facts: Mapping[str, str]) -> str:
    """Return the page's HTML: no script, nothing loaded from elsewhere."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    rows = [
        {
            "name": str(found.path),
            "thumbnail": account.thumbnail,
            "timeline": _timeline(account.course) if found.moves else "",
            "text": _text(found, account),
            "problem": account.problem,
        }
        for found, _, account in judged
    ]
    return environment.from_string(_TEMPLATE).render(
        rows=rows, facts=facts, colours=_COLOURS, least=f"{MIN_CONFIDENCE:.0%}"
    )


def _text(found: Input, account: Account) -> str:
    """Return what an input comes to, the longest state first."""
    if not found.moves:
        return ", ".join(_of_states(account.frames_of, "", 0)) or "nothing"
    parts = list(_of_states(account.seconds_of, " s", 1))
    people = f"{account.faces} faces, the followed one in " if account.faces > 1 else ""
    return f"{people}{account.frames} frames: {', '.join(parts) or 'nothing'}"


def _of_states(sums: Sequence[float], unit: str, digits: int) -> Iterator[str]:
    order = sorted(range(len(STATES)), key=lambda place: -sums[place])
    for place in order:
        if sums[place] > 0:
            amount = f" {sums[place]:.{digits}f}{unit}" if unit else ""
            yield f"{STATES[place]}{amount}"


def _timeline(course: StateCourse) -> Markup:
    """Return a strip in which each bin has the colour of the state that lasted longest in it."""
    strip = [_longest(seconds) for seconds in course.seconds]
    parts, start = [], 0
    for place in range(1, len(strip) + 1):
        if place < len(strip) and strip[place] == strip[start]:
            continue
        parts.append(_stretch(strip[start], start, place, len(strip), course.bin_s))
        start = place
    return Markup('<svg viewBox="0 0 {} 28" preserveAspectRatio="none" role="img">{}</svg>').format(
        _WIDTH, Markup("").join(parts)
    )


def _stretch(state: str, start: int, end: int, bins: int, bin_s: float) -> Markup:
    text = f"{start * bin_s:.1f} to {end * bin_s:.1f} s: {state or NO_FACE}"
    return Markup(
        '<rect x="{:.2f}" width="{:.2f}" height="28" fill="{}"><title>{}</title></rect>'
    ).format(
        _WIDTH * start / bins, _WIDTH * (end - start) / bins, _COLOURS.get(state, "none"), text
    )


def _longest(seconds: Sequence[float]) -> str:
    """Return the state of a bin, empty where nothing was seen in it."""
    place = max(range(len(STATES)), key=lambda each: seconds[each])
    return STATES[place] if seconds[place] > 0 else ""
