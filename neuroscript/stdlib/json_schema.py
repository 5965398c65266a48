"""``json.Validate``: values against JSON Schema.

The package jsonschema does the work.  It is written in Python, which costs time, but lets the run's clock be read at
each keyword: a schema of a few lines can ask for exponential work, and what is compiled could not be stopped.  What
the package would leave to Python's backtracking regular expressions, or compare in quadratic time, is done here.
Nothing outside of the schema is ever read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from importlib import import_module
from itertools import islice
from typing import Any

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.stdlib import regex
from neuroscript.stdlib.declare import MUCH, Context, Group, fail, max_nesting, required
from neuroscript.stdlib.equality import Classes
from neuroscript.tools.shapes import Shape, ShapeField
from neuroscript.tools.spec import ArgType
from neuroscript.tools.validation import given
from neuroscript.values import ErrorValue, EventValue, Fuzzy, TimeDate, time_text

_group = Group("json")
TOOLS = _group.tools

_TOOL = "json.Validate"
_MOST_PROBLEMS = 100
_MOST_PARTS = 1_000_000  # lists, maps and what is in them
_LONGEST_MESSAGE = 300
_KEPT = 1 << 16  # characters of a schema that is checked once for all its uses
_NO_SCHEMAS = frozenset({"const", "default", "enum", "examples"})  # keywords whose values are values

_PROBLEM = Shape(
    "problem",
    [
        ShapeField("path", ArgType.STRING, "A JSON Pointer like `/items/0/price`, empty for the whole value."),
        ShapeField("message", ArgType.STRING, "What is wrong there."),
    ],
)

_validating: ContextVar[Context | None] = ContextVar("neuroscript_validating", default=None)
"""The call context of the run that validates, whose limits are checked."""


@_group.tool(
    "Validate",
    required(
        "value", ArgType.ANY, "The value; what JSON has no type for is taken in the form that Stringify gives it."
    ),
    required("schema", ArgType.MAP, "The schema: of draft 2020-12, or what its `$schema` says."),
    returns=ArgType.SLICE_MAP,
    result=f"A list of problems, empty if the value fits; {_MOST_PROBLEMS} at most. A `format` is not looked at.",
    shape=_PROBLEM,
    primer="→[{path,message},…]",
    example="""tool.json.Validate({"n": 1.5}, {"properties": {"n": {"type": "integer"}}})[0].path = "/n\"""",
    errors="4 if the schema is none, refers to what is not in it, or has a pattern that RE2 does not know; 7 for a "
    "value without a form in JSON; 18 without the package jsonschema (`pip install 'neuroscript[schema]'`); 37 and 38 "
    "if the value is too large or nested too deeply",
)
def validate(ctx: Context | None, value: Any, schema: dict[str, Any]) -> list[dict[str, str]]:
    """Checks a value against a JSON Schema."""
    return problems(ctx, value, schema, f"tool.{_TOOL}: argument schema")


def problems(ctx: Context | None, value: Any, schema: dict[str, Any], subject: str) -> list[dict[str, str]]:
    """Finds the problems of a value by a schema, a hundred at most: ``path`` and ``message`` of each.

    Args:
        ctx: the run that waits for it, if any.
        value: a value of the language.
        schema: the schema.
        subject: what error messages call the schema.

    Raises:
        NeuroScriptError: as the tool's spec says.
    """
    plain = _Plain(ctx)
    plain_schema, plain_value = plain.of(schema), plain.of(value)
    with _validation(ctx, subject):
        return [_problem(error) for error in islice(_errors(plain_value, plain_schema), _MOST_PROBLEMS)]


def check_schema(ctx: Context | None, schema: dict[str, Any], subject: str) -> None:
    """Raises an error for a schema that is none; the arguments are those of `problems`.

    Raises:
        NeuroScriptError: as the tool's spec says.
    """
    plain = _Plain(ctx).of(schema)
    with _validation(ctx, subject):
        _validator_of(plain)


@contextmanager
def _validation(ctx: Context | None, subject: str) -> Iterator[None]:
    """Context manager for work with a schema: what goes wrong in it becomes an error about the schema."""
    token = _validating.set(ctx)
    try:
        yield
    except NeuroScriptError:
        raise
    except RecursionError:
        message = f"{subject} is no JSON Schema: it refers to itself without end"
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message) from None
    except ImportError as error:
        message = "JSON Schemas need the package jsonschema; install it with: pip install 'neuroscript[schema]'"
        raise NeuroScriptError(ErrorCode.CONFIGURATION, message) from error
    except Exception as error:  # what the package raises at a schema that is none is of no one kind
        reason = str(error) if isinstance(error, _BadSchema) else f"{type(error).__name__}: {error}"
        message = f"{subject} is no JSON Schema: {reason[:_LONGEST_MESSAGE]}"
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message) from error
    finally:
        _validating.reset(token)


