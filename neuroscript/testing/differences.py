"""Explains why an assertion failed: the values of its operands, and where two values differ."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from neuroscript.errors import NeuroScriptError
from neuroscript.observing.masking import Mask
from neuroscript.output import one_line, shortened
from neuroscript.runtime.assertions import Operand
from neuroscript.values import read_number, same, text_of, type_name

_MOST = 300  # characters of a value
_ROWS = 12  # of a difference
_ROUND = 30  # characters before and after the first one that differs
_LONG = 60  # characters from which on it is worth to say where two texts differ
_MOST_LINES = 2_000  # of texts whose lines are compared, which may take the square of it
_MOST_WRITTEN = 1_000_000  # characters
_DEPTH = 40


def explain_operands(operands: Iterable[Operand]) -> list[str]:
    """Lines that tell the values that an assertion was about, and for ``==`` where they differ; secrets are masked."""
    told: dict[str, str] = {}
    sides: dict[str, Operand] = {}
    operands = list(operands)
    mask = mask_of(operands)
    for operand in operands:
        if operand.side:
            sides[operand.side] = operand
        if not operand.is_literal:
            told.setdefault(operand.text, shown(operand.value, mask))
    rows = [
        f"{'where' if not number else '     '} {text} is {value}" for number, (text, value) in enumerate(told.items())
    ]
    if len(sides) == 2:
        rows += differences(sides["left"].value, sides["right"].value, mask)
    return rows


def mask_of(operands: Iterable[Operand]) -> Mask:
    """A mask of the secrets in the environment, and of those that the operands are or hold by their names."""
    mask = Mask()
    for operand in operands:
        mask = mask.knowing({operand.text: operand.value})
    return mask


def shown(value: Any, mask: Mask) -> str:
    """A value on one line: as its text form, with strings in quotes."""
    try:
        short = shortened(value, 10 * _MOST) if type(value) is str else value
        text = text_of([short], max_string=_MOST_WRITTEN)[1:-1]
    except NeuroScriptError:  # it is too large, or nested too deeply, to be written
        text = f"a {type_name(value)}"
    return one_line(mask.text(text), _MOST)  # first masked, then cut: a part of a secret would not be recognised


def differences(left: Any, right: Any, mask: Mask) -> list[str]:
    """Lines that say where two values differ that are not equal; none where their text forms show it."""
    if type(left) is str and type(right) is str:
        return _texts(mask.text(left), mask.text(right), mask)
    if type(left) is not type(right):
        kinds = type_name(left), type_name(right)
        if kinds[0] != kinds[1] and not _read_alike(left, right):
            return [f"one is a {kinds[0]}, the other a {kinds[1]}"]
        return []
    if type(left) not in (list, dict):
        return []
    found = list(islice(_inside(left, right, "", _DEPTH, set(), mask), _ROWS + 1))
    if len(found) > _ROWS:
        found[_ROWS:] = ["…"]
    return ["they differ in", *(f"  {row}" for row in found)] if found else []


def _read_alike(left: Any, right: Any) -> bool:
    """Whether a number and a text that reads as one are compared, so that the types are not the difference."""
    for number, text in ((left, right), (right, left)):
        if type(number) in (int, float) and type(text) is str:
            return read_number(text) is not None
    return False


def _inside(left: Any, right: Any, path: str, depth: int, seen: set[tuple[int, int]], mask: Mask) -> Iterator[str]:
    """Where two values differ, by path; ``seen`` holds pairs of parts that are equal, which may be in many places."""
    if _same(left, right, seen):
        return
    if type(left) is dict and type(right) is dict and depth:
        for key in dict.fromkeys([*left, *right]):
            inner = f"{path}[{shown(key, mask)}]"
            if key not in right:
                yield f"{inner}: {shown(left[key], mask)} on the left alone"
            elif key not in left:
                yield f"{inner}: {shown(right[key], mask)} on the right alone"
            else:
                yield from _inside(left[key], right[key], inner, depth - 1, seen, mask)
    elif type(left) is list and type(right) is list and depth:
        for index, (one, other) in enumerate(zip(left, right, strict=False)):
            yield from _inside(one, other, f"{path}[{index}]", depth - 1, seen, mask)
        for longer, shorter, side in ((left, right, "left"), (right, left, "right")):
            for index in range(len(shorter), len(longer)):
                yield f"{path}[{index}]: {shown(longer[index], mask)} on the {side} alone"
    else:
        yield f"{path}: {shown(left, mask)} and {shown(right, mask)}"


def _same(left: Any, right: Any, seen: set[tuple[int, int]]) -> bool:
    try:
        return same(left, right, seen=seen)
    except NeuroScriptError:  # nested too deeply to be compared
        return False


def _texts(left: str, right: str, mask: Mask) -> list[str]:
    one, other = left.splitlines(), right.splitlines()
    if 1 < max(len(one), len(other)) <= _MOST_LINES:
        lines = difflib.unified_diff(one, other, "left", "right", lineterm="", n=1)
        rows = [one_line(row) for row in islice(lines, _ROWS * 3)]
        return ["they differ in", *(f"  {row}" for row in rows)] if rows else ["their line ends differ"]
    if max(len(left), len(right)) < _LONG:
        return []
    place = next((at for at, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    start = max(0, place - _ROUND)
    windows = (shown(text[start : place + _ROUND], mask) for text in (left, right))
    return [f"they differ from character {place} on:", *(f"  {window}" for window in windows)]
