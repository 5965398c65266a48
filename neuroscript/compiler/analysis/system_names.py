"""The types of the variables that an error sets for the handler that sees it."""

from __future__ import annotations

from neuroscript.compiler.analysis.types import (
    ANY,
    INT,
    LIST,
    MAP,
    T_LENGTH,
    T_STR,
    Shapes,
    Type,
    container,
    shaped,
)
from neuroscript.compiler.error_handlers import SYSTEM_ERROR
from neuroscript.compiler.resolve import SYSTEM_NAMES

_FIELDS = {
    "code": Type(INT),
    "message": T_STR,
    "line": T_LENGTH,
    "column": T_LENGTH,
    "procedure": T_STR,
    "stack": container(LIST, T_STR),
}


def system_types(shapes: Shapes | None) -> dict[str, Type]:
    """The types of the system variables, by name.

    Args:
        shapes: those of the program; None where nothing is known of what maps hold.
    """
    message, code, error = SYSTEM_NAMES
    return {message: T_STR, code: Type(INT), error: Type(MAP) if shapes is None else _fields(shapes)}


def _fields(shapes: Shapes) -> Type:
    shape = shapes.shape(MAP, tuple(_FIELDS), SYSTEM_ERROR)
    shape.others = ANY  # an error of a tool may have fields of its own
    for name, kind in _FIELDS.items():
        shape.put(name, kind)
    return shaped(shape)