class _BadSchema(Exception):
    """Why a schema is none."""


# --- values -----------------------------------------------------------------------------------------------------------


class _Plain:
    """Makes JSON's types of values.  Parts that are shared are counted as often as they would be written."""

    def __init__(self, ctx: Context | None) -> None:
        self.ctx = ctx
        self.depth = max_nesting(ctx)
        self.left = _MOST_PARTS

    def of(self, value: Any, level: int = 0) -> Any:
        """The value as JSON has it; a double that is whole is a whole number."""
        self.left -= 1
        if self.left % MUCH == 0:
            if self.left <= 0:
                fail(ErrorCode.RESOURCE_EXHAUSTION, _TOOL, f"there are more than {_MOST_PARTS} values to look at")
            if self.ctx is not None:
                self.ctx.check()
        kind = type(value)
        if value is None or kind in (str, int, bool):
            return value
        if kind is float:
            return int(value) if value.is_integer() else value
        if kind is list or kind is dict:
            if level >= self.depth:
                problem = f"the value is nested deeper than {self.depth} levels"
                fail(ErrorCode.NESTING_DEPTH_EXCEEDED, _TOOL, problem)
            if kind is list:
                return [self.of(item, level + 1) for item in value]
            return {name: self.of(item, level + 1) for name, item in value.items()}
        if kind is TimeDate:
            return time_text(value)
        if kind is Fuzzy:
            return value.value
        if kind is not ErrorValue and kind is not EventValue:
            fail(ErrorCode.TYPE, _TOOL, f"{given(value)} has no form in JSON; convert it first")
        return self.of(value.fields(), level)


# --- schemas ----------------------------------------------------------------------------------------------------------


def _errors(value: Any, schema: dict[str, Any]) -> Iterable[Any]:
    validator = _validator_of(schema)
    unresolvable = import_module("referencing.exceptions").Unresolvable
    try:
        yield from validator.iter_errors(value)
    except unresolvable as error:
        raise _not_there(error.ref) from error


def _validator_of(schema: dict[str, Any]) -> Any:
    text = json.dumps(schema)
    return (_validator if len(text) <= _KEPT else _validator.__wrapped__)(text)


@lru_cache(32)
def _validator(text: str) -> Any:
    """The validator of a schema, which is JSON, once the schema has been checked."""
    library, drafts = import_module("jsonschema"), import_module("jsonschema_specifications").REGISTRY
    schema = json.loads(text)
    named = schema.get("$schema", library.Draft202012Validator.META_SCHEMA["$schema"])
    draft = library.validators.validator_for({"$schema": named}, None) if isinstance(named, str) else None
    if draft is None:
        raise _BadSchema(f"its '$schema' {str(named)[:80]!r} is none of the drafts of JSON Schema")
    for error in _watched(draft)(draft.META_SCHEMA, registry=drafts).iter_errors(schema):
        found = _problem(error)
        raise _BadSchema(f"{found['path'] or 'its root'}: {found['message']}")
    parts = _Parts()
    parts.look_at(schema)
    if not parts.identified:
        # Every reference is looked up, those too that no value leads to.
        resource = import_module("referencing").Resource.from_contents({"$schema": named, **schema})
        resolver = drafts.with_resource("", resource).resolver()
        unresolvable = import_module("referencing.exceptions").Unresolvable
        for reference in parts.references:
            try:
                resolver.lookup(reference)
            except unresolvable as error:
                raise _not_there(reference) from error
    return _watched(draft)(schema, registry=drafts)


def _not_there(reference: str) -> _BadSchema:
    return _BadSchema(f"it refers to {reference[:80]!r}, which is not in it")


