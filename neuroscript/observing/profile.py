"""The profile of a run: where its time went, by line and by tool.

Time is taken by the clock, waits included.  The self time of a line is what no procedure and no tool that it called
has taken; its whole time has these too.  What the profile itself takes is left out.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from types import FrameType
from typing import Any

from neuroscript.observing.bodies import Open, Stacks
from neuroscript.output import one_line
from neuroscript.runtime.programs import Place
from neuroscript.runtime.watching import Watcher

_MOST_NODES = 50_000
_ROWS = 20
_TOOL = "tool"
Key = tuple[str, str, int]
"""A line: its file, the procedure, and its number; or a tool: an empty file, its name, and 0."""


@dataclass(slots=True)
class Figures:
    """How often something ran, and how long.

    Attributes:
        calls: how often it was begun.
        whole: seconds, with all that it called.
        own: seconds, without.
        active: how often it is running now, inside itself.
    """

    calls: int = 0
    whole: float = 0.0
    own: float = 0.0
    active: int = 0


@dataclass(slots=True, eq=False)
class Node:
    """A procedure or tool as it is called by way of certain others.

    Attributes:
        key: what it is.
        above: its caller.
        below: what it calls.
        lines: its own seconds, by line.
    """

    key: Key
    above: Node | None
    below: dict[Key, Node] = field(default_factory=dict)
    lines: dict[int, float] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Running:
    """A procedure or tool that is running."""

    node: Node
    line: int = 0
    begun: float = 0.0  # when its present line, or the tool, began


class _Thread:
    """What one thread runs."""

    def __init__(self, root: Node) -> None:
        self.running: list[_Running] = []
        self.root = root
        self.mark = perf_counter()
        self.lost = 0.0  # seconds that the profile itself has taken


class Profile(Watcher):
    """Measures a run."""

    def __init__(self) -> None:
        self._threads: dict[int, _Thread] = {}
        self._stacks: Stacks[_Running] = Stacks()
        self._lock = threading.Lock()
        self._nodes = 0
        self._texts: dict[str, list[str]] = {}
        self.root = Node(("", "", 0), None)
        self.lines: dict[Key, Figures] = {}
        self.tools: dict[str, Figures] = {}

    # --- what the run tells ------------------------------------------------------------------------------------------

    def compiled(self, file: str, text: str, places: Sequence[Place]) -> None:
        self._texts[file] = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")

    def begin(self, frame: FrameType, file: str, line: int) -> None:
        began = perf_counter()
        with self._lock:
            thread = self._thread()
            now = self._account(thread, began)
            stack = self._stacks.here()
            body = stack.find(frame)
            if body is None:
                body = self._enter(thread, frame, file)
            else:
                self._end_line(body.state, now)
            running = body.state
            running.line, running.begun = line, now
            figures = self._line(running)
            figures.calls += 1
            figures.active += 1
            self._leave(thread, began)

    def left(self, frame: FrameType, failure: BaseException | None) -> None:
        began = perf_counter()
        with self._lock:
            thread = self._thread()
            now = self._account(thread, began)
            body = self._stacks.here().leave(frame)
            if body is not None:
                self._end_line(body.state, now)
                if thread.running and thread.running[-1] is body.state:
                    thread.running.pop()
            self._leave(thread, began)

    def tool_begins(self, name: str, values: tuple[Any, ...], names: tuple[str, ...]) -> None:
        began = perf_counter()
        with self._lock:
            thread = self._thread()
            now = self._account(thread, began)
            figures = self.tools.setdefault(name, Figures())
            figures.calls += 1
            figures.active += 1
            thread.running.append(_Running(self._below(thread, ("", name, 0)), 0, now))
            self._leave(thread, began)

    def tool_ends(self, name: str, result: Any, failure: BaseException | None) -> None:
        began = perf_counter()
        with self._lock:
            thread = self._thread()
            now = self._account(thread, began)
            if thread.running and thread.running[-1].node.key == ("", name, 0):
                running, figures = thread.running.pop(), self.tools[name]
                figures.active -= 1
                if not figures.active:
                    figures.whole += now - running.begun
            self._leave(thread, began)

    def go_on(self) -> None:
        with self._lock:
            thread = self._thread()
            self._leave(thread, thread.mark)

    # --- accounting --------------------------------------------------------------------------------------------------

    def _thread(self) -> _Thread:
        number = threading.get_ident()
        found = self._threads.get(number)
        if found is None:
            found = self._threads[number] = _Thread(self.root)
        return found

    def _account(self, thread: _Thread, began: float) -> float:
        """Charges the time since the last mark to what was running; gives the time by the profile's clock."""
        if thread.running:
            running, seconds = thread.running[-1], began - thread.mark
            lines = running.node.lines
            lines[running.line] = lines.get(running.line, 0.0) + seconds
            file, name, _ = running.node.key
            (self._line(running) if file else self.tools[name]).own += seconds
        return began - thread.lost

    def _leave(self, thread: _Thread, began: float) -> None:
        thread.mark = perf_counter()
        thread.lost += thread.mark - began

    def _enter(self, thread: _Thread, frame: FrameType, file: str) -> Open[_Running]:
        stack = self._stacks.here()
        body: Open[_Running] = stack.enter(frame, file, _Running(thread.root))
        body.state.node = self._below(thread, (file, body.name, body.frame.f_code.co_firstlineno))
        thread.running.append(body.state)
        return body

    def _below(self, thread: _Thread, key: Key) -> Node:
        """The node of what is called now."""
        above = thread.running[-1].node if thread.running else thread.root
        found = above.below.get(key)
        if found is None:
            if self._nodes >= _MOST_NODES:  # too many ways: what is further in counts as called from outside
                above = thread.root
                if key in above.below:
                    return above.below[key]
            self._nodes += 1
            found = above.below[key] = Node(key, above)
        return found

    def _line(self, running: _Running) -> Figures:
        file, name, _ = running.node.key
        key = file, name, running.line
        found = self.lines.get(key)
        if found is None:
            found = self.lines[key] = Figures()
        return found

    def _end_line(self, running: _Running, now: float) -> None:
        figures = self._line(running)
        figures.active -= 1
        if not figures.active:  # a recursion counts once
            figures.whole += now - running.begun

    # --- reports -----------------------------------------------------------------------------------------------------

    @property
    def seconds(self) -> float:
        """The time of all lines and tools."""
        return sum(one.own for one in (*self.lines.values(), *self.tools.values()))

    def table(self, width: int, source: Callable[[str], str]) -> list[str]:
        """Two tables for people: the lines, and the tools, that took longest themselves.

        Args:
            width: characters of a line.
            source: makes a line of a program safe to show.
        """
        if not self.lines:
            return ["profile: no statement was run"]
        total = self.seconds
        rows = [
            f"profile: {_seconds(total)} in {_count(len(self.lines), 'line')} and {_count(len(self.tools), 'tool')}"
        ]
        places = {key: f"{one_line(key[0], 60)}:{key[2]}" for key in self.lines}
        named = [(places[key], key, figures) for key, figures in self.lines.items()]
        column = max(len(place) for place, _, _ in named)

        def line(place: str, key: Key) -> str:
            lines = self._texts.get(key[0], [])
            text = lines[key[2] - 1].strip() if key[2] <= len(lines) else ""
            return f"{place:{column}}  {source(text)}"

        rows += self._rows("line", ((line(place, key), figures) for place, key, figures in named), total, width)
        if self.tools:
            rows += self._rows("tool", ((one_line(name, 80), one) for name, one in self.tools.items()), total, width)
        return rows

    def _rows(self, what: str, found: Iterable[tuple[str, Figures]], total: float, width: int) -> list[str]:
        ranked = sorted(found, key=lambda row: -row[1].own)
        rows = ["", f"{'calls':>9}  {'time':>9}  {'self':>9}  {'%':>4}  {what}"]
        for text, one in ranked[:_ROWS]:
            part = 100 * one.own / total if total else 0.0
            head = f"{one.calls:>9,}  {_seconds(one.whole):>9}  {_seconds(one.own):>9}  {part:>4.0f}  "
            shown = one_line(text, 400)
            room = max(width - len(head), 20)
            rows.append(head + (shown if len(shown) <= room else shown[: room - 1] + "…"))
        if len(ranked) > _ROWS:
            rest = sum(one.own for _, one in ranked[_ROWS:])
            rows.append(f"{'':>9}  {'':>9}  {_seconds(rest):>9}  {'':>4}  {len(ranked) - _ROWS} more")
        return rows

    def speedscope(self, name: str) -> str:
        """The profile in the JSON format of https://www.speedscope.app, which shows it as a flame graph.

        A sample is a way through the procedures down to a line or tool, weighted with its own seconds.
        """
        frames: dict[Key, int] = {}
        listed: list[dict[str, Any]] = []

        def number(key: Key, shown: str) -> int:
            found = frames.get(key)
            if found is None:
                found = frames[key] = len(listed)
                place = {"file": key[0], "line": key[2]} if key[0] else {}
                listed.append({"name": shown, **place})
            return found

        samples: list[list[int]] = []
        weights: list[float] = []
        pending: list[tuple[Node, list[int]]] = [(self.root, [])]
        while pending:
            node, way = pending.pop()
            if node.above is not None:
                file, label, first = node.key
                way = [*way, number((file, label, first), label)]
            for line, seconds in sorted(node.lines.items()):
                leaf = [number((node.key[0], "", line), f"{node.key[0]}:{line}")] if node.key[0] else []
                samples.append([*way, *leaf])
                weights.append(round(max(seconds, 0.0), 9))
            pending += [(below, way) for below in reversed(node.below.values())]
        total = round(sum(weights), 9)
        profile = {
            "type": "sampled",
            "name": name,
            "unit": "seconds",
            "startValue": 0,
            "endValue": total,
            "samples": samples,
            "weights": weights,
        }
        document = {
            "$schema": "https://www.speedscope.app/file-format-schema.json",
            "name": name,
            "exporter": "neuroscript",
            "activeProfileIndex": 0,
            "shared": {"frames": listed},
            "profiles": [profile],
        }
        return json.dumps(document, separators=(",", ":")) + "\n"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def _seconds(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1e3:.2f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} µs"
