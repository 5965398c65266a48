"""Random changes of definitions by two processes, crashes, restarts and editors, against a dictionary."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ai_wm.store import JsonStore, summaries
from ai_wm.store.definitions_journal import DEFINITIONS_JOURNAL
from ai_wm.store.engine import DEFINITIONS_FILE
from ai_wm.store.state_directory import STATE_DIRECTORY

from .support import Files, definitions, record, reopened, worker

IDS = st.sampled_from(["1", "2", "3", "4", "5"])
KEYS = st.sampled_from(["", "", "sk-x"])
WHICH = st.integers(0, 1)


class DefinitionsMachine(RuleBasedStateMachine):
    """Two stores on a directory, as two processes have them; the file follows their changes later."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.directory = self.root / "0"
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(summaries, "_JOURNAL_BYTES", 3000)
        self.stores = [JsonStore(self.directory, files=Files()) for _ in range(2)]
        self.names: dict[str, str] = {}
        self.tasks = dict.fromkeys(["1", "2", "3", "4", "5"], 0)
        self.count = 0

    @initialize(small=st.booleans())
    def begin(self, small: bool) -> None:
        if not small:
            self.patch.setattr(summaries, "_SMALL", 0)

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        assert {one["definitionID"]: one["name"] for one in definitions(self.directory)} == self.names
        shutil.rmtree(self.root)
        self.patch.undo()

    def fresh(self) -> str:
        self.count += 1
        return f"name {self.count}"

    @rule(
        which=WHICH,
        put=st.lists(IDS, max_size=3),
        remove=st.sets(IDS, max_size=2),
        key=st.sampled_from(["", "", "sk-x"]),
    )
    def change(self, which: int, put: list[str], remove: set[str], key: str) -> None:
        names = {definition_id: self.fresh() for definition_id in put}
        auth = {"method": "inline", "value": key} if key else {"method": "none"}

        def make(all_: Any) -> list[str]:
            for definition_id in sorted(remove):
                all_.pop(definition_id, None)
            for definition_id, name in names.items():
                all_[definition_id] = worker(name, definition_id, auth=auth)
            assert [all_[each].name for each in all_] == [each.name for each in all_.values()]
            assert {each: all_.named(each) != [] for each in names.values()} == dict.fromkeys(names.values(), True)
            assert len(all_) == len(list(all_))
            return list(all_)

        expected = {each: name for each, name in self.names.items() if each not in remove} | names
        assert self.stores[which].change_definitions(make) == list(expected)
        self.names = expected

    @rule(which=WHICH, definition=IDS)
    def log(self, which: int, definition: str) -> None:
        self.count += 1
        self.stores[which].add_record(record(f"t{self.count}", definition_id=definition))
        self.tasks[definition] += 1

    @rule(which=WHICH)
    def save(self, which: int) -> None:
        self.stores[which].save()
        assert {one["definitionID"]: one["name"] for one in definitions(self.directory)} == self.names

    @rule(which=WHICH)
    def flush(self, which: int) -> None:
        """What the timer does."""
        self.stores[which]._flush()

    @rule(which=WHICH)
    def reload(self, which: int) -> None:
        self.stores[which].reload()

    @rule(which=WHICH)
    def restart(self, which: int) -> None:
        self.stores[which].close()
        self.stores[which] = JsonStore(self.directory, files=Files())

    @rule()
    def crash(self) -> None:
        before, self.directory = self.directory, self.root / self.fresh()
        first = reopened(before, self.directory)
        for store in self.stores:
            store.close()
        self.stores = [first, JsonStore(self.directory, files=Files())]

    @rule(what=st.sampled_from([DEFINITIONS_JOURNAL, "store.lock", "store.note"]), which=WHICH)
    def remove_a_file(self, what: str, which: int) -> None:
        """Somebody removes it while both have read it."""
        for store in self.stores:
            store.definitions()
        (self.directory / STATE_DIRECTORY / what).unlink(missing_ok=True)
        if what == DEFINITIONS_JOURNAL:
            self.stores[which].reload()

    @precondition(lambda self: self.names)
    @rule(data=st.data(), which=WHICH)
    def edit(self, data: st.DataObject, which: int) -> None:
        """A person renames a definition in a file that is up to date."""
        self.stores[which].save()
        written = definitions(self.directory)
        chosen = data.draw(st.sampled_from(written))
        chosen["name"] = self.names[chosen["definitionID"]] = self.fresh()
        (self.directory / DEFINITIONS_FILE).write_text(json.dumps(written))

    @precondition(lambda self: self.names)
    @rule(which=WHICH, data=st.data())
    def save_over_a_change(self, which: int, data: st.DataObject) -> None:
        """An editor saves what it read, while one definition was changed."""
        self.stores[which].save()
        read = (self.directory / DEFINITIONS_FILE).read_bytes()
        changed, name = data.draw(st.sampled_from(sorted(self.names))), self.fresh()
        self.names[changed] = name
        self.stores[which].change_definitions(lambda all_: all_.update({changed: worker(name, changed)}))
        (self.directory / DEFINITIONS_FILE).write_bytes(read)

    @invariant()
    def all_see_the_same(self) -> None:
        for store in self.stores:
            found = store.definitions()
            assert [(each, one.name) for each, one in found.items()] == list(self.names.items())
            for definition_id, name in self.names.items():
                assert definition_id in [each.definition_id for each in found.named(name)]  # type: ignore[attr-defined]
                assert store.summary(definition_id).total_tasks_attempted == self.tasks[definition_id]


checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
TestDefinitions = DefinitionsMachine.TestCase
TestDefinitions.settings = settings(
    max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=checks
)


@pytest.mark.slow
class TestDefinitionsAtLength(DefinitionsMachine.TestCase):  # type: ignore[name-defined,misc]
    """The same for longer."""

    settings = settings(max_examples=300, stateful_step_count=40, deadline=None, suppress_health_check=checks)
