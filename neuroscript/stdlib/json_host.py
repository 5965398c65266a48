"""Functions of ``json.Extract`` and ``json.Validate`` for hosts and plugins, to be called in any thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from neuroscript.cancellation import CancelToken
from neuroscript.limits import Limits
from neuroscript.stdlib import json_extract, json_schema

_SUBJECT = "the schema"


def extract_json(text: str, *, check: Callable[[], None] | None = None) -> Any:
    """Returns the JSON in a text such as a model's reply.

    That is all of the text if it is JSON, else the first object or array between lines of three backquotes, else the
    first one anywhere.

    Args:
        text: the text.
        check: called now and then; raises to cancel.

    Raises:
        NeuroScriptError: 41 if there is none; 37 and 38 if it is too large or nested too deeply.
    """
    return json_extract.extract(_Work(check), text)


def check_schema(schema: dict[str, Any], *, check: Callable[[], None] | None = None) -> None:
    """Checks that a map is a JSON Schema which `schema_problems` can use.

    Args:
        schema: the map.
        check: called now and then; raises to cancel.

    Raises:
        NeuroScriptError: 4 if it is none, refers to what is not in it, or has a pattern that RE2 does not know; 18
            without the package jsonschema; 37 and 38 if it is too large or nested too deeply.
    """
    json_schema.check_schema(_Work(check), schema, _SUBJECT)


def schema_problems(
    value: Any, schema: dict[str, Any], *, check: Callable[[], None] | None = None
) -> list[dict[str, str]]:
    """Validates a value against a JSON Schema.

    Args:
        value: the value.
        schema: the schema, of draft 2020-12 or what its ``$schema`` says.
        check: called now and then, since a short schema can ask for exponential work; raises to cancel.

    Returns:
        the problems, a hundred at most: maps with ``path`` (a JSON Pointer, empty for the whole value) and ``message``.

    Raises:
        NeuroScriptError: as `check_schema`; 7 for a value that has no form in JSON.
    """
    return json_schema.problems(_Work(check), value, schema, _SUBJECT)


class _Work:
    """The call context of work that a host does: the default limits, and the host's own check."""

    def __init__(self, check: Callable[[], None] | None) -> None:
        self.limits = Limits()
        self.cancel_token = CancelToken()
        self._check = check

    def call(self, function: Any, *args: Any) -> Any:
        """Neither tool calls any function."""
        raise NotImplementedError

    def tool_code(self, function: Any, count: int) -> None:
        """Nothing that a script passes is called here."""

    def procedure(self, function: Any, count: int) -> None:
        """There are no procedures here."""

    def raise_script_error(self, exception: Exception) -> NoReturn:
        """Nothing comes out of a script's code here."""
        raise exception

    def check(self) -> None:
        """Raises when the host has cancelled the work."""
        if self._check is not None:
            self._check()
