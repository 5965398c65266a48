"""Validates the arguments of tool calls by count, name and type, with lossless conversions only.

A program's calls go through a function generated for the spec (`compile_validator`): what passes as it is costs a few
type tests, and everything else goes the one slow way, which converts or explains.
"""

from __future__ import annotations

from collections.abc import Mapping

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.tools.descriptions import failure_of, given_as
from neuroscript.tools.descriptions import given as given  # which the standard tools import from here
from neuroscript.tools.spec import ArgSpec, ArgType, ToolSpec
from neuroscript.values import (
    ErrorValue,
    Function,
    Fuzzy,
    Handle,
    TimeDate,
    ToolValue,
    from_host,
    read_number,
    to_host,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Validator = Callable[..., list[Any]]

_MISSING: Any = object()
_FAILED: Any = object()


def validate_and_convert_args(
    spec: ToolSpec, args: Sequence[Any] | Mapping[str, Any], named: Mapping[str, Any] | None = None
) -> list[Any]:
    """Validates and converts the arguments of a call by a host or a model.

    Only conversions that lose nothing are made: a whole double to a whole number, a whole number to a double that
    equals it, a string that reads as a number to that number, a string to its UTF-8 bytes, a tuple to a list.  A
    boolean is never a number and a number never a string.

    Args:
        spec: the tool's spec.
        args: the positional arguments, or all arguments by name.
        named: arguments by name, after the positional ones.

    Returns:
        The values in the order of the spec; a variadic argument's values are one list.

    Raises:
        NeuroScriptError: 4, naming the tool, the argument, what was expected and what was given.
    """
    if isinstance(args, Mapping):
        named = {**args, **(named or {})}
        args = ()
    values = [_host_value(spec, value, f"argument {place}") for place, value in enumerate(args, 1)]
    by_name = {name: _host_value(spec, value, f"argument {name!r}") for name, value in (named or {}).items()}
    return convert(spec, values, by_name)


def map_validated_args_by_name(spec: ToolSpec, validated: Sequence[Any]) -> dict[str, Any]:
    """Turns the result of `validate_and_convert_args` into a dictionary from argument name to value."""
    return {arg.name: value for arg, value in zip(spec.args, validated, strict=True)}


def _host_value(spec: ToolSpec, value: Any, place: str) -> Any:
    try:
        return from_host(value)
    except NeuroScriptError as error:
        raise _mismatch(spec, f"{place} is not a value of the language: {error.message}") from error


# --- the slow way: bind, convert, explain -----------------------------------------------------------------------------


def convert(spec: ToolSpec, args: Sequence[Any], named: Mapping[str, Any] | None = None) -> list[Any]:
    """Validates and converts arguments that are already values of the language, without copying them."""
    values = _bind(spec, args, named or {})
    last = len(values) - 1
    for index, arg in enumerate(spec.args):
        value = values[index]
        if spec.variadic and index == last:
            values[index] = _convert_rest(spec, arg, value)
        elif value is _MISSING or (value is None and not arg.required):
            if value is _MISSING and arg.required:
                raise _mismatch(spec, f"argument {index + 1} ({arg.name}) is missing")
            values[index] = _default(spec, arg)
        else:
            values[index] = _convert_one(spec, arg, value, index + 1)
    return values


def _bind(spec: ToolSpec, args: Sequence[Any], named: Mapping[str, Any]) -> list[Any]:
    """One value for each argument of the spec, with a list for a variadic one, and `_MISSING` if none is given."""
    count = len(spec.args)
    if len(args) == count and not named and not spec.variadic:
        return list(args)
    fixed = count - 1 if spec.variadic else count
    if len(args) > fixed and not spec.variadic:
        raise _mismatch(spec, f"takes {_count_text(spec)}, not {len(args) + len(named)}", separator="")
    values = list(args[:fixed])
    values += [_MISSING] * (count - len(values))
    if len(args) > fixed:
        values[fixed] = list(args[fixed:])
    positions = {arg.name: index for index, arg in enumerate(spec.args)} if named else {}
    for name, value in named.items():
        index = positions.get(name, -1)
        if index < 0:
            import difflib

            near = difflib.get_close_matches(name, positions, 1, 0.5)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise _mismatch(spec, f"there is no argument {name}{hint}")
        if values[index] is not _MISSING:
            raise _mismatch(spec, f"argument {index + 1} ({name}) is given twice, by position and by name")
        values[index] = value
    return values


def _count_text(spec: ToolSpec) -> str:
    most = len(spec.args)
    least = sum(arg.required for arg in spec.args)
    if most == 0:
        return "no arguments"
    plural = "" if most == 1 else "s"
    return f"{most} argument{plural}" if least == most else f"{least} to {most} argument{plural}"


def _convert_rest(spec: ToolSpec, arg: ArgSpec, values: Any) -> list[Any]:
    """The values of a variadic argument; passed by name, they are one list."""
    place = len(spec.args)
    if values is _MISSING or values is None:
        if arg.required:
            raise _mismatch(spec, f"argument {place} ({arg.name}) is missing; at least one is needed")
        return list(_default(spec, arg) or ())
    if type(values) is not list:
        raise _mismatch(spec, f"argument {place} ({arg.name}) must be a list when given by name, not {given(values)}")
    if not values and arg.required:
        raise _mismatch(spec, f"argument {place} ({arg.name}) is empty; at least one value is needed")
    return [_convert_one(spec, arg, value, position) for position, value in enumerate(values, place)]


def _default(spec: ToolSpec, arg: ArgSpec) -> Any:
    try:
        value = arg.default_value()
    except Exception as error:
        raise failure_of(spec.full_name, error) from error
    # That of a Python type goes to the function without a copy, which others get with their call.
    return value if arg.python_type is None else to_host(value)


def _convert_one(spec: ToolSpec, arg: ArgSpec, value: Any, position: int) -> Any:
    if arg.python_type is not None:
        return _read(spec, arg, value, position)
    converted = _CONVERTERS[arg.type](value) if not arg.options else _to_option(arg.options, value)
    if converted is not _FAILED:
        return converted
    place = f"argument {position} ({arg.name})"
    item_type = arg.type.item_type
    if item_type is not None and type(value) is list:
        index = next(i for i, item in enumerate(value) if convert_value(item_type, item) is _FAILED)
        found = f"item {index} is {given_as(arg.name, value[index])}"
        raise _mismatch(spec, f"{place} must be {arg.type.expected}, but {found}")
    raise _mismatch(spec, f"{place} must be {arg.expected}, not {given_as(arg.name, value)}")


def _read(spec: ToolSpec, arg: ArgSpec, value: Any, position: int) -> Any:
    from neuroscript.tools.python_types import Misfit

    assert arg.python_type is not None
    try:
        return arg.python_type.read(value, arg.name)
    except Misfit as misfit:
        raise _mismatch(spec, f"argument {position} ({arg.name}) {misfit.predicate}") from None
    except NeuroScriptError:
        raise
    except Exception as error:  # of a validator of the host's
        raise failure_of(spec.full_name, error) from error


def _mismatch(spec: ToolSpec, problem: str, separator: str = ":") -> NeuroScriptError:
    end = "" if problem.endswith("?") else ";"
    return NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{spec.full_name}{separator} {problem}{end} usage: {spec.usage}")


# --- conversions ------------------------------------------------------------------------------------------------------


def _to_int(value: Any) -> Any:
    kind = type(value)
    if kind is int:
        return value
    if kind is str:
        number = read_number(value)
        return _FAILED if number is None else _to_int(number)
    return int(value) if kind is float and value.is_integer() else _FAILED


def _to_float(value: Any) -> Any:
    kind = type(value)
    if kind is float:
        return value
    if kind is str:
        number = read_number(value)
        return _FAILED if number is None else _to_float(number)
    if kind is not int or value.bit_length() > 1024:
        return _FAILED
    try:
        number = float(value)
    except OverflowError:
        return _FAILED
    return number if number == value else _FAILED


def _to_number(value: Any) -> Any:
    kind = type(value)
    if kind is int or kind is float:
        return value
    number = read_number(value) if kind is str else None
    return _FAILED if number is None else number


def _to_bytes(value: Any) -> Any:
    kind = type(value)
    if kind is bytes:
        return value
    return value.encode() if kind is str else _FAILED


def _to_fuzzy(value: Any) -> Any:
    if type(value) is Fuzzy:
        return value
    number = _to_number(value)
    return Fuzzy(number) if number is not _FAILED and 0 <= number <= 1 else _FAILED


def _to_function_or_key(value: Any) -> Any:
    kind = type(value)
    if kind is Function or kind is ToolValue or kind is str:
        return value
    return value if kind is list and value and set(map(type, value)) == {str} else _FAILED


def _to_option(options: tuple[ArgType, ...], value: Any) -> Any:
    """The value unchanged if it has one of the types, else converted to the first possible one."""
    found = [_CONVERTERS[option](value) for option in options]
    if any(converted is value for converted in found):
        return value
    return next((converted for converted in found if converted is not _FAILED), _FAILED)


def _exactly(*kinds: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        return value if type(value) in kinds else _FAILED

    return check


def _list_of(item_type: ArgType) -> Callable[[Any], Any]:
    convert_item = _CONVERTERS[item_type]
    fits = _ITEM_KINDS[item_type].issuperset

    def check(values: Any) -> Any:
        if type(values) is not list:
            return _FAILED
        # The list itself is passed on where nothing changes, so that it is not copied.
        if fits(map(type, values)):
            return values
        converted = [convert_item(value) for value in values]
        return _FAILED if any(value is _FAILED for value in converted) else converted

    return check


# The types of a list's items that pass as they are, which is found out without a call for each item.
_ITEM_KINDS: dict[ArgType, frozenset[type]] = {
    ArgType.STRING: frozenset({str}),
    ArgType.INT: frozenset({int}),
    ArgType.FLOAT: frozenset({float}),
    ArgType.NUMBER: frozenset({int, float}),
    ArgType.BOOL: frozenset({bool}),
    ArgType.MAP: frozenset({dict}),
}

_CONVERTERS: dict[ArgType, Callable[[Any], Any]] = {
    ArgType.ANY: lambda value: value,
    ArgType.NIL: _exactly(type(None)),
    ArgType.STRING: _exactly(str),
    ArgType.INT: _to_int,
    ArgType.FLOAT: _to_float,
    ArgType.NUMBER: _to_number,
    ArgType.BOOL: _exactly(bool),
    ArgType.BYTES: _to_bytes,
    ArgType.MAP: _exactly(dict),
    ArgType.SLICE_ANY: _exactly(list),
    ArgType.HANDLE: _exactly(Handle),
    ArgType.FUNCTION: _exactly(Function, ToolValue),
    ArgType.FUNCTION_OR_KEY: _to_function_or_key,
    ArgType.TIMEDATE: _exactly(TimeDate),
    ArgType.FUZZY: _to_fuzzy,
    ArgType.ERROR: _exactly(ErrorValue),
}
for _kind in list(ArgType):
    if _kind not in _CONVERTERS:
        _CONVERTERS[_kind] = _list_of(_kind.item_type or ArgType.ANY)


def convert_value(arg_type: ArgType, value: Any) -> Any:
    """Converts a value to a type; returns a private sentinel if that would be lossy."""
    return _CONVERTERS[arg_type](value)


# --- the fast way -----------------------------------------------------------------------------------------------------

_INLINE: dict[ArgType, str] = {
    ArgType.ANY: "True",
    ArgType.NIL: "{0} is None",
    ArgType.STRING: "type({0}) is str",
    ArgType.INT: "type({0}) is int",
    ArgType.FLOAT: "type({0}) is float",
    ArgType.NUMBER: "(type({0}) is int or type({0}) is float)",
    ArgType.BOOL: "type({0}) is bool",
    ArgType.BYTES: "type({0}) is bytes",
    ArgType.MAP: "type({0}) is dict",
    ArgType.SLICE_ANY: "type({0}) is list",
}
_CHECKED: dict[ArgType, str] = {
    **_INLINE,
    ArgType.HANDLE: "type({0}) is Handle",
    ArgType.FUNCTION: "(type({0}) is Function or type({0}) is ToolValue)",
    ArgType.FUNCTION_OR_KEY: "(type({0}) is Function or type({0}) is ToolValue or type({0}) is str)",
    ArgType.TIMEDATE: "type({0}) is TimeDate",
    ArgType.FUZZY: "type({0}) is Fuzzy",
    ArgType.ERROR: "type({0}) is ErrorValue",
    **{ArgType(f"slice_{kind}"): f"type({{0}}) is list and fit_{kind}(map(type, {{0}}))" for kind in _ITEM_KINDS},
}
_NAMES: dict[str, Any] = {
    **{kind.__name__: kind for kind in (Handle, Function, ToolValue, TimeDate, Fuzzy, ErrorValue)},
    **{f"fit_{kind}": kinds.issuperset for kind, kinds in _ITEM_KINDS.items()},
}


def inline_check(arg: ArgSpec | ArgType) -> str | None:
    """Returns a Python expression, with ``{0}`` for a name, that is true if the value needs no conversion.

    It uses ``type`` and the names of built-in types alone.  Where it holds for every argument of a call that gives all
    of them by position, the validator would return those very values and need not be called.  None: there is no such
    expression for this type.
    """
    if isinstance(arg, ArgType):
        return _INLINE.get(arg)
    if not arg.is_plain:
        return None
    if arg.options:
        return _any_of(_INLINE, arg.options)
    if not arg.required and arg.default is not None and arg.type in (ArgType.ANY, ArgType.NIL):
        # nil stands for the default, so it does not pass as it is.
        return "{0} is not None" if arg.type is ArgType.ANY else "False"
    return _INLINE.get(arg.type)


def _any_of(templates: dict[ArgType, str], options: tuple[ArgType, ...]) -> str | None:
    """An expression that is true for a value of any of the types; None if one of the types has no such expression."""
    known = [templates[option] for option in options if option in templates]
    return f"({' or '.join(f'({template})' for template in known)})" if len(known) == len(options) else None


def compile_validator(spec: ToolSpec) -> Validator:
    """Generates the validator of a spec, ``validate(args, named=None) -> list``, for values of the language.

    It returns ``args`` itself where a list of all arguments passes as it is.  Optional arguments at the end may be left
    out on the fast way too; names, conversions and errors go to `convert`.
    """
    names: dict[str, Any] = {**_NAMES, "spec": spec, "convert": convert}
    lines = ["def validate(args, named=None):", "    if not named:", "        n = len(args)"]
    for count in _fast_counts(spec):
        tests = [f"n == {count}"]
        for index, arg in enumerate(spec.args[:count]):
            template = inline_check(arg) or _any_of(_CHECKED, arg.options or (arg.type,))
            assert template is not None
            if template != "True":
                tests.append(template.format(f"args[{index}]"))
        rest = []
        for index, arg in enumerate(spec.args[count:], count):
            collects = spec.variadic and index == len(spec.args) - 1
            names[f"default{index}"] = (arg.default or ()) if collects else arg.default
            rest.append(f"[*default{index}]" if collects else f"default{index}")
        result = f"[*args, {', '.join(rest)}]" if rest else "(args if type(args) is list else [*args])"
        lines += [f"        if {' and '.join(tests)}:", f"            return {result}"]
    lines.append("    return convert(spec, args, named)")
    # The text is made of the templates above and of numbers; nothing of the spec's own text is in it.
    exec(compile("\n".join(lines), f"<validator of {spec.name}>", "exec"), names)
    validator: Validator = names["validate"]
    return validator


def _fast_counts(spec: ToolSpec) -> list[int]:
    """The argument counts that the fast path covers: all, and fewer if trailing optional ones are omitted.

    What a variadic argument collects goes the slow way.
    """
    if not all(arg.is_plain and _CHECKED.keys() >= {arg.type, *arg.options} for arg in spec.args):
        return []
    counts = [] if spec.variadic else [len(spec.args)]
    for index in range(len(spec.args) - 1, -1, -1):
        if spec.args[index].required:
            break
        counts.append(index)
    return counts
