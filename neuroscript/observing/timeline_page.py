"""The page of a timeline: one file that needs no other, with a picture that can be zoomed, in light and in dark.

What models, servers and programs said is text in it: it is escaped, and only the page's own script runs.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from neuroscript.observing.timeline import Call, Event, Span, Timeline
from neuroscript.observing.timeline_style import SCRIPT, STYLE
from neuroscript.output import visible
from neuroscript.runtime.watching import WAITING

_SERIES = 8  # colours of workers
_SCRIPT_LANE = "script"


def page_of(timeline: Timeline) -> str:
    """The page of a timeline that has ended."""
    return "".join(_page(timeline))


def _page(timeline: Timeline) -> Iterator[str]:
    calls = timeline.calls
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    name = _text(timeline.program)
    began = datetime.fromtimestamp(timeline.began, UTC).astimezone()
    yield f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name} · timeline</title>
<style>{STYLE}</style></head><body>
<header><h1>{name}</h1>
<p class="about"><span>{began:%Y-%m-%d %H:%M:%S %Z}</span><span>ran {seconds(timeline.seconds)}</span></p></header>
<main>
<dl class="tiles">"""
    yield from _tiles(calls)
    yield "</dl>\n"
    if timeline.left_out:
        yield f'<p class="note">{timeline.left_out:,} more calls are left out.</p>\n'
    yield _picture(timeline)
    yield from _call_table(calls)
    yield from _span_table(timeline.spans)
    yield from _event_table(timeline.events)
    yield f"""</main>
<script type="application/json" id="data">{_data(timeline)}</script>
<script>{SCRIPT}</script>
</body></html>
"""


def _tiles(calls: list[Call]) -> Iterator[str]:
    tokens_in, tokens_out = sum(call.input_tokens for call in calls), sum(call.output_tokens for call in calls)
    failed = sum(1 for call in calls if call.error)
    waited = sum(call.waited for call in calls)
    rows = [
        ("calls of models", f"{len(calls):,}", _workers(len({call.worker for call in calls}))),
        ("tokens", f"{tokens_in + tokens_out:,}", f"{tokens_in:,} in, {tokens_out:,} out"),
        ("cost", cost(sum(call.cost for call in calls)), "in the currency of the prices"),
        ("failed", f"{failed:,}", "of the calls"),
        ("waited", seconds(waited), "before being sent: getting ready, and limits"),
    ]
    for label, figure, more in rows:
        bad = ' class="bad"' if label == "failed" and failed else ""
        yield f"<div><dt>{label}</dt><dd><b{bad}>{figure}</b>{more}</dd></div>"


def _picture(timeline: Timeline) -> str:
    if not timeline.calls and not timeline.spans:
        return '<p class="card note">No model was asked, and no tool was called that reaches outside.</p>\n'
    workers = list(dict.fromkeys(call.worker for call in timeline.calls))
    legend = "".join(
        f'<span><i class="k{number % _SERIES}"></i>{_text(worker)}</span>' for number, worker in enumerate(workers)
    )
    return f"""<section class="card">
<div class="tools"><h2>Who was asked, when</h2><span class="buttons">
<button type="button" id="in" title="zoom in (+)">+</button>
<button type="button" id="out" title="zoom out (−)">−</button>
<button type="button" id="all" title="show all (0)">all</button></span></div>
<div id="picture" tabindex="0" role="img" aria-label="Calls over time; the tables below say the same"></div>
<p class="legend">{legend}<span><i class="tool"></i>script: ask, questions, tools</span>\
<span><i class="wait"></i>waiting under a limit</span><span><i class="bad"></i>failed</span></p>
<p class="soft">Wheel or + and − zoom, dragging or ← and → move, 0 shows all; a click opens the call below.</p>
</section>
"""


def _call_table(calls: list[Call]) -> Iterator[str]:
    if not calls:
        return
    yield '<section class="card"><h2>Calls</h2><div class="wide"><table><thead><tr><th>at<th>took<th>waited<th>worker'
    yield "<th>from<th>tokens<th>cost<th>asked and answered</tr></thead><tbody>"
    for number, call in enumerate(calls):
        kind = ' class="failed"' if call.error else ""
        model = f'<span class="soft">{_text(call.model)}</span>'
        yield (
            f'\n<tr id="c{number}"{kind}><td>{seconds(call.begin)}<td>{seconds(call.end - call.begin)}'
            f"<td>{seconds(call.waited) if call.waited >= 0.001 else ''}<td><b>{_text(call.worker)}</b><br>{model}"
            f"<td>{_text(call.place)}<td>{call.input_tokens:,} + {call.output_tokens:,}<td>{cost(call.cost)}<td>"
        )
        yield f"<details><summary>{_text(_head(call.prompt))}</summary>"
        yield f'<h3>asked</h3><pre class="said">{_text(call.prompt)}</pre>'
        if call.reply:
            yield f'<h3>answered</h3><pre class="said">{_text(call.reply)}</pre>'
        yield from _notes(call)
        yield "</details>"
        if call.error:
            yield f'<p class="error">{_text(_head(call.error, 300))}</p>'
    yield "\n</tbody></table></div></section>\n"


