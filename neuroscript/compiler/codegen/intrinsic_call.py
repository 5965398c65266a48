"""The call of a standard tool whose code does what the tool does, without calling it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence

from neuroscript.compiler.analysis.types import INT, LIST, Type
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.temporaries import Temporaries
from neuroscript.records import record
from neuroscript.syntax import nodes as n

LEAST_STRING = 1 << 17
"""The characters that a string must be allowed to have for this code to be made."""

LEAST_ITEMS = 1 << 13
"""The items that a list must be allowed to have."""


@record()
class Operand:
    """An argument of a tool.

    Attributes:
        source: its expression.
        code: code that gives its value, which has been evaluated; it may stand in several places.
        kind: its type.
    """

    source: n.Expr
    code: ast.expr
    kind: Type

    def literal(self, kind: type) -> object:
        """The value, if it is a literal of that Python type; else None."""
        value = self.source.value if isinstance(self.source, n.Literal) else None
        return value if type(value) is kind else None

    def within(self, least: int, most: int) -> list[ast.expr] | None:
        """The tests that a whole number is in a range; None if it certainly is not."""
        value = self.literal(int)
        if isinstance(value, int):
            return [] if least <= value <= most else None
        if least == 0 and self.kind.natural and self.kind.within(INT):
            return [py.compare(self.code, "<=", py.const(most))]
        return [py.compare(py.const(least), "<=", self.code, "<=", py.const(most))]


class IntrinsicCall:
    """A call of a standard tool with arguments of the types that it takes, texts and lists among them being short.

    Args:
        operands: the arguments, by place.
        temporaries: of the function.
        tool: makes code that calls the tool with the same arguments.
        nested: makes code that gives a result, whose nesting is checked where that has to be.
    """

    def __init__(
        self,
        operands: Mapping[int, Operand],
        temporaries: Temporaries,
        tool: Callable[[], ast.expr],
        nested: Callable[[ast.expr], ast.expr],
    ) -> None:
        self.operands = operands
        self.temporaries = temporaries
        self.tool = tool
        self.nested = nested

    def codes(self) -> list[ast.expr]:
        """The code of the arguments, in order."""
        return [self.operands[place].code for place in range(len(self.operands))]

    def either(self, tests: Sequence[ast.expr] | None, made: ast.expr) -> ast.expr | None:
        """Code that gives what has been made if all tests are passed, and calls the tool if not.

        Args:
            tests: the tests; None if they cannot be passed.
            made: the code.
        """
        if tests is None:
            return None
        return py.either(py.both(*tests), made, self.tool()) if tests else made

    def holds(self, place: int, kinds: int) -> bool:
        """Whether an argument is a list all of whose items are certainly of some kinds."""
        kind = self.operands[place].kind
        items = kind.restricted_to(LIST).items() if kind.kinds & LIST else None
        return items is not None and items.within(kinds)


Maker = Callable[[IntrinsicCall], "ast.expr | None"]
"""Makes the code of a call; None where there is none but the call."""
