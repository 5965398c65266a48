"""A store in files that keeps what scripts define in memory."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path

import pytest

from ai_wm.data.types import AIWorkerDefinition
from ai_wm.store import JsonStore
from ai_wm.store.passing import PassingJsonStore
from tests.ai_wm.store.support import worker

Definitions = MutableMapping[str, AIWorkerDefinition]


def put(store: JsonStore, *made: AIWorkerDefinition) -> None:
    def change(definitions: Definitions) -> None:
        definitions.update({each.definition_id: each for each in made})

    store.change_definitions(change)


def owned(definition_id: str, name: str = "") -> AIWorkerDefinition:
    return worker(name or f"of a script {definition_id}", definition_id).model_copy(update={"owner": "ann"})


def names(store: JsonStore) -> list[str]:
    return list(store.definitions())


def test_what_scripts_add_ends_with_the_store_and_what_the_host_adds_stays(tmp_path: Path) -> None:
    store = PassingJsonStore(tmp_path)
    put(store, owned("s1"), worker("host", "h1"), owned("s2"))
    assert names(store) == ["h1", "s1", "s2"]
    other = JsonStore(tmp_path)
    assert names(other) == ["h1"]
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"of a script" in path.read_bytes()]
    other.close()
    store.close()
    again = PassingJsonStore(tmp_path)
    assert names(again) == ["h1"]
    again.close()


def test_a_change_sees_both_and_a_change_that_fails_changes_neither(tmp_path: Path) -> None:
    store = PassingJsonStore(tmp_path)
    put(store, owned("s1"), worker("host", "h1"))

    def fails(definitions: Definitions) -> None:
        assert list(definitions) == ["h1", "s1"]
        definitions["s2"] = owned("s2")
        del definitions["s1"]
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.change_definitions(fails)
    assert names(store) == ["h1", "s1"]

    def changes(definitions: Definitions) -> None:
        definitions["s1"] = owned("s1", "renamed")
        definitions["h1"] = worker("changed", "h1")

    store.change_definitions(changes)
    assert [each.name for each in store.definitions().values()] == ["changed", "renamed"]
    store.change_definitions(lambda definitions: definitions.pop("s1"))
    assert names(store) == ["h1"]
    store.close()


def test_what_becomes_the_host_s_is_stored(tmp_path: Path) -> None:
    store = PassingJsonStore(tmp_path)
    put(store, owned("s1"))

    def trust(definitions: Definitions) -> None:
        definitions["s1"] = definitions["s1"].model_copy(update={"owner": ""})

    store.change_definitions(trust)
    store.close()
    again = JsonStore(tmp_path)
    assert names(again) == ["s1"]
    again.close()


def test_what_a_script_stored_elsewhere_is_changed_where_it_is(tmp_path: Path) -> None:
    first = JsonStore(tmp_path)
    put(first, owned("s1"))
    first.close()
    store = PassingJsonStore(tmp_path)
    put(store, owned("s1", "renamed"))
    store.close()
    again = JsonStore(tmp_path)
    assert [each.name for each in again.definitions().values()] == ["renamed"]
    again.close()


def test_an_id_that_another_process_stores_is_that_one_s(tmp_path: Path) -> None:
    store = PassingJsonStore(tmp_path)
    put(store, owned("x"))
    other = JsonStore(tmp_path)
    put(other, worker("host", "x"))
    other.close()
    assert store.definitions()["x"].owner == ""
    put(store, owned("y"))
    assert store.definitions()["x"].owner == ""
    assert names(store) == ["x", "y"]
    store.close()
