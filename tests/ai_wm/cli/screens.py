"""The text of a Textual screen, for comparison."""

from __future__ import annotations

import html
import re
from typing import Any

_CELL = re.compile(r'<text[^>]*? x="([\d.]+)"[^>]*? clip-path="url\(#\S+-line-(\d+)\)"[^>]*>(.*?)</text>')
_WIDTH = 12.2
"""The width of a character in the picture that Textual makes of a screen."""


def text_of(app: Any) -> list[str]:
    """Returns the lines of an app's screen as they are shown, without colours and blanks at their ends."""
    lines: dict[int, str] = {}
    for x, number, content in _CELL.findall(app.export_screenshot()):
        said = html.unescape(content).replace("\xa0", " ")
        line = lines.get(int(number), "")
        lines[int(number)] = line.ljust(round(float(x) / _WIDTH)) + said
    return [lines.get(number, "").rstrip() for number in range(max(lines, default=-1) + 1)]
