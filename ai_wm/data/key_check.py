"""Finds keys that a model does not have, in what a program or a person gives for it.

The files are read leniently, since other programs may keep keys of their own there.  Whoever gives a definition to this
program is told of a key that means nothing: a misspelt limit would limit nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from pydantic import AliasChoices, BaseModel

from ai_wm.data.spelling import near_miss, nearest
from neuroscript import ErrorCode, NeuroScriptError

_LONGEST_SHOWN = 60


class UnknownKey(NamedTuple):
    """A key that a model does not have.

    Args:
        path: the fields above it, such as ``rate_limits``; empty at the top level.
        key: the key as it was given.
        known: the keys that stand there, in snake_case.
        shown: whether the key may be shown; what stands in the place of a key source's fields may be a key itself.
        again: the field that it stands for, if another spelling of it is given too, which counts.
    """

    path: str
    key: str
    known: frozenset[str]
    shown: bool
    again: str = ""

    @property
    def meant(self) -> str | None:
        """The known key that it almost certainly stands for, if there is one."""
        return near_miss(self.key, self.known)

    def told(self) -> str:
        """The key with its place and the nearest known key, for a message."""
        near = nearest(self.key, self.known)
        short = self.key if len(self.key) <= _LONGEST_SHOWN else f"{self.key[: _LONGEST_SHOWN - 1]}…"
        where = f" in {self.path}" if self.path else ""
        if self.again:
            return f"the key {self.again}{where} is given twice, as {short!r} the second time; give it once"
        what = f"unknown key {short!r}{where}" if self.shown or self.meant else f"unknown key{where}"
        if near is not None:
            return f"{what}; did you mean {near!r}?"
        place = "; data of your own belongs under metadata" if "metadata" in self.known else ""
        return f"{what}; there are {', '.join(sorted(self.known))}{place}"


def check_keys(model: Any, data: Any, name: str = "", kept: Collection[tuple[str, str]] = ()) -> None:
    """Raises an error for the first key in ``data`` that a model does not have.

    Args:
        model: the class of the model.
        data: a mapping, whose keys may have any spelling that is read, or an instance of the model.
        name: the object's name in the error, such as ``definition 'helper'``.
        kept: path and name of the unknown keys that may stay, since they were there before.

    Raises:
        NeuroScriptError: 4, naming the key and the nearest known one.
    """
    for found in unknown_keys(model, data):
        if (found.path, found.key) not in kept:
            field = f"{found.path}.{found.key}" if found.path else found.key
            raise NeuroScriptError(
                ErrorCode.ARG_MISMATCH,
                f"{name or model.called}: {found.told()}",
                details={"field": field[: 2 * _LONGEST_SHOWN] if found.shown or found.meant else found.path},
            )


def check_assignment(instance: Any, name: str, value: Any) -> None:
    """Raises an error for an assignment to an attribute that a model does not have, or of a map with unknown keys.

    Raises:
        NeuroScriptError: 4, as `check_keys`.
    """
    model = type(instance)
    if name in model.model_fields:
        check_keys(model, {name: value})
    elif name not in instance.unknown:
        known = frozenset(model.model_fields) - model.hidden_from_scripts
        message = f"{model.called}: {UnknownKey('', name, known, model.keys_shown).told()}"
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message, details={"field": name})


def unknown_keys(model: Any, data: Any, path: str = "") -> Iterator[UnknownKey]:
    """Yields the keys in ``data`` that a model does not have, and those in the maps and models in it.

    Args:
        model: the class of the model.
        data: as `check_keys` takes it; anything else has no keys.
        path: the fields above it.
    """
    if not isinstance(data, Mapping | BaseModel):
        return
    spellings = _spellings(model)
    if isinstance(data, BaseModel):
        fields, unknown = data.__dict__, list(data.__pydantic_extra__ or ())
    else:
        names = {key: _used_as(key, data, spellings) for key in data if isinstance(key, str)}
        fields = {field: data[key] for key, field in names.items() if field is not None}
        unknown = [key for key, field in names.items() if field is None]
    for key in unknown:
        known = frozenset(model.model_fields) - model.hidden_from_scripts
        yield UnknownKey(path, key, known, model.keys_shown, spellings.get(key, ("",))[0])
    for field, inner in _checked_below(model):
        value = fields.get(field)
        below = f"{path}.{field}" if path else field
        if not isinstance(inner, frozenset):
            yield from unknown_keys(inner, value, below)
        elif isinstance(value, Mapping) and not value.keys() <= inner:
            for key in value:
                if isinstance(key, str) and key not in inner:
                    yield UnknownKey(below, key, inner, True)


@cache
def _checked_below(model: Any) -> tuple[tuple[str, Any], ...]:
    """The fields whose keys are checked as well: each with the keys that there are, or the model that it holds."""
    found = []
    for field, info in model.model_fields.items():
        if field in model.map_keys:
            found.append((field, model.map_keys[field]))
        elif getattr(info.annotation, "keys_checked", False):
            found.append((field, info.annotation))
    return tuple(found)


def _used_as(key: str, data: Mapping[Any, Any], spellings: Mapping[str, tuple[str, ...]]) -> str | None:
    """The field that a key is read as; None if it is none, or the field is read from another spelling given too."""
    field, *choices = spellings.get(key, (None,))
    first = next((choice for choice in choices if choice in data), key)
    return field if first == key else None


@cache
def _spellings(model: type[BaseModel]) -> dict[str, tuple[str, ...]]:
    """Every spelling that is read: its field, followed by the spellings of that field in the order of their rank."""
    found: dict[str, tuple[str, ...]] = {}
    for field, info in model.model_fields.items():
        alias = info.validation_alias
        choices = [str(each) for each in alias.choices] if isinstance(alias, AliasChoices) else []
        every = tuple(dict.fromkeys((*choices, field)))
        found |= dict.fromkeys(every, (field, *every))
    return found
