"""The table of definitions against plain dicts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_wm.data.types import AIWorkerDefinition
from ai_wm.store.definition_table import DefinitionChanges, DefinitionTable
from tests.ai_wm.helpers import worker

IDS = ("one", "two", "three", "four")
NAMES = ("a", "b", "one", "")
OWNERS = ("", "them", "us")
KEYS = ({"method": "none"}, {"method": "env_var", "value": "A_KEY"}, {"method": "inline", "value": "sk-secret"})

DEFINITIONS = st.builds(
    lambda id_, name, owner, auth, most: AIWorkerDefinition(
        **worker(name, definition_id=id_, owner=owner, auth=auth, rate_limits={"max_requests_per_day": most})
    ),
    st.sampled_from(IDS),
    st.sampled_from(NAMES),
    st.sampled_from(OWNERS),
    st.sampled_from(KEYS),
    st.sampled_from((0, 5)),
)
STEPS = st.lists(st.one_of(DEFINITIONS, st.sampled_from(IDS)), max_size=8)
"""A definition is put in, and the definition of an id taken out."""


def ids(definitions: Any) -> list[str]:
    return sorted(each.definition_id for each in definitions)


def check(table: DefinitionTable | DefinitionChanges, model: dict[str, AIWorkerDefinition]) -> None:
    """Compares every answer with what a search through all definitions gives."""
    assert dict(table) == model
    assert dict(table.items()) == model
    assert (len(table), sorted(table), ids(table.values())) == (len(model), sorted(model), ids(model.values()))
    for id_ in IDS:
        assert (id_ in table, table.get(id_)) == (id_ in model, model.get(id_))
    for name in NAMES:
        assert ids(table.named(name)) == ids(each for each in model.values() if each.name == name)
    for owner in OWNERS:
        assert table.owned(owner) == sum(each.owner == owner for each in model.values())
    if isinstance(table, DefinitionTable):
        found = [each for source in table.key_sources() for each in table.with_key_source(source)]
        assert ids(found) == sorted(model)
        limited = [each for source in table.key_sources() if source.limited for each in table.with_key_source(source)]
        assert ids(limited) == ids(each for each in model.values() if each.rate_limits.max_requests_per_day)
        assert "sk-secret" not in repr(table.key_sources())


@given(st.lists(STEPS, max_size=5))
def test_changes_read_as_if_they_were_made_and_then_are(batches: list[list[AIWorkerDefinition | str]]) -> None:
    table, model = DefinitionTable(), dict[str, AIWorkerDefinition]()
    for batch in batches:
        before = dict(model)
        changes = DefinitionChanges(table)
        for step in batch:
            if isinstance(step, AIWorkerDefinition):
                changes[step.definition_id] = model[step.definition_id] = step
            elif step in model:
                del changes[step], model[step]
            else:
                with pytest.raises(KeyError):
                    del changes[step]
            check(changes, model)
        check(table, before)
        for change in changes.made():
            assert change.old == table.get(change.definition_id)
            if change.new is None:
                table.remove(change.definition_id)
            else:
                table.put(change.definition_id, change.new)
        check(table, model)
    check(DefinitionTable(model.values()), model)


def test_an_iteration_is_over_what_was_there_when_it_began() -> None:
    table = DefinitionTable()
    for id_ in IDS:
        table.put(id_, AIWorkerDefinition(**worker(id_, definition_id=id_)))
    for views in (iter(table), iter(table.values()), iter(table.items()), iter(table.keys())):
        next(views)
        table.put("new", AIWorkerDefinition(**worker("new", definition_id="new")))
        assert len(list(views)) == len(IDS) - 1
        table.remove("new")
