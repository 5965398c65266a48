"""The tools of group ``text``: texts of many lines."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from neuroscript.errors import ErrorCode
from neuroscript.stdlib.declare import (
    Context,
    Group,
    check_characters,
    check_run,
    fail,
    joined,
    max_items,
    optional,
    required,
)
from neuroscript.stdlib.strings import split_words
from neuroscript.tools.spec import ArgType

_group = Group("text")
TOOLS = _group.tools

_WRAP, _DIFF = "text.Wrap", "text.Diff"
_MOST_CHANGES = (
    2000  # lines; what differs more is shown as replaced, since finding the least changes takes their square
)

_Change = tuple[int, int, int, int]  # lines a to b of the old text became lines c to d of the new one


# --- lines of a width -------------------------------------------------------------------------------------------------


@_group.tool(
    "Wrap",
    required("input_string", ArgType.STRING, "The text."),
    optional("width", ArgType.INT, "How many characters a line has at most.", 80),
    returns=ArgType.STRING,
    result="The text in lines of that width, broken between words; a word that is longer is broken itself. Line ends "
    "that are there stay, and blanks in a row become one.",
    example='tool.text.Wrap("the quick brown fox", 10) = "the quick\\nbrown fox"',
    errors="8 if width is less than 1; 37 if the result would be too long",
)
def wrap(ctx: Context | None, input_string: str, width: int) -> str:
    """Breaks the lines of a text where they are too long."""
    if width < 1:
        fail(ErrorCode.BOUNDS, _WRAP, f"width is {width}; it must be 1 or more")
    lines: list[str] = []
    for line in input_string.split("\n"):
        for filled in _filled(split_words(ctx, line), width):
            lines.append(filled)
            if len(lines) % 4096 == 0 and ctx is not None:
                ctx.check()
    return joined(ctx, lines, "\n", _WRAP)


def _filled(words: list[str], width: int) -> Iterator[str]:
    """The words in lines that are as full as can be."""
    line: list[str] = []
    length = -1  # of the words with a blank between them
    for word in words:
        if length + 1 + len(word) > width and line:
            yield " ".join(line)
            line, length = [], -1
        if len(word) > width:
            whole = (len(word) - 1) // width * width
            for start in range(0, whole, width):
                yield word[start : start + width]
            word = word[whole:]
        line.append(word)
        length += 1 + len(word)
    yield " ".join(line)


# --- differences ------------------------------------------------------------------------------------------------------


@_group.tool(
    "Diff",
    required("old_text", ArgType.STRING, "The text as it was."),
    required("new_text", ArgType.STRING, "The text as it is."),
    optional("context_lines", ArgType.INT, "How many unchanged lines are shown round a change.", 3),
    returns=ArgType.STRING,
    result="A unified diff, as the commands diff and patch have it; empty where the texts are equal.",
    example=r"""tool.text.Diff("a\nb\n", "a\nc\n") = '--- old\n+++ new\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n'""",
    errors="8 if context_lines is negative; 37 if the result would be too long",
)
def diff(ctx: Context | None, old_text: str, new_text: str, context_lines: int) -> str:
    """Shows which lines differ between two texts."""
    if context_lines < 0:
        fail(ErrorCode.BOUNDS, _DIFF, f"context_lines is {context_lines}; it must be 0 or more")
    if old_text == new_text:
        return ""
    count = old_text.count("\n") + new_text.count("\n")
    if count > max_items(ctx):  # asked before each line becomes an object
        fail(ErrorCode.RESOURCE_EXHAUSTION, _DIFF, f"the texts have {count} lines; at most {max_items(ctx)} will do")
    old, new = _lines(old_text), _lines(new_text)
    check_run(ctx, len(old) + len(new))
    parts = ["--- old\n", "+++ new\n"]
    length = 0
    for hunk in _hunks(_changes(ctx, old, new), context_lines):
        shown = _shown(old, new, hunk, context_lines)
        parts += shown
        length += sum(map(len, shown))
        check_characters(ctx, length, _DIFF)
    return joined(ctx, parts, "", _DIFF)


def _lines(text: str) -> list[str]:
    """The lines with their ends, which the last one may lack."""
    lines = text.split("\n")
    last = lines.pop()
    return [f"{line}\n" for line in lines] + ([last] if last else [])


def _hunks(changes: list[_Change], context: int) -> Iterator[list[_Change]]:
    """The changes in groups between which more lines are unchanged than are shown round each."""
    group: list[_Change] = []
    for change in changes:
        if group and change[0] - group[-1][1] > 2 * context:
            yield group
            group = []
        group.append(change)
    yield group


def _shown(old: list[str], new: list[str], hunk: list[_Change], context: int) -> list[str]:
    """The lines of a hunk with their marks, below its heading."""
    before = min(hunk[0][0], context)
    after = min(len(old) - hunk[-1][1], context)
    start, end = hunk[0][0] - before, hunk[-1][1] + after
    new_start, new_end = hunk[0][2] - before, hunk[-1][3] + after
    shown = [f"@@ -{_range(start, end)} +{_range(new_start, new_end)} @@\n"]
    position = start
    for a, b, c, d in hunk:
        shown += [_marked(" ", line) for line in old[position:a]]
        shown += [_marked("-", line) for line in old[a:b]]
        shown += [_marked("+", line) for line in new[c:d]]
        position = b
    return shown + [_marked(" ", line) for line in old[position:end]]


def _marked(mark: str, line: str) -> str:
    return mark + (line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")


def _range(start: int, end: int) -> str:
    count = end - start
    return str(start + 1) if count == 1 else f"{start + (count > 0)},{count}"


def _changes(ctx: Context | None, old: list[str], new: list[str]) -> list[_Change]:
    """What changed from one list of lines to another, in order."""
    first, shortest = 0, min(len(old), len(new))
    while first < shortest and old[first] == new[first]:
        first += 1
    last = 0
    while last < shortest - first and old[-1 - last] == new[-1 - last]:
        last += 1
    numbers: dict[str, int] = {}
    a, b = (
        [numbers.setdefault(line, len(numbers)) for line in lines[first : len(lines) - last]] for lines in (old, new)
    )
    found = _least_changes(ctx, a, b) if a and b else None
    removed, added = found or (bytearray(b"\1") * len(a), bytearray(b"\1") * len(b))
    changes: list[_Change] = []
    i = j = 0
    while i < len(a) or j < len(b):
        from_i, from_j = i, j
        while i < len(a) and removed[i]:
            i += 1
        while j < len(b) and added[j]:
            j += 1
        if i > from_i or j > from_j:
            changes.append((first + from_i, first + i, first + from_j, first + j))
        i, j = i + 1, j + 1  # the next lines are one and the same
    return changes


def _least_changes(ctx: Context | None, a: list[int], b: list[int]) -> tuple[bytearray, bytearray] | None:
    """Which items to remove from ``a`` and to add from ``b`` at least; None if they are more than is looked for.

    After E. W. Myers, "An O(ND) difference algorithm and its variations", Algorithmica 1 (1986): the furthest points
    that a number of changes reaches on each diagonal, from one number to the next, and then the way back.
    """
    most = min(len(a) + len(b), _MOST_CHANGES)
    furthest = array("i", bytes(4 * (2 * most + 3)))
    reached: list[array[int]] = []
    for changes in range(most + 1):
        if ctx is not None:
            ctx.check()
        reached.append(furthest[most + 1 - changes : most + 2 + changes])
        for diagonal in range(-changes, changes + 1, 2):
            place = diagonal + most + 1
            down = diagonal == -changes or (diagonal != changes and furthest[place - 1] < furthest[place + 1])
            x = furthest[place + 1] if down else furthest[place - 1] + 1
            y = x - diagonal
            while x < len(a) and y < len(b) and a[x] == b[y]:
                x += 1
                y += 1
            furthest[place] = x
            if x >= len(a) and y >= len(b):
                return _way_back(a, b, reached)
    return None


def _way_back(a: list[int], b: list[int], reached: list[array[int]]) -> tuple[bytearray, bytearray]:
    removed, added = bytearray(len(a)), bytearray(len(b))
    x, y = len(a), len(b)
    for changes in range(len(reached) - 1, 0, -1):
        before, diagonal = reached[changes], x - y
        middle = changes  # the place of diagonal 0
        place = middle + diagonal
        down = diagonal == -changes or (diagonal != changes and before[place - 1] < before[place + 1])
        diagonal += 1 if down else -1
        x = before[middle + diagonal]
        y = x - diagonal
        if down:
            added[y] = 1
        else:
            removed[x] = 1
    return removed, added
