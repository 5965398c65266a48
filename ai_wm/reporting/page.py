"""The report on AI workers as one page of HTML, which needs nothing but itself: no network and no script."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from ai_wm.reporting import formats
from ai_wm.reporting.charts import Chart, Series, draw, long_day, mark, text
from ai_wm.reporting.figures import Bins, Figures, WorkerRows, figures_of
from ai_wm.reporting.style import STYLE
from ai_wm.store.rows import Row

COLOURS: Final = 8
"""So many series have a colour; where there are more workers, the last one stands for all others."""

FAILURES: Final = 20
"""So many of the newest failures are listed."""

_MOST_SAID: Final = 300


@dataclass(frozen=True, slots=True)
class Report:
    """What the page tells.

    Args:
        place: where the workers are, in words.
        since: the beginning of the period.
        until: its end.
        made: when the report was made.
        workers: the workers with their records.
        failures: the newest failed tasks, each with the label of its worker.
    """

    place: str
    since: datetime
    until: datetime
    made: datetime
    workers: Sequence[WorkerRows]
    failures: Sequence[tuple[str, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class _Group:
    """The workers that share a series: mostly one."""

    label: str
    rows: Sequence[Row]
    bins: Sequence[Sequence[Row]]


def page(report: Report) -> str:
    """Makes the page."""
    every = [row for worker in report.workers for row in worker.rows]
    period = f"{_day(report.since)} to {_day(report.until)}"
    body = [
        "<header><h1>AI workers</h1>",
        f'<p class="about"><span>{text(report.place)}</span> <span>{period} (days in UTC)</span> ',
        f"<span>made {text(_moment(report.made))}</span></p></header>",
        "<main>",
    ]
    if every:
        bins = Bins.of(report.since, report.until)
        groups = _groups(report.workers, bins)
        body += [_tiles(report.workers, figures_of(every)), _legend(groups), _charts(groups, bins)]
    else:
        body.append(f'<p class="none">No tasks were recorded in this period, {period}.</p>')
    body += [_workers(report.workers), _failures(report.failures), "</main>"]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>AI workers, {period}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body>\n</html>\n"
    )


def _day(moment: datetime) -> str:
    return long_day(moment.astimezone(UTC).date())


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _groups(workers: Sequence[WorkerRows], bins: Bins) -> list[_Group]:
    """Gives each worker a series, those that cost and did most first; the many last ones share one."""
    busy = [worker for worker in workers if worker.rows]
    busy.sort(key=lambda worker: (-sum(row.cost for row in worker.rows), -len(worker.rows), worker.label))
    shown = busy if len(busy) <= COLOURS else busy[: COLOURS - 1]
    groups = [_Group(worker.label, worker.rows, bins.split(worker.rows)) for worker in shown]
    others = busy[len(shown) :]
    if others:
        rows = [row for worker in others for row in worker.rows]
        groups.append(_Group(f"{len(others)} others", rows, bins.split(rows)))
    return groups


def _tiles(workers: Sequence[WorkerRows], total: Figures) -> str:
    unknown = any(worker.has_unknown_prices for worker in workers)
    tiles = (
        ("Tasks", formats.whole(total.tasks), f"{formats.whole(total.failed)} failed"),
        ("Success", formats.share(total.success), ""),
        ("Cost", formats.cost(total.cost), "some prices are not known" if unknown else ""),
        ("Tokens", formats.count(total.tokens), ""),
        (
            "Latency",
            formats.milliseconds(total.median_ms),
            f"median; 95 % within {formats.milliseconds(total.slow_ms)}",
        ),
        ("Quality", formats.rating(total.quality), f"{formats.whole(total.rated)} rated"),
    )
    items = "".join(
        f"<div><dt>{name}</dt><dd><b>{value}</b>{f'<small>{note}</small>' if note else ''}</dd></div>"
        for name, value, note in tiles
    )
    return f'<dl class="tiles">{items}</dl>'


def _legend(groups: Sequence[_Group]) -> str:
    items = "".join(f"<li>{mark(number)}{text(group.label)}</li>" for number, group in enumerate(groups))
    return f'<ul class="legend" aria-label="Workers in the charts">{items}</ul>'


# --- charts ---


@dataclass(frozen=True, slots=True)
class _Plan:
    """A chart to make: what it shows, how it is worked out of records, and how its values are written."""

    key: str
    title: str
    what: str
    value: Callable[[Sequence[Row]], float | None]
    shown: Callable[[float], str]
    bars: bool = False
    whole: bool = False
    top: float | None = None


_PLANS: Final = (
    _Plan("cost", "Cost", "what the tasks cost", lambda some: figures_of(some).cost, formats.cost, bars=True),
    _Plan(
        "tokens",
        "Tokens",
        "tokens of input and output",
        lambda some: figures_of(some).tokens,
        formats.count,
        bars=True,
        whole=True,
    ),
    _Plan("tasks", "Tasks", "the number of tasks", len, formats.count, bars=True, whole=True),
    _Plan(
        "latency",
        "Latency (median)",
        "the median duration of the tasks",
        lambda some: figures_of(some).median_ms,
        formats.milliseconds,
    ),
    _Plan(
        "success",
        "Success",
        "the share of tasks that succeeded",
        lambda some: figures_of(some).success,
        formats.share,
        top=1.0,
    ),
    _Plan(
        "quality",
        "Quality (mean rating)",
        "the mean of the ratings",
        lambda some: figures_of(some).quality,
        formats.rating,
    ),
)


def _charts(groups: Sequence[_Group], bins: Bins) -> str:
    return f'<div class="charts">{"".join(_card(_chart(plan, groups, bins)) for plan in _PLANS)}</div>'


def _chart(plan: _Plan, groups: Sequence[_Group], bins: Bins) -> Chart:
    each = "day" if bins.days == 1 else f"{bins.days} days"
    return Chart(
        key=plan.key,
        title=plan.title,
        description=f"{'Stacked bars' if plan.bars else 'Lines'}: {plan.what}, by worker, for each {each}.",
        days=tuple(bins),
        days_each=bins.days,
        series=[
            Series(group.label, number, [plan.value(some) for some in group.bins])
            for number, group in enumerate(groups)
        ],
        shown=plan.shown,
        bars=plan.bars,
        top=plan.top,
        whole=plan.whole,
    )


def _card(chart: Chart) -> str:
    heading = f'<section class="card" aria-label="{text(chart.title)}"><h2>{text(chart.title)}</h2>'
    if chart.is_empty:
        return f'{heading}<p class="none">Nothing was rated.</p></section>'
    return (
        f'{heading}<div class="scroll" tabindex="0" role="group" aria-label="{text(chart.title)}, chart">'
        f"{draw(chart)}</div>{_numbers(chart)}</section>"
    )


def _numbers(chart: Chart) -> str:
    """The values of a chart in a table, of the days that have any."""
    head = "".join(f'<th scope="col">{text(series.label)}</th>' for series in chart.series)
    rows = []
    for number in range(len(chart.days)):
        values = [series.values[number] for series in chart.series]
        if any(values) or (not chart.bars and any(value is not None for value in values)):
            cells = "".join(f"<td>{'' if value is None else chart.shown(value)}</td>" for value in values)
            rows.append(f'<tr><th scope="row">{chart.day(number)}</th>{cells}</tr>')
    return (
        f'<details><summary>Numbers<span class="unseen"> of the chart {text(chart.title)}</span></summary>'
        '<div class="scroll" tabindex="0" role="group" aria-label="Numbers">'
        f'<table><thead><tr><th scope="col">Day</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
        "</div></details>"
    )


# --- tables ---


def _workers(workers: Sequence[WorkerRows]) -> str:
    if not workers:
        return '<p class="none">There are no workers yet.</p>'
    made = [(worker, figures_of(worker.rows)) for worker in workers]
    made.sort(key=lambda each: (-each[1].cost, -each[1].tasks, each[0].label))
    rows = "".join(map(partial(_worker_row, most=max(figures.cost for _, figures in made)), made))
    heads = ("Tasks", "Failed", "Success", "Tokens", "Cost", "Median", "95 % within", "Quality", "Last task")
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return (
        '<section class="card wide" aria-labelledby="by-worker"><h2 id="by-worker">By worker</h2>'
        '<div class="scroll" tabindex="0" role="group" aria-label="By worker">'
        f'<table class="workers"><thead><tr><th scope="col">Worker</th>{head}</tr></thead><tbody>{rows}</tbody></table>'
        "</div></section>"
    )


def _worker_row(made: tuple[WorkerRows, Figures], most: float) -> str:
    worker, figures = made
    removed = ' <span class="tag">removed</span>' if worker.is_removed else ""
    unknown = ' <span class="tag">price unknown</span>' if worker.has_unknown_prices else ""
    last = _moment(datetime.fromtimestamp(figures.last / 1e9, UTC)) if figures.last else "–"
    failed = f"<td{' class=bad' if figures.failed else ''}>{formats.whole(figures.failed)}</td>"
    bar = f'<i style="width:{100 * figures.cost / most:.1f}%"></i>' if most > 0 else ""
    return (
        f'<tr><th scope="row">{text(worker.label)}{removed}{unknown}</th>'
        f"<td>{formats.whole(figures.tasks)}</td>{failed}"
        f"<td>{formats.share(figures.success)}</td><td>{formats.whole(figures.tokens)}</td>"
        f'<td class="cost">{formats.cost(figures.cost)}{bar}</td><td>{formats.milliseconds(figures.median_ms)}</td>'
        f"<td>{formats.milliseconds(figures.slow_ms)}</td><td>{formats.rating(figures.quality)}</td><td>{last}</td></tr>"
    )


def _failures(failures: Iterable[tuple[str, dict[str, Any]]]) -> str:
    items = "".join(
        f"<li><time>{text(record['timestamp_start'][:19].replace('T', ' '))}</time> <b>{text(label)}</b> "
        f"<span>{text(_cut(record['error_details']))}</span></li>"
        for label, record in failures
    )
    if not items:
        return ""
    return (
        '<section class="card wide" aria-labelledby="failures"><h2 id="failures">Newest failures (UTC)</h2>'
        f'<ul class="failures">{items}</ul></section>'
    )


def _cut(said: str) -> str:
    return said if len(said) <= _MOST_SAID else f"{said[:_MOST_SAID]}…"