class _Parts:
    """What a schema is made of, as far as it needs a look before it is used."""

    def __init__(self) -> None:
        self.references: set[str] = set()
        self.patterns: set[str] = set()
        self.identified = False  # whether parts have identifiers, which references may be relative to
        self._unsupported: set[str] = set()

    def look_at(self, part: Any) -> None:
        """Refuses patterns that RE2 does not know, and what the package could do by backtracking alone."""
        if isinstance(part, list):
            for item in part:
                self.look_at(item)
        elif isinstance(part, dict):
            self._keywords(part)
            for name, item in part.items():
                if name not in _NO_SCHEMAS:
                    self.look_at(item)

    def _keywords(self, part: dict[str, Any]) -> None:
        self.identified |= isinstance(part.get("$id", part.get("id")), str)
        if isinstance(part.get("$ref"), str):
            self.references.add(part["$ref"])
        self._unsupported.update(part.keys() & {"unevaluatedProperties", "patternProperties"})
        if len(self._unsupported) == 2:
            raise _BadSchema("'unevaluatedProperties' and 'patternProperties' in one schema are not supported")
        patterns = [part["pattern"]] if isinstance(part.get("pattern"), str) else []
        if isinstance(part.get("patternProperties"), dict):
            patterns += part["patternProperties"]
        for pattern in patterns:
            if pattern not in self.patterns:
                self.patterns.add(pattern)
                _found(pattern, "")


def _found(pattern: str, text: str) -> bool:
    """Whether a pattern matches anywhere in a text."""
    try:
        return regex.matches(_validating.get(), pattern, text, _TOOL)
    except NeuroScriptError as error:
        if error.code != ErrorCode.INVALID_VALUE:
            raise
        raise _BadSchema(f"pattern {pattern[:80]!r}: {error.message.partition(': ')[2]}") from error


@lru_cache(16)
def _watched(draft: Any) -> Any:
    """A validator class that looks at the run's clock at each keyword."""
    own = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "uniqueItems": _unique_items,
    }
    keywords = {name: _watching(own.get(name, keyword)) for name, keyword in draft.VALIDATORS.items()}
    return import_module("jsonschema").validators.extend(draft, keywords)


def _watching(keyword: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
    def watched(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        ctx = _validating.get()
        if ctx is not None:
            ctx.check()
        yield from keyword(validator, value, instance, schema) or ()

    return watched


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
    if isinstance(instance, str) and not _found(pattern, instance):
        yield _invalid(f"{given(instance)} does not match the pattern {pattern[:80]!r}")


def _pattern_properties(validator: Any, patterns: dict[str, Any], instance: Any, schema: Any) -> Iterator[Any]:
    for pattern, subschema in patterns.items() if isinstance(instance, dict) else ():
        for name, value in instance.items():
            if _found(pattern, name):
                yield from validator.descend(value, subschema, path=name, schema_path=pattern)


def _additional_properties(validator: Any, subschema: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if not isinstance(instance, dict):
        return
    named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    more = [name for name in instance if name not in named and not any(_found(pattern, name) for pattern in patterns)]
    if isinstance(subschema, dict):
        for name in more:
            yield from validator.descend(instance[name], subschema, path=name)
    elif not subschema and more:
        shown = ", ".join(repr(name[:40]) for name in more[:5]) + (
            f" and {len(more) - 5} more" if len(more) > 5 else ""
        )
        yield _invalid(f"there may be no more properties, but there {'is' if len(more) == 1 else 'are'} {shown}")


def _unique_items(validator: Any, unique: bool, instance: Any, schema: Any) -> Iterator[Any]:
    if unique and isinstance(instance, list):
        classes = Classes()
        if len({classes.of(item) for item in instance}) < len(instance):
            yield _invalid(f"{given(instance)} has items that are equal")


def _invalid(message: str) -> Any:
    return import_module("jsonschema").ValidationError(message)


# --- problems ---------------------------------------------------------------------------------------------------------


def _problem(error: Any) -> dict[str, str]:
    path = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in error.absolute_path)
    message = _message(error)
    if error.context:
        # Of the alternatives, what comes nearest says more than that there is none that fits.
        nearest = import_module("jsonschema").exceptions.best_match(iter([error]))
        if nearest is not None and nearest is not error:
            step = "/".join(map(str, list(nearest.absolute_path)[len(error.absolute_path) :]))
            message += f"; the nearest: {f'{step}: ' if step else ''}{_message(nearest)}"
    if len(message) > _LONGEST_MESSAGE:
        message = message[: _LONGEST_MESSAGE - 1] + "…"
    return {"path": path, "message": message}


def _message(error: Any) -> str:
    """The package's message, with values as the language shows them, and short."""
    message = str(error.message)
    shown = repr(error.instance)
    if message.startswith(shown):
        message = given(error.instance) + message[len(shown) :]
    match error.validator:
        case "const":
            message = f"{given(error.instance)} is not {_json(error.validator_value)}"
        case "enum":
            message = f"{given(error.instance)} is none of {_json(error.validator_value)}"
    return message


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else text[:119] + "…"
