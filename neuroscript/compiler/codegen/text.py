"""Code generation for strings: ``+`` where an operand is a string, and raw strings with placeholders.

The parts of a string are joined inline where all of them together are short, which their lengths tell before they are
joined; else the runtime joins them, and looks at the limits.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import reduce

from neuroscript.compiler.analysis.types import BOOL, FLOAT, INT, NIL, STR, T_STR, Type
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.context import Expressions, FunctionContext
from neuroscript.compiler.codegen.forms import once
from neuroscript.records import record
from neuroscript.runtime import abi
from neuroscript.runtime.operators import LONG_TEXT
from neuroscript.syntax import nodes as n
from neuroscript.values import MAX_INT_BITS

SHORT = 4096
"""Characters up to which a string may be added to another before the length of the result is checked."""

_MOST = 24  # parts that are joined inline; Python's compiler walks the sum of their lengths recursively
_LONGEST_NUMBER = 400  # characters of the text of a double
_NOWHERE: n.Place = (0, 0, 0, 0)


@record()
class Part:
    """One part of a string.

    Attributes:
        made: code that evaluates it.
        kind: its type.
        place: where a failure to turn it into text is placed.
        pure: whether the code is short, cannot fail and has no effects.
        name: whether it reads a variable.
    """

    made: ast.expr
    kind: Type
    place: n.Place = _NOWHERE
    pure: bool = False
    name: bool = False

    @property
    def longest(self) -> int | None:
        """The most characters that its text has; None if that is not known."""
        if isinstance(self.made, ast.Constant) and type(self.made.value) is str:
            return len(self.made.value)
        if not self.kind.within(INT | FLOAT | BOOL | NIL):
            return None
        digits = (self.kind.bits if self.kind.bits is not None else MAX_INT_BITS) // 3 + 2
        return max(digits, _LONGEST_NUMBER if self.kind.kinds & ~INT else 0)


class TextGenerator:
    """Generates code for concatenations."""

    def __init__(self, context: FunctionContext, expressions: Expressions) -> None:
        self.context = context
        self.expressions = expressions
        self.temporaries = context.temporaries
        self.most = min(LONG_TEXT, context.unit.max_string)  # characters that are joined inline

    def part(self, expression: n.Expr, place: n.Place) -> Part:
        """An operand as a part of a string; ``place`` is where a failure to turn it into text is placed."""
        if isinstance(expression, n.Literal) and type(expression.value) is int:
            return Part(py.const(str(expression.value)), T_STR, place, pure=True)
        made, kind = self.expressions.value(expression), self.context.type_of(expression)
        pure = self.context.is_pure(expression) and self.context.is_repeatable(expression)
        return Part(made, kind, place, pure, isinstance(expression, n.Name))

    def concatenation(self, first: Part, rest: list[tuple[str, n.Expr, n.Place]]) -> ast.expr:
        """``first + a + b …``, where ``first`` or ``a`` is a string."""
        parts = [first, *(self.part(operand, place) for _, operand, place in rest)]
        if len(parts) > 2:
            return self.joined(parts)
        made = self.joined(parts, lambda texts: py.call(abi.JOIN, *texts))
        py.place(made, first.place)
        return made

    def joined(self, parts: list[Part], otherwise: Callable[[list[ast.expr]], ast.expr] | None = None) -> ast.expr:
        """The parts as one string.

        Args:
            parts: the parts, which are evaluated in order.
            otherwise: makes code that joins strings of any length; by default that is one call.
        """
        if otherwise is None:
            otherwise = _pieces
        if all(isinstance(part.made, ast.Constant) and type(part.made.value) is str for part in parts):
            together = "".join(part.made.value for part in parts)  # type: ignore[attr-defined]
            if len(together) <= self.most:
                return py.const(together)
        parts = [part for part in parts if part.longest != 0 or not isinstance(part.made, ast.Constant)]
        if len(parts) == 1:
            return self.string(parts[0])
        room = self.most - sum(part.longest or 0 for part in parts)
        if self.context.compact or room < 0 or len(parts) > _MOST:
            return otherwise([self.text(part) for part in parts])
        if all(part.longest is not None for part in parts):
            return _formatted([self._short_text(part) for part in parts])
        lengths: list[ast.expr] = []
        texts: list[ast.expr] = []
        for part in parts:
            if part.pure and part.longest is not None:
                texts.append(self._short_text(part))
                continue
            text = self._text(part)
            if not (part.pure and part.kind.within(STR)):
                if not isinstance(text, ast.NamedExpr) or text is part.made:  # which may bind what others bind too
                    text = py.bind(self.temporaries.fresh(), text)
                if part.name and part.kind.within(STR):  # which could not grow in place otherwise
                    self.temporaries.hold_name(text.target.id)
            lengths.append(py.call("len", text))
            texts.append(py.name(text.target.id) if isinstance(text, ast.NamedExpr) else text)
        size = reduce(lambda left, right: py.binary(left, "+", right), lengths)
        short = py.compare(size, "<=", py.const(room))
        strings = [
            py.call("str", text) if part.pure and part.kind.within(INT) else text
            for part, text in zip(parts, texts, strict=True)
        ]
        return py.either(short, _formatted(texts), otherwise(strings))

    def string(self, part: Part) -> ast.expr:
        """Code that gives the text of a part."""
        if self.context.compact or part.kind.within(STR):
            return self.text(part)
        return once(self._text(part))

    def text(self, part: Part) -> ast.expr:
        """Code that gives the text of a part, as short as it can be made."""
        made = part.made
        if not part.kind.within(STR):
            made = py.call("str" if part.kind.within(INT) else abi.TEXT, made)
            py.place(made, part.place)
        return made

    def _short_text(self, part: Part) -> ast.expr:
        """Code that gives the text of a part that certainly is short, or the whole number that it is the text of."""
        return part.made if part.kind.within(STR | INT) else self._text(part)

    def _text(self, part: Part) -> ast.expr:
        """Code that gives the text of a part; what takes several steps is bound to a temporary."""
        kinds = part.kind.kinds
        if part.kind.within(STR):
            return part.made
        if part.kind.within(INT):
            return _formatted([part.made])
        read: ast.expr = part.made
        first: ast.expr = part.made
        temporary = ""
        if not part.pure:
            temporary = self.temporaries.fresh()
            read, first = py.name(temporary), py.bind(temporary, part.made)
        made: ast.expr = py.call(abi.TEXT, read)
        ways = [(word, read if word == "str" else _formatted([read])) for word, kind in _INLINE if kinds & kind]
        for number, (word, text) in reversed(list(enumerate(ways))):
            made = py.either(py.kind_is(first if number == 0 else read, word), text, made)
        if not ways:
            made = py.call(abi.TEXT, part.made)
        elif temporary:
            made = py.bind(temporary, made)
        py.place(made, part.place)
        return made


_INLINE = (("str", STR), ("int", INT))
"""The types whose text is made inline, and the bits of inference for them."""


def _formatted(parts: list[ast.expr]) -> ast.expr:
    """Strings and whole numbers as one string."""
    return ast.JoinedStr(
        [
            part if isinstance(part, ast.Constant) and type(part.value) is str else ast.FormattedValue(part, -1, None)
            for part in parts
        ]
    )


def _pieces(texts: list[ast.expr]) -> ast.expr:
    """A call that joins strings of any length."""
    return py.call(abi.JOIN_ALL, *texts)
