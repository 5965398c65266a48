"""The tools of group ``csv``: tables as text (RFC 4180) and back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from sys import getsizeof
from typing import Any, NoReturn

from neuroscript.errors import ErrorCode
from neuroscript.limits import Limits
from neuroscript.stdlib.declare import (
    MUCH,
    Context,
    Group,
    check_characters,
    check_items,
    check_run,
    fail,
    limits_of,
    optional,
    required,
)
from neuroscript.tools.spec import ArgType
from neuroscript.tools.validation import given
from neuroscript.values import Fuzzy, TimeDate, number_text, read_number, time_text

_group = Group("csv")
TOOLS = _group.tools

_PARSE, _WRITE = "csv.Parse", "csv.Format"
_BYTE_ORDER_MARK = "\ufeff"
# Cells, and characters of a text that is read, after which the limits are looked at.
_CELLS_AT_ONCE, _CHARACTERS_AT_ONCE = 512, 1 << 16

_SHORT_MEMORY = 1 << 20  # bytes that rows of `MUCH` characters take at most

_LINE = re.compile(r"[^\r\n]*+")
_CELL = re.compile(r'"([^"]*+(?:""[^"]*+)*+)"|([^",\r\n]*+)')
_QUOTED = re.compile(r'[",\r\n]')
# A text that a spreadsheet computes; some pass over blanks and invisible characters before the sign, and take a wide
# one for it.
_FORMULA = re.compile(
    r"\t|[\s\x00-\x1f\x7f-\xa0\xad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]*+[=+\-@\uff1d\uff0b\uff0d\uff20]"
)


# --- reading ----------------------------------------------------------------------------------------------------------


@_group.tool(
    "Parse",
    required(
        "text", ArgType.STRING, "The table: cells between commas, rows between line ends, cells in quotes or not."
    ),
    optional("header", ArgType.BOOL, "Whether the first row names the columns.", True),
    returns=ArgType.SLICE_ANY,
    result="For each row a map from column to cell, or without a header a list of its cells. Cells are strings; blank "
    "lines are skipped.",
    primer="→[{column:text}]",
    example="""tool.csv.Parse('name,price\\nnut,"1,50"\\n') = [{"name": "nut", "price": "1,50"}]""",
    errors="41 for a row with more or fewer cells than the first one, or quotes that do not fit, with the line; 42 if "
    "two columns have one name; 37 if there are too many rows",
)
def parse(ctx: Context | None, text: str, header: bool) -> list[Any]:
    """Reads a table in CSV."""
    if len(text) <= MUCH and '"' not in text and "\r" not in text:
        plain = _plain_rows(limits_of(ctx), text, header)
        if plain is not None:
            return plain
    rows: list[Any] = []
    first: list[str] | None = None
    at_once, most = 1, limits_of(ctx).max_memory
    for line, cells in _records(ctx, text):
        if first is None:
            check_items(ctx, len(cells), _PARSE)
            first = cells
            at_once = max(1, _CELLS_AT_ONCE // len(cells))
            if header:
                _check_columns(cells, _PARSE)
                continue
        elif len(cells) != len(first):
            what = "header" if header else "first row"
            found = f"line {line} has {_cells(len(cells))}, but the {what} has {_cells(len(first))}"
            fail(ErrorCode.INVALID_VALUE, _PARSE, f"{found}; a cell with a comma in it stands in quotes")
        rows.append(dict(zip(first, cells, strict=True)) if header else cells)
        if len(rows) % at_once == 0:
            check_items(ctx, len(rows), _PARSE)
            if most is not None and len(rows) * getsizeof(rows[-1]) > most:
                fail(ErrorCode.RESOURCE_EXHAUSTION, _PARSE, f"the rows would take more than {most} bytes")
    check_items(ctx, len(rows), _PARSE)
    return rows


def _plain_rows(limits: Limits, text: str, header: bool) -> list[Any] | None:
    """The rows of a short text without quotes; None where something has to be looked at, or is wrong."""
    small = (limits.max_items is not None and limits.max_items <= MUCH) or (
        limits.max_memory is not None and limits.max_memory < _SHORT_MEMORY
    )
    if small or text[:1] == _BYTE_ORDER_MARK:
        return None
    rows = [line.split(",") for line in text.split("\n") if line]
    if not rows or len(set(map(len, rows))) > 1:
        return None
    if not header:
        return rows
    names = rows[0]
    return [dict(zip(names, row, strict=True)) for row in rows[1:]] if len(set(names)) == len(names) else None


def _records(ctx: Context | None, text: str) -> Iterator[tuple[int, list[str]]]:
    """The records that are not blank, each with the number of the line where it begins."""
    position = len(_BYTE_ORDER_MARK) if text.startswith(_BYTE_ORDER_MARK) else 0
    line = 1
    checked = _CHARACTERS_AT_ONCE
    while position < len(text):
        stop = _end_of(_LINE, text, position)
        start = line
        if stop > checked:
            check_run(ctx, stop)
            checked = stop + _CHARACTERS_AT_ONCE
            if stop - position > _CHARACTERS_AT_ONCE and text.find('"', position, stop) < 0:
                check_items(ctx, text.count(",", position, stop) + 1, _PARSE)  # before millions of cells are made
        if text.find('"', position, stop) >= 0:
            cells, stop, line = _quoted_record(ctx, text, position, line)
            yield start, cells
        elif stop > position:
            yield start, text[position:stop].split(",")
        position = stop + (2 if text.startswith("\r\n", stop) else 1)
        line += 1


def _quoted_record(ctx: Context | None, text: str, position: int, line: int) -> tuple[list[str], int, int]:
    """The cells of a record with quotes, where it ends, and the line there."""
    cells: list[str] = []
    while True:
        match = _CELL.match(text, position)
        assert match is not None  # it matches nothing too
        quoted, plain = match.groups()
        cells.append(plain if quoted is None else quoted.replace('""', '"'))
        if quoted is not None:
            line += _line_ends(quoted)
        position = match.end()
        after = text[position : position + 1]
        if after != ",":
            break
        position += 1
        if len(cells) % _CELLS_AT_ONCE == 0:
            check_items(ctx, len(cells), _PARSE)
    if after not in ("", "\r", "\n"):
        _misquoted(line, quoted, plain)
    return cells, position, line


def _line_ends(text: str) -> int:
    """How many lines end in a text: with LF, CR or both."""
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def _misquoted(line: int, quoted: str | None, plain: str) -> NoReturn:
    if quoted is not None:
        problem = "there is text behind the quote that ends a cell; a quote in a cell is written twice"
    elif plain:
        problem = "there is a quote in a cell that is not in quotes; such a cell begins and ends with one"
    else:
        problem = "a cell begins with a quote and has none at its end"
    fail(ErrorCode.INVALID_VALUE, _PARSE, f"line {line}: {problem}")


def _end_of(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return position if match is None else match.end()


def _check_columns(names: list[str], tool: str) -> None:
    seen: dict[str, int] = {}
    for place, name in enumerate(names, 1):
        if seen.setdefault(name, place) != place:
            fail(ErrorCode.DUPLICATE, tool, f"columns {seen[name]} and {place} are both called {name!r}")


def _cells(count: int) -> str:
    return f"{count} cell{'' if count == 1 else 's'}"


# --- writing ----------------------------------------------------------------------------------------------------------


@_group.tool(
    "Format",
    required("rows", ArgType.SLICE_ANY, "Maps from column to cell, or lists of cells."),
    optional("columns", ArgType.SLICE_STRING, "The columns in their order; left out, all that the maps have."),
    optional("formulas", ArgType.BOOL, "Whether a text that a spreadsheet would compute stays as it is.", False),
    returns=ArgType.STRING,
    result="The table, each row with a newline at its end. Of maps, and where columns are given, the first row names "
    "the columns. A text that begins with a tab, or with `=`, `+`, `-` or `@` be it behind blanks, and is no number "
    "gets a `'` in front.",
    example="""tool.csv.Format([{"a": "x,y", "b": 2}], ["b", "a"]) = 'b,a\\n2,"x,y"\\n'""",
    errors="7 if a row is neither a map nor a list, or they are mixed, or a cell is a list, a map or another value "
    "without a text of its own; 41 if a list has more or fewer cells than the first row; 42 if two columns have one "
    "name; 37 if the result would be too long",
)
def format_table(ctx: Context | None, rows: list[Any], columns: list[str] | None, formulas: bool) -> str:
    """Writes a table as CSV."""
    kinds = set(map(type, rows))
    if not (kinds <= {dict} or kinds <= {list}):
        index = next((i for i, row in enumerate(rows) if type(row) not in (dict, list)), 0)
        found = f"row {index} is {given(rows[index])}" if kinds - {dict, list} else "there are both"
        fail(ErrorCode.TYPE, _WRITE, f"the rows must be all maps or all lists, but {found}")
    if columns is None and kinds == {dict}:
        columns = _columns_of(ctx, rows)
    writer = _Writer(ctx, formulas)
    lines: list[str] = []
    if columns is not None:
        _check_columns(columns, _WRITE)
        lines.append(writer.line(columns, "header"))
    length = len(lines[0]) if lines else 0
    width = len(columns) if columns is not None else len(rows[0]) if rows else 0
    for index, row in enumerate(rows):
        if type(row) is dict:  # made a list one by one: all rows may be the same map of a million entries
            row = [row.get(name) for name in columns or ()]
        if len(row) != width or not row:
            wanted = f"the first one has {_cells(width)}" if width else "a row has at least one"
            fail(ErrorCode.INVALID_VALUE, _WRITE, f"row {index} has {_cells(len(row))}, but {wanted}")
        line = writer.line(row, index)
        lines.append(line)
        length += len(line)
        if index % _CELLS_AT_ONCE == 0 or len(line) > MUCH:
            check_characters(ctx, length, _WRITE)
    check_characters(ctx, length, _WRITE)
    return "".join(lines)


def _columns_of(ctx: Context | None, rows: list[dict[str, Any]]) -> list[str]:
    """The keys that the maps have, in the order in which they first occur."""
    columns: dict[str, None] = {}
    last: dict[str, Any] | None = None
    seen = 0
    for row in rows:
        if row is last:
            continue
        last = row
        columns |= dict.fromkeys(row)
        seen += 1 + len(row)
        if seen > MUCH:
            check_items(ctx, len(columns), _WRITE, "row")
            check_run(ctx, seen)
            seen = 0
    return list(columns)


class _Writer:
    """Writes rows as lines, and looks at the limits while a row is long or its cells are."""

    def __init__(self, ctx: Context | None, formulas: bool) -> None:
        self._ctx = ctx
        self._formulas = formulas
        self._in_long_cells = 0

    def line(self, row: list[Any], where: object) -> str:
        """A row, of the index or name ``where``, as a line of text."""
        if len(row) <= _CELLS_AT_ONCE:
            cells = [self._cell(value, where, place) for place, value in enumerate(row)]
        else:
            cells = self._many(row, where)
        if cells == [""]:
            cells = ['""']  # an empty line would be none
        return ",".join(cells) + "\n"

    def _many(self, row: list[Any], where: object) -> list[str]:
        cells: list[str] = []
        length = 0
        for start in range(0, len(row), _CELLS_AT_ONCE):
            part = [self._cell(value, where, start + n) for n, value in enumerate(row[start : start + _CELLS_AT_ONCE])]
            length += len(part) + sum(map(len, part))
            check_characters(self._ctx, length, _WRITE)
            cells += part
        return cells

    def _cell(self, value: Any, where: object, place: int) -> str:
        kind = type(value)
        if kind is int or kind is float:
            return number_text(value)
        if value is None:
            return ""
        if kind is bool:
            return "true" if value else "false"
        if kind is TimeDate:
            return time_text(value)
        if kind is Fuzzy:
            return number_text(value.value)
        if kind is not str:
            problem = f"cell {place} of row {where} is {given(value)}"
            fail(ErrorCode.TYPE, _WRITE, f"{problem}; a cell is a string, a number, a boolean, a timedate or nil")
        text: str = value
        if len(text) > MUCH:
            self._in_long_cells += len(text)
            check_characters(self._ctx, self._in_long_cells, _WRITE)
        # Most texts begin with a letter or a digit, which tells sooner than the pattern.
        if not (self._formulas or text[:1].isalnum()) and _FORMULA.match(text) and read_number(text) is None:
            text = f"'{text}"
        if _QUOTED.search(text) or text.startswith(_BYTE_ORDER_MARK):
            return '"' + text.replace('"', '""') + '"'
        return text
