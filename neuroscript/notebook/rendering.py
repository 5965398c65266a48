"""Values as a notebook shows them: as HTML, and as plain text for terminals and for readers of the file.

What a program or a model says is text: it is escaped in HTML, and its control characters are shown.
"""

from __future__ import annotations

from html import escape
from itertools import islice
from typing import Any, TypeGuard

from neuroscript.cli.interactive import shown, told
from neuroscript.output import shortened, visible

MAX_ROWS = 100
MAX_COLUMNS = 30
MAX_CELL = 300
MAX_TEXT = 10_000
_PLAIN_CELL = 40
_LEAST_CELL = 8
_LONG = 100

# What stands between two dollar signs is no formula: prices, say.
_AS_IT_IS = 'class="tex2jax_ignore mathjax_ignore"'
_LEFT = 'style="text-align: left; white-space: pre-wrap"'
_RIGHT = 'style="text-align: right"'
_FAINT = '<span style="opacity: 0.5">{}</span>'  # on light and on dark ground


def plain_of(value: Any, width: int | None = None) -> str:
    """A value as plain text.

    Args:
        value: the value.
        width: of the lines of a table, as far as that can be; None: they may be long.
    """
    return _plain_table(value, width) if is_table(value) else visible(shown(value, MAX_TEXT))


def html_of(value: Any) -> str | None:
    """A value as HTML; None for one that plain text shows as well."""
    if is_table(value):
        return _html_table(value)
    if isinstance(value, dict) and value:
        return _html_map(value)
    if isinstance(value, str) and ("\n" in value or len(value) > _LONG):
        # In quotes, with its line ends as escapes, nobody can read a reply.
        return f'<pre {_AS_IT_IS} style="white-space: pre-wrap">{_escaped(value, MAX_TEXT)}</pre>'
    return None


def is_table(value: Any) -> TypeGuard[list[dict[str, Any]]]:
    """Whether a value is shown as a table: a list of maps that are not empty."""
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) and row for row in value)


# --- tables -----------------------------------------------------------------------------------------------------------


def _columns(rows: list[dict[str, Any]]) -> list[str]:
    """The keys of the rows that are shown, as they come."""
    keys = dict.fromkeys(key for row in rows[:MAX_ROWS] for key in row)
    return list(islice(keys, MAX_COLUMNS))


def _left_out(rows: list[dict[str, Any]]) -> str:
    """A line about what is not shown; empty if there is nothing of it."""
    parts = []
    if len(rows) > MAX_ROWS:
        parts.append(f"{MAX_ROWS} of {len(rows)} rows")
    width = len(dict.fromkeys(key for row in rows[:MAX_ROWS] for key in row))
    if width > MAX_COLUMNS:
        parts.append(f"{MAX_COLUMNS} of {width} columns")
    return " and ".join(parts)


def _numeric(rows: list[dict[str, Any]], columns: list[str]) -> list[bool]:
    """For each column, whether it has nothing but numbers."""
    return [all(_is_number(row[key]) for row in rows[:MAX_ROWS] if key in row) for key in columns]


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _html_table(rows: list[dict[str, Any]]) -> str:
    columns = _columns(rows)
    sides = ["right" if number else "left" for number in _numeric(rows, columns)]
    head = "".join(
        f'<th style="text-align: {side}">{_escaped(key)}</th>' for key, side in zip(columns, sides, strict=True)
    )
    body = "".join(
        f"<tr>{''.join(_html_cell(row[key]) if key in row else '<td></td>' for key in columns)}</tr>\n"
        for row in rows[:MAX_ROWS]
    )
    note = _left_out(rows)
    below = f"<p>{_FAINT.format(note)}</p>" if note else ""
    return f"<table {_AS_IT_IS}>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>{below}"


def _html_map(value: dict[str, Any]) -> str:
    rows = "".join(
        f'<tr><th style="text-align: left">{_escaped(key)}</th>{_html_cell(item, _LEFT)}</tr>\n'
        for key, item in islice(value.items(), MAX_ROWS)
    )
    below = f"<p>{_FAINT.format(f'{MAX_ROWS} of {len(value)} keys')}</p>" if len(value) > MAX_ROWS else ""
    return f"<table {_AS_IT_IS}>\n<tbody>\n{rows}</tbody>\n</table>{below}"


def _html_cell(value: Any, number: str = _RIGHT) -> str:
    if value is None:
        return f"<td {_LEFT}>{_FAINT.format('nil')}</td>"
    return f"<td {number if _is_number(value) else _LEFT}>{_escaped(told(value))}</td>"


def _escaped(text: str, most: int = MAX_CELL) -> str:
    return escape(visible(shortened(text, most)))


def _plain_table(rows: list[dict[str, Any]], width: int | None) -> str:
    columns = _columns(rows)
    table = [columns]
    table += [[told(row[key]) if key in row else "" for key in columns] for row in rows[:MAX_ROWS]]
    widest = _PLAIN_CELL
    while True:
        cells = [[_plain_cell(text, widest) for text in row] for row in table]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        if width is None or sum(widths) + 2 * (len(widths) - 1) <= width or widest <= _LEAST_CELL:
            break
        widest -= 1
    numbers = _numeric(rows, columns)
    lines = [
        "  ".join(
            text.rjust(space) if number else text.ljust(space)
            for text, space, number in zip(row, widths, numbers, strict=True)
        ).rstrip()
        for row in cells
    ]
    lines.insert(1, "  ".join("─" * space for space in widths))
    note = _left_out(rows)
    return "\n".join([*lines, f"({note})"] if note else lines)


def _plain_cell(text: str, widest: int) -> str:
    line = visible(text[: widest + 1].replace("\r\n", "\n")).replace("\n", "⏎").replace("\t", " ")
    return line if len(line) <= widest else f"{line[: widest - 1]}…"
