"""Worker instances as the scripts of one owner see and change them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ai_wm.calls.journaling import SPAWNED, CallJournal
from ai_wm.calls.stored_forms import message_of
from ai_wm.data.bounds import MOST_TOKENS, check_number, check_size, storable
from ai_wm.data.script_settings import script_settings
from ai_wm.data.settings import check_overrides
from ai_wm.data.types import AIWorkerDefinition, AIWorkerInstanceStatus
from ai_wm.keys.approvals import Standing
from ai_wm.scripts.files import ScriptFiles, check_files, checked
from ai_wm.scripts.records import ScriptRecords
from ai_wm.scripts.rights import Rights
from ai_wm.support.ids import ExactId
from ai_wm.workers.file_contexts import FileReader
from ai_wm.workers.instances import Instances
from ai_wm.workers.session import Session
from neuroscript import ErrorCode, NeuroScriptError


class ScriptInstances:
    """Spawns, shows and retires the instances of one owner's scripts.

    Args:
        rights: the rights of the scripts.
        instances: the instances of the manager.
        records: check the records that a script wants stored.
        files: the files that the scripts may read.
        read_as_host: reads the files that the host's definitions name, in the manager's directory.
    """

    def __init__(
        self,
        rights: Rights,
        instances: Instances,
        records: ScriptRecords,
        files: ScriptFiles,
        read_as_host: FileReader,
    ) -> None:
        self._rights = rights
        self._instances = instances
        self._records = records
        self._files = files
        self._read_as_host = read_as_host

    def spawn(
        self,
        id_or_name: str,
        overrides: Mapping[str, Any] | None,
        file_contexts: Sequence[str] | None,
        journal: CallJournal | None = None,
    ) -> Session:
        """Starts an instance.

        Args:
            id_or_name: its definition.
            overrides: settings on top of those of its definition.
            file_contexts: the files that go ahead of the conversation, in place of the definition's.
            journal: the journal of the run that starts it; None: it has none.

        Raises:
            NeuroScriptError: 9 unknown definition; 10 for one that scripts may not ask, a setting that they may not
                set, or files that they may not read; 4, 19, 20, 25 and 26 as `Instances.spawn`.
        """
        rights = self._rights
        definition = rights.find(id_or_name)
        rights.check_ask(definition)
        given = script_settings(check_overrides(overrides), rights.policy)
        check_size(given, "config_overrides")
        if definition.default_file_contexts if file_contexts is None else file_contexts:
            check_files(self._files)
        journaled = None if journal is None else (journal.run.info.run_id, journal.id("instance"))
        live = self._instances.spawn(
            ExactId(definition.definition_id),
            given,
            file_contexts,
            rights,
            self._reader(definition, file_contexts),
            journaled,
        )
        if journal is not None:
            what = {"instance_id": live.instance_id, "definition_id": live.definition_id, "overrides": given}
            journal.keep(SPAWNED, what | {"file_contexts": None if file_contexts is None else list(file_contexts)})
        return live

    def _reader(self, definition: AIWorkerDefinition, file_contexts: Sequence[str] | None) -> FileReader:
        read: FileReader = self._files.read
        if file_contexts is None and self._rights.standing(definition) is Standing.HOST:
            read = self._read_as_host
        return checked(self._files, read)

    # --- where the run of an instance goes on ---

    def resume(self, what: Mapping[str, Any]) -> str:
        """Brings an instance back, of which `spawn` has told the journal; gives its id.

        Raises:
            NeuroScriptError: 9, 10 and 4 as `spawn`.
        """
        definition = self._rights.find(ExactId(what["definition_id"]))
        self._rights.check_ask(definition)
        paths = what["file_contexts"]
        read = self._reader(definition, paths)
        live = self._instances.resume(
            what["instance_id"], what["definition_id"], what["overrides"], paths, self._rights, read
        )
        return live.instance_id

    def said(self, what: Mapping[str, Any]) -> None:
        """Puts a turn of a conversation back that the journal has."""
        live = self._own(what["instance_id"])
        messages = [[message_of(each) for each in what[name]] for name in ("said", "opening")]
        given, produced = what["used"]
        live.restore(
            messages[0], AIWorkerInstanceStatus(what["status"]), what["last_error"], (given, produced), messages[1]
        )

    def used(self, instance_id: str, input_tokens: int, output_tokens: int) -> None:
        """Puts tokens back that the journal says were added to the usage of an instance."""
        live = self._own(instance_id)
        now = live.snapshot()
        live.restore((), now.status, now.last_error, (input_tokens, output_tokens), ())

    def live(self, instance_id: str) -> Session:
        """A live instance of the owner.

        Raises:
            NeuroScriptError: 9 if there is none of that id, 19 if it is retired.
        """
        return self._own(instance_id)

    def forget(self, instance_id: str) -> None:
        """Lets go of an instance that the journal says was retired."""
        self._instances.forget(instance_id)

    def get(self, instance_id: str) -> dict[str, Any]:
        """Returns a live instance as a map.

        Raises:
            NeuroScriptError: 9 if the owner has none of that id, 19 if it is retired.
        """
        return shown_instance(self._own(instance_id))

    def select(self, filters: Mapping[str, Any] | None) -> list[dict[str, Any]]:
        """Returns the owner's live instances that pass the filters, as maps, the oldest first.

        Raises:
            NeuroScriptError: 4 for an unknown filter, or a value that does not fit it.
        """
        return [found.to_script() for found in self._instances.select(filters) if self._rights.owns(found.owner)]

    def retire(
        self,
        instance_id: str,
        *,
        reason: str,
        final_status: str,
        usage: Mapping[str, Any] | None,
        records: Sequence[Any] | None,
    ) -> None:
        """Ends an instance.

        Raises:
            NeuroScriptError: 9 unknown; 10 where the books of a definition of the host's were to be changed; 4, 19, 25
                and 26 as `Instances.retire`.
        """
        live = self._own(instance_id)
        if usage is not None or records is not None:
            # What is given replaces what was counted: of a worker of the host's that would be its books.
            self._rights.check_manage(self._rights.find(ExactId(live.definition_id)))
        if records is not None:
            ids = {"definition_id": live.definition_id, "instance_id": instance_id}
            records = [record | ids for record in self._records.check_given(records)]
        for name, number in (usage or {}).items():
            check_number(number, f"final_session_token_usage.{name}"[:80], 0, MOST_TOKENS)
        self._instances.retire(
            instance_id,
            reason=storable(reason),
            final_status=final_status,
            usage=usage,
            records=records,
        )

    def set_status(self, instance_id: str, status: str, last_error: str | None) -> None:
        """Sets the status of an instance.

        Raises:
            NeuroScriptError: 9, 19 and 4 as `Instances.set_status`.
        """
        self._own(instance_id)
        check_size(last_error, "last_error")
        self._instances.set_status(instance_id, status, storable(last_error))

    def add_usage(self, instance_id: str, input_tokens: int, output_tokens: int) -> None:
        """Adds tokens to the usage of an instance.

        Raises:
            NeuroScriptError: 9, 19 and 4 as `Instances.add_usage`; 4 too for numbers beyond reason.
        """
        live = self._own(instance_id)
        for name, number in (("input_tokens", input_tokens), ("output_tokens", output_tokens)):
            check_number(number, name, 0, MOST_TOKENS)
        check_number(live.snapshot().session_token_usage.total_tokens, "the session's usage", 0, 1000 * MOST_TOKENS)
        self._instances.add_usage(instance_id, input_tokens, output_tokens)

    def _own(self, instance_id: str) -> Session:
        """Finds a live instance of the owner; another owner's is reported as not found."""
        owner = self._instances.owner_of(instance_id) if isinstance(instance_id, str) else None
        if owner is not None and not self._rights.owns(owner):
            message = f"there is no active instance {instance_id!r}; ListActive shows those there are"
            raise NeuroScriptError(ErrorCode.KEY_NOT_FOUND, message)
        return self._instances.find(instance_id)


def shown_instance(live: Session) -> dict[str, Any]:
    """Returns an instance in the form that scripts see."""
    return live.snapshot().to_script()
