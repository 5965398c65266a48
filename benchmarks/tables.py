"""Tables as text and as Markdown, and what the machine is."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

Row = Sequence[str]


def table(head: Row, rows: Sequence[Row], *, markdown: bool) -> str:
    """A table whose first column is text and whose others are figures."""
    if markdown:
        rule = ["---", *["---:"] * (len(head) - 1)]
        return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = ([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in (head, *rows))
    return "\n".join("  ".join(line) for line in lines)


def heading(title: str, *, markdown: bool) -> str:
    """A title above a table."""
    return f"**{title}**" if markdown else title


def ratio(value: float) -> str:
    """A ratio with two or three significant digits."""
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def seconds(value: float) -> str:
    """Seconds in the unit that suits them."""
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if value >= size * 0.9995:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def size(value: float) -> str:
    """Bytes in the unit that suits them."""
    if value < 1:
        return f"{value:.1f} B"
    for unit in ("B", "KB", "MB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} GB"


def machine() -> str:
    """The processor, the system and the Python that figures were measured on."""
    cores = os.cpu_count() or 1
    python = f"{platform.python_implementation()} {platform.python_version()}"
    system = f"{platform.system()} {platform.release().split('-')[0]}"
    return f"{cores} core{'s' * (cores != 1)} of {_processor()}, {system}, {python}"


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()
