"""Lightweight dataclasses, for the modules that every start imports.

``dataclasses`` imports ``inspect`` and writes six methods for each class: 7.6 ms for the import and up to 0.7 ms a
class, on a start that has 15 ms for everything.  `record` writes ``__init__`` alone, when it is first called, and the
other methods are shared.  Records have slots.  Type checkers see dataclasses, and so do `dataclasses.replace`,
``fields`` and ``asdict``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass as record
    from dataclasses import field
    from typing import Any

__all__ = ["field", "record"]

_REQUIRED: Any = object()


class _Field:
    """One field: its name, and what `dataclasses.field` says of it."""

    __slots__ = ("compare", "default", "default_factory", "init", "name", "repr")

    def __init__(self, default: Any, default_factory: Any, init: bool, repr: bool, compare: bool) -> None:
        self.name = ""
        self.default = default
        self.default_factory = default_factory
        self.init = init
        self.repr = repr
        self.compare = compare


class _AsDataclass:
    """An attribute that ``dataclasses`` looks for in a class, made by ``dataclasses`` itself when it first does."""

    __slots__ = ("attribute", "record")

    def __set_name__(self, record: type, attribute: str) -> None:
        self.attribute = attribute
        self.record = record

    def __get__(self, instance: object, owner: type) -> Any:
        import dataclasses

        options: dict[str, Any] = self.record.__dict__["__record_options__"]
        types = _types_of(self.record)
        fields = []
        for name, found in _fields_of(self.record).items():
            given: dict[str, Any] = {"init": found.init, "repr": found.repr, "compare": found.compare}
            if found.default is not _REQUIRED:
                given["default"] = found.default
            if found.default_factory is not _REQUIRED:
                given["default_factory"] = found.default_factory
            fields.append((name, types[name], dataclasses.field(**given)))
        made = dataclasses.make_dataclass(self.record.__name__, fields, **options)
        for attribute in ("__dataclass_fields__", "__dataclass_params__"):
            setattr(self.record, attribute, getattr(made, attribute))
        return getattr(made, self.attribute)


def _fields_of(kind: type) -> dict[str, _Field]:
    """The fields of a record, those of its bases first."""
    found: dict[str, _Field] = {}
    for base in reversed(kind.__mro__):
        found.update(base.__dict__.get("__record_fields__", {}))
    return found


def _types_of(kind: type) -> dict[str, Any]:
    """The types of the fields, as far as names tell that are imported when the program runs."""
    import collections.abc
    import typing

    known = {"Any": typing.Any, "Callable": collections.abc.Callable}
    try:
        return typing.get_type_hints(kind, None, known)
    except NameError:
        return dict.fromkeys(_fields_of(kind), typing.Any)


class _Initializer:
    """The ``__init__`` of a record until it is first asked for, which it is not of most records in most processes."""

    __slots__ = ("fields", "options", "record")

    def __init__(self, fields: dict[str, _Field], *, frozen: bool, kw_only: bool) -> None:
        self.fields = fields
        self.options = frozen, kw_only

    def __set_name__(self, record: type, _: str) -> None:
        self.record = record

    def __get__(self, instance: object, owner: type) -> Any:
        record = self.record
        method = _written(self.fields, *self.options, hasattr(record, "__post_init__"))
        setattr(record, "__init__", method)  # noqa: B010 - in the place of this object
        return method if instance is None else method.__get__(instance, owner)


def _make(kind: type, *, frozen: bool, kw_only: bool) -> type:
    """The class with slots, ``__init__`` and the methods that all records share."""
    own: dict[str, _Field] = {}
    namespace = dict(kind.__dict__)
    for name in namespace.get("__annotations__", {}):
        default = namespace.pop(name, _REQUIRED)
        if not isinstance(default, _Field):
            default = _Field(default, _REQUIRED, True, True, True)
        default.name = name
        own[name] = default
    namespace.pop("__dict__", None)
    namespace.pop("__weakref__", None)
    fields = _fields_of(kind) | own
    namespace["__slots__"] = tuple(own)
    namespace["__record_fields__"] = own
    namespace["__record_options__"] = {"frozen": frozen, "kw_only": kw_only}
    namespace["__match_args__"] = () if kw_only else tuple([name for name, one in fields.items() if one.init])
    namespace["__dataclass_fields__"], namespace["__dataclass_params__"] = _AsDataclass(), _AsDataclass()
    methods = {"__init__": _Initializer(fields, frozen=frozen, kw_only=kw_only), **_comparison(fields, frozen)}
    methods["__repr__"] = _representation(tuple([name for name, one in fields.items() if one.repr]))
    if frozen:
        methods.update(__setattr__=_refuse, __delattr__=_refuse, __getstate__=_state, __setstate__=_set_state)
    made = type(kind)(kind.__name__, kind.__bases__, methods | namespace)
    made.__qualname__ = kind.__qualname__
    return made


def _written(fields: dict[str, _Field], frozen: bool, kw_only: bool, more: bool) -> Any:
    """An ``__init__`` that sets the fields, and then calls ``__post_init__`` if there is ``more`` to do."""
    names: dict[str, Any] = {"_set": object.__setattr__, "_required": _REQUIRED}
    parameters = ["self", "*"] if kw_only else ["self"]
    lines = []
    for name, one in fields.items():
        value = name
        if one.default_factory is not _REQUIRED:
            names[f"_new_{name}"] = one.default_factory
            value = f"_new_{name}() if {name} is _required else {name}" if one.init else f"_new_{name}()"
            parameter = f"{name}=_required"
        elif one.default is not _REQUIRED:
            names[f"_default_{name}"] = one.default
            value = name if one.init else f"_default_{name}"
            parameter = f"{name}=_default_{name}"
        else:
            parameter = name
        if one.init:
            parameters.append(parameter)
        elif one.default is _REQUIRED and one.default_factory is _REQUIRED:
            continue  # set by `__post_init__`
        lines.append(f" _set(self, {name!r}, {value})" if frozen else f" self.{name} = {value}")
    if more:
        lines.append(" self.__post_init__()")
    # The text is made of the names of a class in the program's own source.
    exec(f"def __init__({', '.join(parameters)}):\n" + "\n".join(lines or [" pass"]), names)
    return names["__init__"]


def _comparison(fields: dict[str, _Field], frozen: bool) -> dict[str, Any]:
    compared = tuple(name for name, one in fields.items() if one.compare)

    def values(record: object) -> tuple[Any, ...]:
        return tuple([getattr(record, name) for name in compared])

    def equal(self: object, other: object) -> Any:
        return values(self) == values(other) if type(other) is type(self) else NotImplemented

    def hash_(self: object) -> int:
        return hash(values(self))

    return {"__eq__": equal, "__hash__": hash_ if frozen else None}


def _representation(shown: tuple[str, ...]) -> Callable[[object], str]:
    def representation(self: object) -> str:
        return f"{type(self).__qualname__}({', '.join([f'{name}={getattr(self, name)!r}' for name in shown])})"

    return representation


def _refuse(self: object, name: str, *_: object) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot change the field {name!r} of a {type(self).__name__}")


def _state(self: object) -> list[Any]:
    return [getattr(self, name) for name in _fields_of(type(self))]


def _set_state(self: object, state: list[Any]) -> None:
    for name, value in zip(_fields_of(type(self)), state, strict=True):
        object.__setattr__(self, name, value)


if not TYPE_CHECKING:

    def record(kind=None, /, *, frozen=False, kw_only=False):
        """A decorator: the class as a dataclass with slots."""
        if kind is not None:
            return _make(kind, frozen=frozen, kw_only=kw_only)
        return lambda given: _make(given, frozen=frozen, kw_only=kw_only)

    def field(*, default=_REQUIRED, default_factory=_REQUIRED, init=True, repr=True, compare=True):
        """A field of a record that is not compared, not shown, not an argument, or whose default is made each time."""
        return _Field(default, default_factory, init, repr, compare)
