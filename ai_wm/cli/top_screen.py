"""The screen of ``neuroscript workers top``, which needs the extra ``tui``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.timer import Timer
from textual.widgets import DataTable, Footer, Static

from ai_wm.cli.tables import watched_cells
from ai_wm.reporting import formats
from ai_wm.reporting.monitor import Gauge, Look, Monitor, Watched
from neuroscript import NeuroScriptError
from neuroscript.cli import visible

COLUMNS: Final = (
    ("worker", 0),
    ("instances", 5),
    ("requests", 1),
    ("tokens", 2),
    ("in flight", 3),
    ("waiting", 0),
    ("cost today", 0),
    ("median", 4),
    ("95 %", 6),
    ("failed", 0),
)
"""The columns and, where the terminal is narrow, which of them goes first: the one with the highest number; 0 stays."""

NEWEST: Final = 6
"""So many of the chosen worker's newest tasks are shown."""

_NAME_SHARE: Final = 4
"""A name has at most one part in so many of the screen."""
_PADDING: Final = 2
_SEPARATOR: Final = "  ·  "

Order = Callable[[Watched], Any]

ORDERS: Final[dict[str, Order]] = {
    "activity": lambda each: (-each.in_flight - each.waiting, -each.lately.tasks, -each.today.cost, each.name),
    "name": lambda each: each.name.casefold(),
    "cost": lambda each: (-each.today.cost, each.name),
    "failures": lambda each: (-each.lately.failed, each.name),
}


