"""The shapes of the maps that the data models are read from and shown as, for the specs of tools."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from pydantic import AliasChoices

from ai_wm.data.model import Model
from ai_wm.data.types import Timestamp
from neuroscript import ArgType, Shape, ShapeField

_SIMPLE: dict[Any, ArgType] = {
    str: ArgType.STRING,
    int: ArgType.INT,
    float: ArgType.NUMBER,
    bool: ArgType.BOOL,
    Timestamp: ArgType.STRING,
}


def fields_of(
    model: type[Model], shapes: Mapping[str, Shape] | None = None, leave: Iterable[str] = ()
) -> list[ShapeField]:
    """Returns the keys of the map that stands for an instance of a model.

    Args:
        model: the class.
        shapes: the shapes of the maps in fields that hold no model, by the field.
        leave: fields to leave out.
    """
    found = []
    for name, info in model.model_fields.items():
        if name in model.hidden_from_scripts or name in leave:
            continue
        kind, inner = _type_of(info.annotation)
        shape = shape_of(inner) if inner is not None else (shapes or {}).get(name)
        alias = info.validation_alias
        others = [str(each) for each in alias.choices if each != name] if isinstance(alias, AliasChoices) else []
        found.append(ShapeField(name, kind, info.description or "", info.is_required(), shape, tuple(others)))
    return found


def shape_of(model: type[Model]) -> Shape:
    """Returns the shape of a model that holds no maps but models."""
    return Shape(model.called, lambda: fields_of(model))


def _type_of(hint: Any) -> tuple[ArgType, type[Model] | None]:
    """The type of a field in maps, and the model that it, or each of its items, is."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _type_of(args[0])
    if origin in (typing.Union, types.UnionType):
        inner = [_type_of(arg)[1] for arg in args if arg is not type(None)]
        return ArgType.ANY, inner[0] if len(inner) == 1 else None
    if origin is list:
        item, model = _type_of(args[0])
        return ArgType(f"slice_{item}"), model
    if origin is dict:
        return ArgType.MAP, None
    if issubclass(hint, Model):
        return ArgType.MAP, hint
    return ArgType.STRING if issubclass(hint, Enum) else _SIMPLE[hint], None
