"""Variables as the Debug Adapter Protocol has them: lists and maps are opened by numbers, until the run goes on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from neuroscript.observing.masking import MASK, Mask
from neuroscript.observing.showing import described, shown
from neuroscript.output import one_line
from neuroscript.values import ErrorValue, EventValue

_MOST_TEXT = 400
_MOST_WHOLE = 1_000_000
_MOST_CHILDREN = 10_000  # where the client asks for no part of them
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Variables:
    """The values that a client can open.

    Args:
        mask: masks secrets.
    """

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._held: list[tuple[Any, str, bool]] = []  # value, expression that reads it, and whether it is a scope

    def forget(self) -> None:
        """Forgets all: the run goes on."""
        self._held.clear()

    def scope(self, variables: dict[str, Any]) -> int:
        """The number of the variables of a scope."""
        return self._number(variables, "", is_scope=True)

    def children(self, number: int, start: int, count: int) -> list[dict[str, Any]]:
        """The variables, items or entries that stand behind a number.

        Args:
            number: as it was given.
            start: the first of them.
            count: how many; 0 for all.

        Raises:
            LookupError: if the number is of a stop that is over.
        """
        if not 0 < number <= len(self._held):
            raise LookupError
        value, expression, is_scope = self._held[number - 1]
        parts = self._parts(value, expression, is_scope)
        return [self.variable(*each) for each in islice(parts, start, start + (count or _MOST_CHILDREN))]

    def variable(self, name: str, value: Any, expression: str, hidden: bool) -> dict[str, Any]:
        """A variable, item or entry.

        Args:
            name: what it is called.
            value: its value.
            expression: what reads it; empty where nothing does.
            hidden: whether it is a secret.
        """
        made = {"name": one_line(name, 200), **self.value(value, expression, hidden=hidden)}
        made["value"] = made.pop("result")
        return made

    def value(self, value: Any, expression: str, *, hidden: bool = False, whole: bool = False) -> dict[str, Any]:
        """A value as the result of an expression.

        Args:
            value: the value.
            expression: what reads it.
            hidden: whether it is a secret.
            whole: whether all of its text is wanted.
        """
        if hidden:
            return {"result": f'"{MASK}"', "type": described(value), "variablesReference": 0}
        made: dict[str, Any] = {
            "result": shown(value, self._mask, _MOST_WHOLE if whole else _MOST_TEXT),
            "type": described(value),
            "variablesReference": 0,
        }
        if expression:
            made["evaluateName"] = expression
        if isinstance(value, ErrorValue | EventValue):
            value = value.fields()
        if type(value) in (list, dict) and value:
            made["variablesReference"] = self._number(value, expression, is_scope=False)
            made["indexedVariables" if type(value) is list else "namedVariables"] = len(value)
        return made

    def _number(self, value: Any, expression: str, *, is_scope: bool) -> int:
        self._held.append((value, expression, is_scope))
        return len(self._held)

    def _parts(self, value: Any, expression: str, is_scope: bool) -> Iterator[tuple[str, Any, str, bool]]:
        if is_scope:
            for name, each in sorted(value.items()):
                yield name, each, name, Mask.hides(name) and type(each) is str
        elif type(value) is list:
            for index, each in enumerate(value):
                yield f"[{index}]", each, f"{expression}[{index}]" if expression else "", False
        else:
            hidden = Mask.hidden_keys(value)
            for key, each in value.items():
                reads = f"{expression}.{key}" if _WORD.fullmatch(key) else f"{expression}[{_quoted(key)}]"
                yield self._mask.text(key), each, reads if expression else "", key in hidden and type(each) is str


def _quoted(text: str) -> str:
    from json.encoder import encode_basestring

    return encode_basestring(text)
