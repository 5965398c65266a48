"""The names of worker definitions: finding one by its id or name, and keeping names unique."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Final

from ai_wm.data.spelling import nearest
from ai_wm.data.types import AIWorkerDefinition, AIWorkerDefinitionStatus
from ai_wm.store.definition_table import DefinitionChanges, DefinitionTable
from ai_wm.support.ids import ExactId
from neuroscript import ErrorCode, NeuroScriptError

_ARCHIVED: Final = AIWorkerDefinitionStatus.ARCHIVED

_MOST_COMPARED: Final = 1_000
"""So many names are compared with an unknown one."""


def find_in(
    definitions: Mapping[str, AIWorkerDefinition],
    id_or_name: str,
    comes_first: Callable[[AIWorkerDefinition], bool] = lambda definition: not definition.owner,
    is_seen: Callable[[AIWorkerDefinition], bool] = lambda definition: True,
) -> AIWorkerDefinition:
    """Finds a definition by id, else by name; an archived one only where no other has the name.

    Args:
        definitions: where to look.
        id_or_name: what to look for.
        comes_first: whether a definition is meant before all others of its name: one of the host's.
        is_seen: whether whoever asks may know of a definition.

    Raises:
        NeuroScriptError: 9 if there is none, or several between which nothing decides.
    """
    found = definitions.get(id_or_name)
    if found is not None and is_seen(found) and (type(id_or_name) is ExactId or comes_first(found)):
        return found
    if type(id_or_name) is ExactId:
        raise NeuroScriptError(ErrorCode.KEY_NOT_FOUND, f"there is no worker definition with the id {id_or_name!r}")
    named = _named(definitions, id_or_name)
    if found is None and len(named) == 1 and named[0].status is not _ARCHIVED and is_seen(named[0]):  # mostly
        return named[0]
    others, archived = [found] if found is not None and is_seen(found) else [], []
    for definition in named:
        if definition is not found and is_seen(definition):
            if definition.status is _ARCHIVED:
                archived.append(definition)
            elif comes_first(definition):
                return definition
            else:
                others.append(definition)
    if others and (others[0] is found or len(others) == 1):
        return others[0]
    if len(archived) == 1 and not others:
        return archived[0]
    if others or archived:
        raise _ambiguous(id_or_name, others or archived)
    visible = (definition.name for definition in definitions.values() if is_seen(definition))
    names = list(islice(visible, _MOST_COMPARED))
    near = nearest(id_or_name, names)
    if near is not None:
        hint = f"did you mean {near!r}?"
    elif names:
        hint = "there are: " + ", ".join(sorted(names)[:10]) + (", …" if len(names) > 10 else "")
    else:
        hint = "there are none yet; add one"
    raise NeuroScriptError(ErrorCode.KEY_NOT_FOUND, f"there is no worker definition {id_or_name!r}; {hint}")


def find_named(
    definitions: Mapping[str, AIWorkerDefinition],
    name: str,
    comes_first: Callable[[AIWorkerDefinition], bool],
    is_seen: Callable[[AIWorkerDefinition], bool],
) -> AIWorkerDefinition | None:
    """Finds a definition by its name alone; an archived one only where no other has the name.

    Args:
        definitions: where to look.
        name: the name.
        comes_first: whether a definition is meant before all others of its name.
        is_seen: whether whoever asks may know of a definition.

    Raises:
        NeuroScriptError: 9 if several have the name, between which nothing decides.
    """
    seen = [definition for definition in _named(definitions, name) if is_seen(definition)]
    found = [definition for definition in seen if definition.status is not _ARCHIVED] or seen
    first = next(filter(comes_first, found), None)
    if first is None and len(found) > 1:
        raise _ambiguous(name, found)
    return first or next(iter(found), None)


def _ambiguous(name: str, found: Sequence[AIWorkerDefinition]) -> NeuroScriptError:
    archived = "archived " if found[0].status is _ARCHIVED else ""
    message = f"{len(found)} {archived}definitions are named {name!r}; name the one you mean by its id"
    return NeuroScriptError(ErrorCode.KEY_NOT_FOUND, message)


def check_name(definition: AIWorkerDefinition, definitions: Mapping[str, AIWorkerDefinition]) -> None:
    """Raises error 42 unless a definition's name is free: unique among what is not archived, and no other's id.

    That holds among the host's, and among those of one owner and the host's together: an owner's do not keep the host
    from using a name, and nobody learns of another owner's by being refused one.
    """
    if definition.status is _ARCHIVED:
        return
    others = [each for each in _named(definitions, definition.name) if each.status is not _ARCHIVED]
    if definition.name in definitions:
        others.append(definitions[definition.name])
    for other in others:
        if other.definition_id != definition.definition_id and other.owner in ("", definition.owner):
            raise NeuroScriptError(
                ErrorCode.DUPLICATE,
                f"there is a definition named {definition.name!r} already (id {other.definition_id}); choose another "
                "name, or archive that one",
            )


def check_id(definition: AIWorkerDefinition, definitions: Mapping[str, AIWorkerDefinition]) -> None:
    """Raises error 42 if a new definition's id is the name of another that its maker sees: either could be meant."""
    if any(other.owner in ("", definition.owner) for other in _named(definitions, definition.definition_id)):
        raise NeuroScriptError(
            ErrorCode.DUPLICATE,
            f"the id {definition.definition_id!r} is the name of another definition; choose another id, or none",
        )


def free_name(definition: AIWorkerDefinition, definitions: Mapping[str, AIWorkerDefinition]) -> str:
    """Returns a name for a definition without one, made of its provider and model and, if that is taken, a number."""
    base = f"{definition.provider}-{definition.model_name}"

    def is_taken(number: int) -> bool:
        name = base if number == 1 else f"{base}-{number}"
        return any(other.owner in ("", definition.owner) for other in _named(definitions, name))

    if not is_taken(1):
        return base
    # Doubled and then bisected, so that the thousandth does not try a thousand names.
    taken, free = 1, 2
    while is_taken(free):
        taken, free = free, 2 * free
    while free - taken > 1:
        middle = (taken + free) // 2
        taken, free = (middle, free) if is_taken(middle) else (taken, middle)
    return f"{base}-{free}"


def owned_in(definitions: Mapping[str, AIWorkerDefinition], owner: str) -> int:
    """Returns the number of definitions that belong to an owner."""
    if isinstance(definitions, DefinitionTable | DefinitionChanges):
        return definitions.owned(owner)
    return sum(definition.owner == owner for definition in definitions.values())


def _named(definitions: Mapping[str, AIWorkerDefinition], name: str) -> list[AIWorkerDefinition]:
    if isinstance(definitions, DefinitionTable | DefinitionChanges):
        return definitions.named(name)
    return [definition for definition in definitions.values() if definition.name == name]
