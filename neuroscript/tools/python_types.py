"""Converts between values of the language and Python types that pydantic supports.

This module imports pydantic, and is itself imported only where an annotation needs it.
"""

from __future__ import annotations

import sys
import typing
import warnings
from collections.abc import Mapping, Sequence, Set
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from types import FrameType
from typing import Any

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticSerializationError, to_jsonable_python

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.tools.annotations import understandable
from neuroscript.tools.arguments import ArgType
from neuroscript.tools.coercion import lossy_parts
from neuroscript.tools.descriptions import is_secret
from neuroscript.tools.shapes import Shape, shape_of_schema
from neuroscript.tools.type_errors import Problem, problem_at, problems_of, text_of_problems
from neuroscript.tools.type_names import type_text
from neuroscript.values import DEFAULT_NESTING, from_host, to_host

_AS_THEY_ARE = (str, int, float, bytes, date)


class NotUnderstood(Exception):
    """Raised for an annotation that pydantic does not support, or that has no JSON Schema."""


class Misfit(Exception):
    """Raised for a value that does not fit a type.

    Args:
        wanted: the type, as shown to people.
        problems: the problems, each with the part that it is about.
    """

    def __init__(self, wanted: str, problems: list[Problem]) -> None:
        super().__init__(wanted, problems)
        self.wanted = wanted
        self.problems = problems

    @property
    def predicate(self) -> str:
        """The problem as a predicate for the value's name: ``must be a number, not nil``."""
        if len(self.problems) == 1 and not self.problems[0].path:
            return str(self.problems[0])
        return f"is not a valid {self.wanted.replace(' | ', ' or ')}: {text_of_problems(self.problems)}"


