"""The diagrams of the explanation pages, as SVG that needs no network and can be read on light and dark."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

CELL_W, CELL_H, GAP_X, GAP_Y, MARGIN = 168, 62, 58, 46, 16
LINE = 17
"""Pixels from one line of text to the next."""

FILLS = {
    "plain": ("#eceff9", "#5c6bc0"),
    "outside": ("#fdf1dc", "#c77800"),
    "kept": ("#e3f3e6", "#3c8d4a"),
    "denied": ("#fbe4e4", "#c44747"),
}
_FIRST, _MORE = ' font-weight="bold"', ' font-size="12"'
INK, ARROW = "#1b2033", "#7a86a8"


@dataclass(slots=True, frozen=True)
class Box:
    """A box at a column and a row of the grid, both from 0 and not necessarily whole.

    Args:
        column: its place from the left.
        row: its place from the top.
        text: its lines; the first one is bold.
        kind: its colours, of ``FILLS``.
        width: how many columns it takes.
    """

    column: float
    row: float
    text: str
    kind: str = "plain"
    width: int = 1

    @property
    def left(self) -> float:
        return MARGIN + self.column * (CELL_W + GAP_X)

    @property
    def top(self) -> float:
        return MARGIN + self.row * (CELL_H + GAP_Y)

    @property
    def right(self) -> float:
        return self.left + self.width * CELL_W + (self.width - 1) * GAP_X

    @property
    def bottom(self) -> float:
        return self.top + CELL_H


@dataclass(slots=True, frozen=True)
class Diagram:
    """Boxes by name, and arrows from one to another with a label.

    Args:
        title: what it shows, for those who do not see it.
        boxes: the boxes.
        arrows: from, to, label.
    """

    title: str
    boxes: dict[str, Box]
    arrows: tuple[tuple[str, str, str], ...] = field(default=())

    def svg(self) -> str:
        """The picture."""
        width = max(box.right for box in self.boxes.values()) + MARGIN
        height = max(box.bottom for box in self.boxes.values()) + MARGIN
        parts = [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}"'
                ' role="img" font-family="Helvetica, Arial, sans-serif" font-size="13">'
            ),
            f"<title>{escape(self.title)}</title>",
            (
                '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"'
                f' orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" fill="{ARROW}"/></marker></defs>'
            ),
        ]
        parts += [_arrow(self.boxes[start], self.boxes[end], label) for start, end, label in self.arrows]
        parts += [_box(box) for box in self.boxes.values()]
        parts += [_label(self.boxes[start], self.boxes[end], label) for start, end, label in self.arrows if label]
        return "\n".join([*parts, "</svg>", ""])


def _box(box: Box) -> str:
    fill, edge = FILLS[box.kind]
    lines = box.text.splitlines()
    middle, first = (box.left + box.right) / 2, (box.top + box.bottom) / 2 - (len(lines) - 1) * LINE / 2 + 4.5
    words = "".join(
        f'<text x="{middle:g}" y="{first + n * LINE:g}" text-anchor="middle" fill="{INK}"'
        f"{_FIRST if n == 0 else _MORE}>{escape(line)}</text>"
        for n, line in enumerate(lines)
    )
    return (
        f'<rect x="{box.left:g}" y="{box.top:g}" width="{box.right - box.left:g}" height="{CELL_H}" rx="7"'
        f' fill="{fill}" stroke="{edge}" stroke-width="1.4"/>{words}'
    )


def _ends(start: Box, end: Box) -> tuple[float, float, float, float]:
    """Where an arrow leaves one box and reaches the other."""
    if start.right <= end.left or end.right <= start.left:  # side by side
        forth = start.right <= end.left
        y = (max(start.top, end.top) + min(start.bottom, end.bottom)) / 2
        y1, y2 = (y, y) if start.row == end.row else ((start.top + start.bottom) / 2, (end.top + end.bottom) / 2)
        return (start.right if forth else start.left), y1, (end.left if forth else end.right), y2
    x = (max(start.left, end.left) + min(start.right, end.right)) / 2
    down = start.row < end.row
    return x, (start.bottom if down else start.top), x, (end.top if down else end.bottom)


def _arrow(start: Box, end: Box, label: str) -> str:
    x1, y1, x2, y2 = _ends(start, end)
    both = ' marker-start="url(#tip)"' if label.startswith("↔") else ""
    return (
        f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{ARROW}" stroke-width="1.6"'
        f' marker-end="url(#tip)"{both}/>'
    )


def _label(start: Box, end: Box, label: str) -> str:
    x1, y1, x2, y2 = _ends(start, end)
    text = label.removeprefix("↔").strip()
    if not text:
        return ""
    x, y, width = (x1 + x2) / 2, (y1 + y2) / 2, len(text) * 6.2 + 10
    return (
        f'<rect x="{x - width / 2:g}" y="{y - 9:g}" width="{width:g}" height="18" rx="9" fill="#ffffff"'
        f' stroke="{ARROW}"/><text x="{x:g}" y="{y + 4:g}" text-anchor="middle" font-size="11.5" fill="{INK}">'
        f"{escape(text)}</text>"
    )


DIAGRAMS = {
    "parts": Diagram(
        "A host runs a program in an interpreter; the program reaches tools, and models through the worker manager",
        {
            "host": Box(0, 0, "Host\nPython, or the command"),
            "interpreter": Box(1, 0, "Interpreter\nlimits, policy"),
            "program": Box(2, 0, "Program\n.ns file", "denied"),
            "tools": Box(2, 1, "Tools\nstandard, the host's"),
            "files": Box(1, 1, "Sandbox\none directory", "kept"),
            "manager": Box(3, 0, "Worker manager\nkeys, limits, records"),
            "models": Box(3, 1, "Models\nproviders, this machine", "outside"),
        },
        (
            ("host", "interpreter", ""),
            ("interpreter", "program", ""),
            ("program", "manager", "ask"),
            ("program", "tools", "tool.…"),
            ("tools", "files", ""),
            ("manager", "models", ""),
        ),
    ),
    "stages": Diagram(
        "The stages of a program: parse, resolve, analyse, generate, run; the compiled code is kept",
        {
            "source": Box(0, 0, "Source\n.ns files", "outside"),
            "parse": Box(1, 0, "Parse\ntext to a tree"),
            "resolve": Box(2, 0, "Resolve\nnames, handlers"),
            "analyse": Box(2, 1, "Analyse\ntypes, escapes, loops"),
            "generate": Box(1, 1, "Generate\nPython code objects"),
            "run": Box(0, 1, "Run\nin an empty namespace"),
            "cache": Box(1, 2, "Cache\ncompiled code", "kept"),
        },
        (
            ("source", "parse", ""),
            ("parse", "resolve", ""),
            ("resolve", "analyse", ""),
            ("analyse", "generate", ""),
            ("generate", "run", ""),
            ("generate", "cache", "↔"),
        ),
    ),
    "prompt": Diagram(
        "The eight steps of a prompt: find, reserve, key, call, cost, record, settle, answer",
        {
            "find": Box(0, 0, "1 Find\nthe worker's definition"),
            "reserve": Box(1, 0, "2 Reserve\nunder every limit"),
            "key": Box(2, 0, "3 Key\nfor this address only"),
            "call": Box(3, 0, "4 Call\nretries, tools, stream", "outside"),
            "cost": Box(3, 1, "5 Cost\ntokens and prices"),
            "record": Box(2, 1, "6 Record\non disk before the answer", "kept"),
            "settle": Box(1, 1, "7 Settle\nto what was used"),
            "answer": Box(0, 1, "8 Answer\nor an error"),
        },
        (
            ("find", "reserve", ""),
            ("reserve", "key", ""),
            ("key", "call", ""),
            ("call", "cost", ""),
            ("cost", "record", ""),
            ("record", "settle", ""),
            ("settle", "answer", ""),
        ),
    ),
    "trust": Diagram(
        "Who is trusted: the host decides; scripts, models and servers are held to what it grants",
        {
            "host": Box(0, 0.5, "Host, operator\ntrusted", "kept"),
            "policy": Box(1, 0, "Policy\nwhat it grants"),
            "keys": Box(1, 1, "Keys\npairs with addresses"),
            "script": Box(2, 0, "Script\nmay be hostile", "denied"),
            "model": Box(3, 0, "Model\nmay be hostile", "denied"),
            "server": Box(3, 1, "Provider's server\nmay be hostile", "denied"),
        },
        (
            ("host", "policy", ""),
            ("host", "keys", ""),
            ("policy", "script", ""),
            ("script", "model", "asks"),
            ("keys", "server", "approved address only"),
            ("server", "model", ""),
        ),
    ),
    "reserve": Diagram(
        "A call reserves the most that it may use, and gives back what it did not use",
        {
            "want": Box(0, 0, "Call\nestimate: at most 900"),
            "room": Box(1, 0, "Is there room?\nused + held + 900 ≤ limit"),
            "wait": Box(1, 1, "Refuse (20)\nor wait in order", "denied"),
            "hold": Box(2, 0, "Hold 900\nfor all processes to see", "kept"),
            "made": Box(3, 0, "Call is made\n310 tokens used", "outside"),
            "settle": Box(3, 1, "Settle\nhold 900 → used 310", "kept"),
        },
        (
            ("want", "room", ""),
            ("room", "hold", "yes"),
            ("room", "wait", "no"),
            ("hold", "made", ""),
            ("made", "settle", ""),
        ),
    ),
    "kept": Diagram(
        "What a directory of workers holds, and who writes it",
        {
            "a": Box(0, 0.5, "Process 1\nmanager"),
            "b": Box(0, 1.5, "Process 2\nmanager"),
            "definitions": Box(1.2, 0, "Definitions\nand summaries, JSON", "kept"),
            "records": Box(1.2, 1, "Records\nJSON, one entry a line", "kept"),
            "limits": Box(1.2, 2, "Limits\nholds, counters: SQLite", "kept"),
            "reader": Box(2.4, 0.5, "Any program\nthat reads JSON", "outside"),
        },
        (
            ("a", "definitions", ""),
            ("a", "records", ""),
            ("a", "limits", ""),
            ("b", "definitions", ""),
            ("b", "records", ""),
            ("b", "limits", ""),
            ("definitions", "reader", ""),
            ("records", "reader", ""),
        ),
    ),
}


def diagram_files() -> dict[str, str]:
    """Each picture by the name of its file."""
    return {f"diagrams/{name}.svg": diagram.svg() for name, diagram in DIAGRAMS.items()}
