"""The base class of the data models, which accept two spellings of each key and keep unknown keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from ai_wm.data.fields import both_spellings, explain, is_zero, plain
from ai_wm.data.key_check import check_assignment, check_keys

MASK: Final = "***"
"""The text that is shown in place of a key."""

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)


class _ModelType(ModelMetaclass):
    """Metaclass that makes ``Model(...)`` raise the package's own error, as `Model.parse` does."""

    if not TYPE_CHECKING:

        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            if cls.keys_checked:
                check_keys(cls, kwargs)
            try:
                return super().__call__(*args, **kwargs)
            except ValidationError as error:
                raise explain(cls, error, data=kwargs) from None


class Model(BaseModel, metaclass=_ModelType):
    """The base class of the data models: accepts both spellings of a key, writes the file's, and keeps unknown keys.

    Assignments are validated like arguments.  A value that does not fit is error 4, naming the field and what was
    expected.
    """

    model_config = ConfigDict(
        extra="allow",
        populate_by_name=True,
        validate_assignment=True,
        hide_input_in_errors=True,  # the input may be a key
        protected_namespaces=(),  # ``model_name`` is the design's own word
        ser_json_inf_nan="constants",
    )

    always_written: ClassVar[frozenset[str]] = frozenset()
    """Fields that the Go package writes even when they are zero."""

    hidden_from_scripts: ClassVar[frozenset[str]] = frozenset()
    named_in_repr: ClassVar[frozenset[str]] = frozenset()
    """Fields that anything may stand in, keys too, so that a ``repr`` shows no more than the names in them."""

    keys_checked: ClassVar[bool] = False
    """Whether a key that the model does not have is an error where a program or a person gives it."""

    keys_shown: ClassVar[bool] = True
    """Whether such a key may be shown; not if it may be a secret in the wrong place."""

    map_keys: ClassVar[Mapping[str, frozenset[str]]] = {}
    """The keys that there are in fields that hold a map, where not every key has a meaning."""

    called: ClassVar[str] = "value"
    """The word for an instance of this class in error messages."""

    @classmethod
    def parse(cls, data: Any, name: str = "") -> Self:
        """Validates a mapping, whose keys may have either spelling.

        Args:
            data: the mapping; an instance of this class is returned as a copy.
            name: the object's name in an error, such as ``definition "reviewer"``.

        Raises:
            NeuroScriptError: 4, naming the field, the value and what was expected.
        """
        if isinstance(data, cls):
            return data.model_copy(deep=True)
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise explain(cls, error, name, data) from None

    @classmethod
    def of_valid(cls, values: dict[str, Any]) -> Self:
        """Makes an instance without validation, from values that are known to be valid.

        Fields that are not among them get their defaults, except those whose defaults are made anew each time.

        Every managed call makes a record.  Right after waiting for the network, when the processor's caches have
        forgotten pydantic, validating it takes 45 µs and this 6.
        """
        made = cls.__new__(cls)
        set_attribute = object.__setattr__
        set_attribute(made, "__dict__", _defaults(cls) | values)
        set_attribute(made, "__pydantic_fields_set__", set(values))
        set_attribute(made, "__pydantic_extra__", {})
        set_attribute(made, "__pydantic_private__", None)
        return made

    @classmethod
    def parse_json(cls, text: str | bytes | bytearray, name: str = "") -> Self:
        """Validates JSON text, like `parse`."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise explain(cls, error, name) from None

    @classmethod
    def file_key(cls, field: str) -> str:
        """Returns the name of a field in the files."""
        alias = cls.model_fields[field].serialization_alias
        return alias or field

    def to_file(self) -> dict[str, Any]:
        """Converts to the format of the files: the Go package's keys, JSON values, zeros omitted unless read."""
        result: dict[str, Any] = {}
        values, given = self.__dict__, self.__pydantic_fields_set__
        for field, key, always, info in _layout(type(self)):
            value = values[field]
            if always or field in given or not _is_default(value, info):
                result[key] = value if type(value) in _SCALARS else plain(value, "to_file")
        for key, value in self.unknown.items():
            result[key] = plain(value, "to_file")
        return result

    def to_script(self) -> dict[str, Any]:
        """Converts to the form for scripts: snake_case keys, plain values, every field, inline keys masked."""
        result: dict[str, Any] = {}
        values = self.__dict__
        for field, _, _, _ in _layout(type(self)):
            if field not in self.hidden_from_scripts:
                value = values[field]
                result[field] = value if type(value) in _SCALARS else plain(value, "to_script")
        for key, value in self.unknown.items():
            result.setdefault(key, plain(value, "to_script"))
        return result

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            known = name in type(self).model_fields and name not in self.named_in_repr
            yield name, value if known else _Names(value)

    @property
    def unknown(self) -> dict[str, Any]:
        """The keys that this program does not know; they are written back unchanged."""
        return self.__pydantic_extra__ or {}

    def __setattr__(self, name: str, value: Any) -> None:
        if self.keys_checked and not name.startswith("_"):
            check_assignment(self, name, value)
        try:
            super().__setattr__(name, value)
        except ValidationError as error:
            raise explain(type(self), error) from None


_SCALARS: Final = frozenset({str, int, float, bool, type(None)})


class _Names:
    """Wraps a value that may hold keys: of a map it shows the names only, and of anything else nothing."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __repr__(self) -> str:
        if not isinstance(self._value, Mapping):
            return MASK
        return "{" + ", ".join(f"{str(name)!r}: {MASK}" for name in self._value) + "}"


@cache
def _layout(model: type[Model]) -> tuple[tuple[str, str, bool, FieldInfo], ...]:
    """The serialization layout of each field: its name, its name in the files, whether it is always written, etc."""
    return tuple(
        (name, info.serialization_alias or name, name in model.always_written, info)
        for name, info in model.model_fields.items()
    )


@cache
def _defaults(model: type[Model]) -> dict[str, Any]:
    """The default of every field, in order; None for fields whose default is made anew each time."""
    return {name: info.default if info.default_factory is None else None for name, info in model.model_fields.items()}


def _is_default(value: Any, info: FieldInfo) -> bool:
    """Whether a value need not be written, since a reader assumes it if the key is missing."""
    return is_zero(value) or (info.default_factory is not None and value == info.get_default(call_default_factory=True))


def file_field(file_key: str, **options: Any) -> Any:
    """Declares a field by its name in the files; every spelling of that name is accepted."""
    return Field(validation_alias=both_spellings(file_key), serialization_alias=file_key, **options)