def _notes(call: Call) -> Iterator[str]:
    rounds = [(moment, "sent" if number == 0 else "sent again") for number, moment in enumerate(call.sent)]
    rows = sorted([*rounds, *call.notes])
    if rows:
        told = "".join(f"<li>{seconds(moment)} {_text(text)}</li>" for moment, text in rows)
        yield f'<h3>on the way</h3><ul class="said">{told}</ul>'


def _span_table(spans: list[Span]) -> Iterator[str]:
    if not spans:
        return
    yield '<section class="card"><h2>What the script waited for</h2><div class="wide"><table><thead><tr><th>at<th>took'
    yield "<th>from<th>what<th>with</tr></thead><tbody>"
    for number, span in enumerate(spans):
        place = f"{span.file}:{span.line}" if span.file else ""
        kind = ' class="failed"' if span.error else ""
        error = f'<p class="error">{_text(_head(span.error, 300))}</p>' if span.error else ""
        yield (
            f'\n<tr id="s{number}"{kind}><td>{seconds(span.begin)}<td>{seconds(span.end - span.begin)}'
            f'<td>{_text(place)}<br><span class="soft">{_text(span.procedure)}</span><td>{_text(span.name)}'
            f"<td>{_text(_head(span.text, 300))}{error}"
        )
    yield "\n</tbody></table></div></section>\n"


def _event_table(events: list[Event]) -> Iterator[str]:
    if not events:
        return
    yield '<section class="card"><h2>What happened besides</h2><ul>'
    for event in events:
        yield f"<li>{seconds(event.moment)} <b>{_text(event.word)}</b> {_text(event.message)}</li>"
    yield "</ul></section>\n"


# --- the data of the picture -----------------------------------------------------------------------------------------


def _data(timeline: Timeline) -> str:
    """The bars of the picture as JSON, in which nothing can end the element that it stands in."""
    workers = list(dict.fromkeys(call.worker for call in timeline.calls))
    lanes: list[dict[str, Any]] = []
    for rows in _rows((span.begin, span.end, number) for number, span in enumerate(timeline.spans)):
        bars = [_span_bar(timeline.spans[number], number) for number in rows]
        lanes.append({"name": "" if lanes else _SCRIPT_LANE, "bars": bars})
    for order, worker in enumerate(workers):
        own = ((call.begin, call.end, number) for number, call in enumerate(timeline.calls) if call.worker == worker)
        for place, rows in enumerate(_rows(own)):
            bars = [_call_bar(timeline.calls[number], number, order % _SERIES) for number in rows]
            lanes.append({"name": "" if place else visible(worker), "bars": bars})
    data = json.dumps({"seconds": max(timeline.seconds, 1e-6), "lanes": lanes}, separators=(",", ":"))
    return data.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _rows(bars: Iterable[tuple[float, float, int]]) -> list[list[int]]:
    """Bars in as few rows as hold them without one over another."""
    rows: list[list[int]] = []
    ends: list[float] = []
    for begin, end, number in sorted(bars):
        free = next((index for index, last in enumerate(ends) if last <= begin), None)
        if free is None:
            rows.append([])
            ends.append(0.0)
            free = len(rows) - 1
        rows[free].append(number)
        ends[free] = max(end, begin)
    return rows


def _span_bar(span: Span, number: int) -> dict[str, Any]:
    kind = "ask" if span.name in WAITING else "tool"
    place = f" · {span.file}:{span.line}" if span.file else ""
    tip = f"{span.name}{place} · {seconds(span.end - span.begin)}\n{_head(span.text, 200)}"
    return {
        "b": span.begin, "e": span.end, "k": kind, "t": span.name, "r": f"s{number}", "f": bool(span.error),
        "tip": visible(tip + (f"\n{_head(span.error)}" if span.error else "")),
    }  # fmt: skip


def _call_bar(call: Call, number: int, series: int) -> dict[str, Any]:
    tip = (
        f"{call.worker} ({call.model}) · {seconds(call.end - call.begin)} · "
        f"{call.input_tokens:,} + {call.output_tokens:,} tokens · cost {cost(call.cost)}\n{_head(call.prompt, 200)}"
    )
    return {
        "b": call.begin, "e": call.end, "k": f"k{series}", "t": _head(call.prompt, 80), "r": f"c{number}",
        "f": bool(call.error), "w": call.waited, "m": [moment for moment, _ in call.notes] + call.sent[1:],
        "tip": visible(tip + (f"\n{_head(call.error)}" if call.error else "")),
    }  # fmt: skip


# --- texts -----------------------------------------------------------------------------------------------------------


def _text(text: str) -> str:
    return html.escape(visible(text))


def _head(text: str, most: int = 120) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def seconds(value: float) -> str:
    """A time for people."""
    if value >= 60:
        return f"{value // 60:.0f} min {value % 60:.0f} s"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.0f} ms"


def cost(value: float) -> str:
    """A cost for people."""
    return "0" if not value else f"{value:.4f}" if value >= 0.001 else f"{value:.2g}"


def _workers(count: int) -> str:
    return f"{count:,} worker" + ("" if count == 1 else "s")
