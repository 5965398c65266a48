"""Who answers for models in tests: nobody but fakes, a recording, or, where the person asks for it, the models.

This package knows nothing of models.  What a plugin that has some is to do it says in a service, `SERVICE`, and it
keeps what the plugin records: a map for each reply, one line of JSON in the file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any

from neuroscript.private_files import open_private
from neuroscript.testing.golden import replace_file

SERVICE = "model_fakes"
"""The service in which a plugin finds who answers for models: a map with

* ``live``: whether models may be asked;
* ``recorded``: the maps that were recorded of this test, in order; None where nothing is replayed;
* ``budgets``: a map, the same for all tests, in which the plugin keeps what all of them together may cost;
* ``record``: a function that keeps a map; None where nothing is recorded;
* ``hint``: how a person gets a reply that is missing, for messages; ``{name}`` in it stands for a worker's name.
"""

_MOST = 64 * 1024 * 1024  # bytes of a file
_HINT = (
    'add a fake, as in setup(): call tool.AIWorkerDefinition.Add(name: {name}, provider: "local", '
    'model_name: "scripted", auth: {"method": "none"}, interaction_models: ["both"], base_config: {"replies": ["…"]}); '
    "or record what models reply, with --live --record FILE, and replay it"
)


class RecordingError(Exception):
    """A file of recorded replies cannot be used; the text says why."""


class Models:
    """Who answers for models.

    Args:
        live: whether models may be asked.
        replay: the file of recorded replies that are given in place of theirs.
        record: the file that their replies are recorded in.

    Raises:
        RecordingError: if the file to replay cannot be used.
    """

    def __init__(self, *, live: bool = False, replay: str | None = None, record: str | None = None) -> None:
        self._live = live
        self._record = record
        self._recorded = _read(replay) if replay is not None else None
        self._kept = _read(record, missing=True) if record is not None else []
        self._new: list[dict[str, Any]] = []
        self._begun: set[str] = set()
        self._budgets: dict[Any, Any] = {}
        self._lock = Lock()

    def services(self, test: str) -> Mapping[str, Any]:
        """The services of the interpreter that runs a test."""
        recorded = None
        if self._recorded is not None:
            recorded = [row for row in self._recorded if row["test"] == test]
        self._begun.add(test)
        record = self._keep(test) if self._record is not None else None
        service = {"live": self._live, "recorded": recorded, "record": record, "budgets": self._budgets, "hint": _HINT}
        return {SERVICE: service}

    def save(self) -> int:
        """Writes the file of recorded replies, in which those of tests that were not run stay.

        Returns:
            how many replies were recorded.

        Raises:
            RecordingError: if it cannot be written.
        """
        if self._record is None:
            return 0
        rows: Sequence[dict[str, Any]] = [row for row in self._kept if row["test"] not in self._begun] + self._new
        text = "".join(json.dumps(row, sort_keys=True) + "\n" for row in rows)
        try:
            replace_file(self._record, text, private=True)
        except OSError as error:
            raise RecordingError(f"{self._record!r} cannot be written: {error.strerror or error}") from error
        return len(self._new)

    def _keep(self, test: str) -> Callable[[Mapping[str, Any]], None]:
        def keep(row: Mapping[str, Any]) -> None:
            with self._lock:  # several calls of one test may be going on
                self._new.append({"test": test, **row})

        return keep


def _read(path: str, *, missing: bool = False) -> list[dict[str, Any]]:
    """The maps in a file of recorded replies; none if it is not there and ``missing`` says that it need not be."""
    try:
        descriptor = open_private(path, os.O_RDONLY, follow=True)
    except FileNotFoundError:
        if missing:
            return []
        raise RecordingError(f"there is no file {path!r}") from None
    except (OSError, ValueError) as error:
        raise RecordingError(f"{path!r} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    with open(descriptor, "rb") as file:
        content = file.read(_MOST + 1)
    if len(content) > _MOST:
        raise RecordingError(f"{path!r} has more than {_MOST} bytes")
    rows = []
    for number, line in enumerate(content.splitlines(), 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise RecordingError(f"{path!r}, line {number}, is not JSON: {error}") from error
        if not isinstance(row, dict) or not isinstance(row.get("test"), str):
            raise RecordingError(
                f"{path!r}, line {number}, is no recorded reply: a map with the name of a test is wanted"
            )
        rows.append(row)
    return rows