class TopScreen(App[None]):
    """Shows the workers, looks again and again, and tells more of the chosen one.

    Args:
        monitor: looks at the workers.
        place: where they are, in words.
        every: seconds from the end of one look to the next.
        clock: gives the moment, with the offset of the clock by which days begin.
    """

    CSS = """
    Screen { layout: vertical; }
    #head { height: auto; padding: 0 1; background: $panel; }
    #table { height: 1fr; }
    #more { height: auto; max-height: 50%; padding: 0 1; border-top: solid $primary; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "quit"),
        Binding("s", "sort", "sort"),
        Binding("p", "pause", "pause"),
        Binding("r", "refresh_now", "look now"),
    ]
    ENABLE_COMMAND_PALETTE = False
    TITLE = "neuroscript workers top"

    def __init__(
        self,
        monitor: Monitor,
        place: str,
        every: float,
        clock: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        super().__init__()
        self._monitor = monitor
        self._place = place
        self._every = every
        self._clock = clock
        self._look: Look | None = None
        self._order = "activity"
        self._paused = False
        self._timer: Timer | None = None
        self._trouble = ""
        self._kept: list[int] = []
        self._keys: list[str] = []
        self._chosen = ""
        self._logged = _Last()

    def compose(self) -> ComposeResult:
        yield Static(id="head")
        table: DataTable[Text] = DataTable(id="table", cursor_type="row", zebra_stripes=True)
        yield table
        yield Static(id="more")
        yield Footer()

    def on_mount(self) -> None:
        # What is logged would be written over the screen.
        root = logging.getLogger()
        self._handlers, root.handlers = root.handlers, [self._logged]
        self.action_refresh_now()

    def on_unmount(self) -> None:
        logging.getLogger().handlers = self._handlers

    # --- looking ---

    def action_refresh_now(self) -> None:
        """Looks now."""
        self._look_again()

    @work(thread=True, exclusive=True, group="look")
    def _look_again(self) -> None:
        try:
            look: Look | None = self._monitor.look(self._clock())
            trouble = self._logged.take()
        except NeuroScriptError as error:
            look, trouble = None, error.message
        self.call_from_thread(self._seen, look, trouble)

    def _seen(self, look: Look | None, trouble: str) -> None:
        self._look, self._trouble = look or self._look, trouble
        self._show()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(self._every, self._timed_look, name="look")

    def _timed_look(self) -> None:
        if not self._paused:
            self._look_again()

    def action_pause(self) -> None:
        """Stops looking, or goes on."""
        self._paused = not self._paused
        if self._paused:
            self._show()
        else:
            self._look_again()

    def action_sort(self) -> None:
        """Sorts by the next order."""
        orders = list(ORDERS)
        self._order = orders[(orders.index(self._order) + 1) % len(orders)]
        self._show()

    # --- showing ---

    def on_resize(self, event: Resize) -> None:
        self._show()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        chosen = event.row_key.value or ""
        if chosen != self._chosen:
            self._chosen = chosen
            self._show_more()

    def _show(self) -> None:
        self.query_one("#head", Static).update(self._head())
        if self._look is None:
            return
        workers = sorted(self._look.workers, key=ORDERS[self._order])
        with self.batch_update():
            self._fill([(each.definition_id, _cut(watched_cells(each), self.size.width)) for each in workers])
        self._show_more()

    def _fill(self, rows: Sequence[tuple[str, list[Text]]]) -> None:
        table: DataTable[Text] = self.query_one("#table", DataTable)
        widths = [
            max([len(title), *(cells[number].cell_len for _, cells in rows)])
            for number, (title, _) in enumerate(COLUMNS)
        ]
        kept = _that_fit(widths, self.size.width)
        keys = [key for key, _ in rows]
        if kept != self._kept or keys != self._keys:
            chosen = self._chosen if self._chosen in keys else ""
            table.clear(columns=True)
            for number in kept:
                title = COLUMNS[number][0]
                table.add_column(Text(title, justify="right" if number else "left"), key=title, width=widths[number])
            for key, cells in rows:
                table.add_row(*(_placed(number, cells[number]) for number in kept), key=key)
            self._kept, self._keys = kept, keys
            if chosen:
                table.move_cursor(row=keys.index(chosen), animate=False)
            self._chosen = chosen or (keys[0] if keys else "")
            return
        for key, cells in rows:
            for number in kept:
                table.update_cell(key, COLUMNS[number][0], _placed(number, cells[number]))
        for number in kept:
            table.columns[next(key for key in table.columns if key.value == COLUMNS[number][0])].width = widths[number]

    def _head(self) -> Text:
        head = Text(no_wrap=True, overflow="ellipsis")
        head.append(visible(self._place), "bold")
        look = self._look
        if look is None:
            said, style = (visible(self._trouble), "bright_red") if self._trouble else ("looking …", "dim")
            return head.append("\n").append(said, style)
        head.append(f"  {look.moment:%H:%M:%S}  by {self._order}", "dim")
        if self._paused:
            head.append("  paused", "yellow")
        tasks, failed = look.lately
        cost = sum(each.today.cost for each in look.workers)
        parts = [
            _number(len(look.workers), "worker"),
            _number(int(sum(each.instances.used for each in look.workers)), "instance"),
            f"{sum(each.in_flight for each in look.workers)} in flight",
            f"{sum(each.waiting for each in look.workers)} waiting",
            f"cost today {formats.cost(cost)}",
            f"{failed} of {_number(tasks, 'task')} failed in the last hour",
        ]
        while len(_SEPARATOR.join(parts)) > self.size.width - _PADDING and len(parts) > 1:
            parts.pop(0)
        head.append("\n" + _SEPARATOR.join(parts))
        if self._trouble:
            head.append("\n" + visible(self._trouble).replace("\n", " "), "bright_red")
        return head

    def _show_more(self) -> None:
        more = self.query_one("#more", Static)
        worker = next(
            (each for each in (self._look.workers if self._look else ()) if each.definition_id == self._chosen), None
        )
        if worker is None:
            more.update(
                Text("There are no workers yet; neuroscript workers add adds one.", "dim") if self._look else ""
            )
            return
        try:
            newest = self._monitor.newest(worker.definition_id, NEWEST)
        except NeuroScriptError as error:
            more.update(Text(visible(error.message), "bright_red"))
            return
        more.update(_details(worker, newest, self.size.width - 2 * _PADDING))


def _details(worker: Watched, newest: Sequence[dict[str, Any]], width: int) -> Text:
    """What is told of the chosen worker: its limits, and its newest tasks."""
    told = Text(no_wrap=True, overflow="ellipsis")
    told.append(visible(worker.name), "bold")
    told.append(f"  {visible(worker.model)}  {worker.status}\n", "dim")
    gauges = (
        ("instances", worker.instances),
        ("requests/min", worker.requests[0]),
        ("requests/24 h", worker.requests[1]),
        ("tokens/min", worker.tokens[0]),
        ("tokens/24 h", worker.tokens[1]),
        ("cost/24 h", worker.budget),
    )
    limited = [f"{name} {_gauge(gauge, name)}" for name, gauge in gauges if gauge.limit]
    told.append(f"limits  {'  ·  '.join(limited) if limited else 'none'}\n")
    if not newest:
        told.append("no tasks yet", "dim")
    lines = [_task_line(record, width) for record in newest]
    return told.append_text(Text("\n").join(lines))


def _gauge(gauge: Gauge, name: str) -> str:
    shown = formats.cost if name.startswith("cost") else formats.count
    return f"{shown(gauge.used)} / {shown(gauge.limit)}"


def _task_line(record: dict[str, Any], width: int) -> Text:
    started = datetime.fromisoformat(record["timestamp_start"][:19] + "+00:00").astimezone()
    line = Text(f"{started:%m-%d %H:%M:%S}  ", "dim")
    line.append("ok      " if record["success"] else "failed  ", "green" if record["success"] else "bright_red")
    line.append(f"{formats.milliseconds(record['duration_ms']):>8}  ")
    line.append(f"{formats.count(record['llm_metrics'].get('total_tokens', 0)):>6} tokens  ")
    said = record["output_summary"] if record["success"] else record["error_details"]
    line.append(visible(said).replace("\n", " ").replace("\t", " "), "" if record["success"] else "bright_red")
    line.truncate(max(width, 20), overflow="ellipsis")
    return line


def _that_fit(widths: Sequence[int], width: int) -> list[int]:
    """The numbers of the columns that are shown in a width."""
    kept = list(range(len(COLUMNS)))
    while sum(widths[number] + _PADDING for number in kept) > width:
        candidates = [number for number in kept if COLUMNS[number][1]]
        if not candidates:
            break
        kept.remove(max(candidates, key=lambda number: COLUMNS[number][1]))
    return kept


def _cut(cells: list[Text], width: int) -> list[Text]:
    cells[0].truncate(max(width // _NAME_SHARE, 8), overflow="ellipsis")
    return cells


def _placed(number: int, cell: Text) -> Text:
    cell.justify = "right" if number else "left"
    return cell


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


class _Last(logging.Handler):
    """Keeps the last warning that is logged, for the head of the screen."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said = ""

    def emit(self, record: logging.LogRecord) -> None:
        self._said = record.getMessage()

    def take(self) -> str:
        """Returns what was logged since it was last asked."""
        said, self._said = self._said, ""
        return said
