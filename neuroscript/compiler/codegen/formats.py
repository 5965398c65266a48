"""Code for ``tool.str.Format`` with a literal template: a formatted string of Python, for ordinary values.

Where it is not known, it is tested whether they are: short texts, whole numbers, doubles that Python writes as the
language does.  All others are left to the tool.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from neuroscript.compiler.analysis.types import FLOAT, INT, STR, Type
from neuroscript.compiler.codegen import pyast as py
from neuroscript.errors import NeuroScriptError
from neuroscript.runtime.programs import BIG
from neuroscript.stdlib.format_ import FAR, Field, parts_of

_MOST_FIELDS = 12  # of BIG characters each, so that the result is no longer than any text may be
_WIDEST = 1000  # characters, and digits, that a field may ask for
_MOST_TEXT = 1000
_SMALL = 1 << 30  # numbers below it are of one digit in memory


def formatted(template: str, values: Sequence[tuple[ast.expr, Type]]) -> tuple[list[ast.expr], ast.expr] | None:
    """The tests of the values, and the code that puts them in their places; None where there is no such code.

    Args:
        template: the template.
        values: code that gives each argument, which may stand in several places, and its type.
    """
    if len(template) > _MOST_TEXT:
        return None
    try:
        parts = parts_of(template)
    except NeuroScriptError:
        return None  # which the tool explains
    fields = [part for part in parts if isinstance(part, Field)]
    if len(fields) > _MOST_FIELDS or any(field.number >= len(values) for field in fields):
        return None
    tests: list[ast.expr] = []
    pieces: list[ast.expr] = []
    for part in parts:
        if isinstance(part, str):
            pieces.append(py.const(part))
            continue
        code, kind = values[part.number]
        chosen = _specification(part, kind)
        if chosen is None:
            return None
        tests += _tests(part, code, kind, chosen)
        form = ast.JoinedStr([py.const(chosen)]) if chosen else None
        pieces.append(ast.FormattedValue(code, -1, form))
    return tests, ast.JoinedStr(pieces)


def _specification(field: Field, kind: Type) -> str | None:
    """What Python is told for values of the likely types; None for a form that needs a closer look."""
    form = field.form
    if max(int(form.width or 0), int(form.precision or 0)) > _WIDEST:
        return None
    likely = [(STR, field.text, ""), (INT, field.whole, 1), (FLOAT, field.fraction, 1.5)]
    for bit, chosen, example in likely:
        if chosen is not None and kind.kinds & bit and _goes(chosen, example):
            return chosen
    return None


def _goes(specification: str, value: object) -> bool:
    """Whether Python takes a specification for values of a type."""
    try:
        format(value, specification)
    except ValueError:
        return False
    return True


def _tests(field: Field, code: ast.expr, kind: Type, chosen: str) -> list[ast.expr]:
    """The test that a value is one that Python writes as the tool does, with the specification that was chosen."""
    known: list[ast.expr] = []
    if field.text == chosen and kind.kinds & STR and _goes(chosen, ""):
        known.append(_typed(code, kind, STR, "str", py.compare(py.call("len", code), "<=", py.const(BIG))))
    if field.whole == chosen and kind.kinds & INT and _goes(chosen, 1):
        small = py.compare(py.const(-_SMALL), "<", code, "<", py.const(_SMALL))
        known.append(_typed(code, kind, INT, "int", small))
    if field.fraction == chosen and kind.kinds & FLOAT and _goes(chosen, 1.5):
        ordinary: ast.expr = py.compare(py.const(-FAR), "<", code, "<", py.const(FAR))
        if not field.form.code:  # which writes whole doubles with a point, and small ones with an exponent
            ordinary = py.both(
                py.compare(py.const(0.0001), "<=", code, "<", py.const(FAR)), py.binary(code, "%", py.const(1.0))
            )
        known.append(_typed(code, kind, FLOAT, "float", ordinary))
    return [py.some(*known)]


def _typed(code: ast.expr, kind: Type, bit: int, word: str, test: ast.expr) -> ast.expr:
    return test if kind.within(bit) else py.both(py.kind_is(code, word), test)