class PythonType:
    """A Python type that an argument is converted to, or a result is converted from.

    Args:
        hint: the annotation.
        frame: a caller, whose local names strings in the annotations of local classes may mean.
        described: whether its JSON Schema is wanted, which some types that values can be made of lack.

    Raises:
        NotUnderstood: if pydantic cannot make values of it.
    """

    def __init__(self, hint: Any, frame: FrameType | None = None, *, described: bool = True) -> None:
        self.hint = hint
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of defaults that JSON cannot hold, and the like
                known = understandable(hint, frame.f_locals if frame is not None else None)
                # Pydantic counts the levels from its own function, which is called here: 2 is this one.
                self.adapter: TypeAdapter[Any] = TypeAdapter(known, _parent_depth=2 + _distance(frame))
                self.schema: dict[str, Any] = self.adapter.json_schema(schema_generator=_Schema) if described else {}
        except (PydanticUserError, NameError, TypeError, AttributeError) as error:
            raise NotUnderstood(str(error).split("\n")[0]) from error
        self.text = type_text(self.schema) if described else _name(hint)

    def read(self, value: Any, name: str = "") -> Any:
        """Converts a value of the language to a Python object.  The value itself is not changed.

        Args:
            value: a value of the language.
            name: its name in errors, which do not repeat a string in place of a secret.

        Raises:
            Misfit: where it stands for none.
        """
        value = to_host(value)
        try:
            made = self.adapter.validate_python(value)
        except ValidationError as error:
            raise Misfit(self.text, problems_of(error, value, secret=is_secret(name))) from None
        lossy = lossy_parts(self.adapter, value, made)
        if lossy:
            secret = is_secret(name)
            problems = [problem_at(value, path, f"must be {expected}", secret=secret) for path, expected in lossy]
            raise Misfit(self.text, problems)
        return made

    def write(self, result: Any) -> Any:
        """Converts a Python object to a value of the language.

        The object is one of the type, or else what an argument of the type could be.

        Raises:
            Misfit: if it is neither.
            NeuroScriptError: 7, 38, 41 as `from_host` has them.
        """
        try:
            return _plain(self._dump(self.adapter.validate_python(result, strict=True), "error"), DEFAULT_NESTING)
        except (ValidationError, PydanticSerializationError):
            pass  # a model's fields are not validated again, but when it is dumped
        return _plain(self._dump(self.read(_value_of(result)), "none"), DEFAULT_NESTING)

    def in_json(self, default: Any) -> Any:
        """Returns a default as JSON values; None if JSON cannot represent it, for example a sentinel for no value."""
        try:
            return self.adapter.dump_python(default, mode="json", by_alias=True, warnings="none")
        except (PydanticSerializationError, TypeError, ValueError, AttributeError):
            return None

    def shape(self, name: str, kind: ArgType, *, given: bool = True) -> Shape | None:
        """Returns the keys of the map, or of the maps in the list, that stands for such an object; None for others.

        Args:
            name: what such a map is called, if the type has no name.
            kind: the type of that map or list.
            given: whether it is read from such a map rather than written as one.
        """
        in_list = kind.item_type is not None
        found = shape_of_schema(self.schema, name, in_list=in_list)
        if found is None:
            return None
        try:
            if given:
                return shape_of_schema(self.schema, name, self._schema("validation", by_alias=False), in_list=in_list)
            return shape_of_schema(self._schema("serialization"), name, in_list=in_list)
        except PydanticUserError:
            return None  # what it is written as has no schema, and so no keys that are known

    def _schema(self, mode: Any, *, by_alias: bool = True) -> dict[str, Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.adapter.json_schema(by_alias=by_alias, schema_generator=_Schema, mode=mode)

    def _dump(self, made: Any, problems: Any) -> Any:
        return self.adapter.dump_python(made, mode="python", by_alias=True, warnings=problems)


class _Schema(GenerateJsonSchema):
    """A generator of JSON Schemas without the titles that repeat the names of fields."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def argument_schemas(types: Mapping[str, PythonType]) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Returns the JSON Schemas of several arguments by name, and the shared definitions for ``#/$defs``."""
    inputs = [(name, "validation", one.adapter) for name, one in types.items()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, common = TypeAdapter.json_schemas(inputs, schema_generator=_Schema)  # type: ignore[arg-type]
    return {name: found[name, "validation"] for name in types}, common.get("$defs", {})


def _name(hint: Any) -> str:
    """The name of a class, or the names of a union's members."""
    return " | ".join(getattr(option, "__name__", str(option)) for option in typing.get_args(hint) or (hint,))


def _distance(frame: FrameType | None) -> int:
    """The number of levels that the caller is below a frame in the stack; 0 if the frame is not on it."""
    level, current = 0, sys._getframe(1)
    while frame is not None and current is not None:
        if current is frame:
            return level
        level, current = level + 1, current.f_back  # type: ignore[assignment]
    return 0


def _value_of(result: Any) -> Any:
    """Converts a result of any type to a value of the language."""
    return from_host(_plain(result, DEFAULT_NESTING))


def _plain(value: Any, depth: int) -> Any:
    """Converts dumped data to a value of the language: times and numbers are kept, all else is as in JSON.

    A duration becomes a number of seconds, as the standard tools have it.  A `Decimal` becomes a number where that
    loses none of its digits, and else text, which reads as a number.
    """
    if depth <= 0:
        raise NeuroScriptError(ErrorCode.NESTING_DEPTH_EXCEEDED, "a value from the host is nested too deeply")
    if value is None or (isinstance(value, _AS_THEY_ARE) and not isinstance(value, Enum)):
        return from_host(value)
    if isinstance(value, Mapping):
        return {_key(key): _plain(item, depth - 1) for key, item in value.items()}
    if isinstance(value, Sequence | Set) and not isinstance(value, bytearray | memoryview):
        return [_plain(item, depth - 1) for item in value]
    if isinstance(value, Enum):
        return _plain(value.value, depth)
    if isinstance(value, timedelta):
        return from_host(value.total_seconds())
    if isinstance(value, Decimal):
        return _number(value)
    try:
        return from_host(value, depth)
    except NeuroScriptError as error:
        if error.code != ErrorCode.TYPE:
            raise
    try:
        return from_host(to_jsonable_python(value), depth)
    except PydanticSerializationError:
        message = f"a {type(value).__name__} cannot be a value of a script"
        raise NeuroScriptError(ErrorCode.TYPE, message) from None


def _number(value: Decimal) -> int | float | str:
    if not value.is_finite():
        return from_host(float(value))  # type: ignore[no-any-return]  # which refuses it
    if value == value.to_integral_value():
        return from_host(int(value))  # type: ignore[no-any-return]
    return float(value) if Decimal(repr(float(value))) == value else format(value, "f")


def _key(key: Any) -> str:
    if isinstance(key, Enum):
        return _key(key.value)
    if isinstance(key, str):
        return str(key)
    return str(to_jsonable_python(key))
