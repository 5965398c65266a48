"""Structured output: calls whose reply is to be a value that fits a JSON Schema, which the setting ``schema`` gives.

The request asks for the schema as ``response_format`` does, so that a provider that can enforce it does.  The reply is
validated whatever the provider promises; one that does not fit is sent back with its problems, ``schema_repairs`` times
at most.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from ai_wm.data.type_words import described_type
from ai_wm.keys import Secret, redact
from ai_wm.providers.base import LLMResponse, Message
from ai_wm.providers.json_schema import suits_strict, without_nulls
from neuroscript import ErrorCode, NeuroScriptError, check_schema, extract_json, schema_problems

WRAPPER: Final = "value"
"""The key of a wrapped value: the value of a schema whose root is no object."""

_TAKES_ANY_ROOT: Final = frozenset({"local", "ollama"})
"""The providers that turn a schema into a grammar, which may begin with anything; all others take objects."""

_UNFIT: Final = frozenset({ErrorCode.INVALID_VALUE, ErrorCode.NESTING_DEPTH_EXCEEDED, ErrorCode.RESOURCE_EXHAUSTION})
"""The errors by which a reply is no value: no JSON, nested too deeply, too large."""

_WRAPPED: Final = re.compile(rf'\{{\s*"{WRAPPER}"\s*:')
"""The beginning of a reply that is meant as a wrapped value, whole or not."""

_FENCE: Final = 3
"""Backquotes that stand around a text at least."""

_TOOL: Final = re.compile(r"^(tool\.json\.\w+: )+")
"""What messages of tools begin with."""

_MOST_SENT_BACK: Final = 20
"""Problems that a model is told of."""

_MOST_NAMED: Final = 3
"""Problems that an error's message names."""

_MOST_OF_REPLY: Final = 2000
"""Characters of the reply that an error carries."""

Problem = dict[str, str]
"""A problem of a value: ``path``, a JSON Pointer that is empty for the whole value, and ``message``."""


class StructuredReply:
    """The reply to one call as a value: validates each attempt of the model, and keeps the value of the one that fits.

    Args:
        config: the effective configuration of the call, which has a ``schema``.
        provider: the name of the provider that is asked.
        subject: the worker's name for error messages.
        most_repairs: how often a reply that does not fit is sent back.
        check: called now and then while a value is validated; raises to cancel.

    Raises:
        NeuroScriptError: 4 for a schema that is none, or one beside a ``response_format``; 18 without the package
            jsonschema.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        provider: str,
        subject: str,
        most_repairs: int,
        check: Callable[[], None] | None,
    ) -> None:
        self._subject, self._most_repairs, self._check = subject, most_repairs, check
        self._schema = self._checked(config)
        sent = self._schema
        if "properties" in sent and "type" not in sent and _UNIONS.isdisjoint(sent):
            sent = {"type": "object", **sent}  # which strict modes want to be told
        is_object = sent.get("type") == "object" and _UNIONS.isdisjoint(sent)
        self._is_wrapped = not is_object and provider not in _TAKES_ANY_ROOT
        self._sent = _wrapped(sent) if self._is_wrapped else sent
        self._is_text = _is_text(self._schema, self._schema)
        self._sent_back: list[Message] = []
        self._is_to_send_back = False
        self._is_sending_back = False
        self.repairs = 0
        """How often a reply was sent back."""
        self.value: Any = None
        """The value of the reply that fits, once there is one."""

    def _checked(self, config: Mapping[str, Any]) -> dict[str, Any]:
        schema = config["schema"]
        if config.get("response_format") is not None:
            problem = (
                "schema and response_format both say what the reply is to be; give one of them, in base_config or in "
                "the settings of the call"
            )
        elif not isinstance(schema, Mapping):
            problem = (
                f"schema is {described_type(schema)}; expected a JSON Schema, a map such as "
                '{"type": "object", "properties": {…}}'
            )
        else:
            try:
                check_schema(dict(schema), check=self._check)
            except NeuroScriptError as error:
                if error.code != ErrorCode.ARG_MISMATCH:
                    raise
                problem = error.message
            else:
                return dict(schema)
        message = f"{self._subject} was not asked: {problem}"
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message, details={"field": "schema"})

    def request_config(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the configuration that the call is sent with: ``response_format`` in the place of ``schema``."""
        shape: dict[str, Any] = {"name": "reply", "schema": self._sent}
        if suits_strict(self._sent):
            shape["strict"] = True
        kept = {name: value for name, value in config.items() if name != "schema"}
        return {**kept, "response_format": {"type": "json_schema", "json_schema": shape}}

    def take(self, response: LLMResponse, messages: list[Message], cost: float, secrets: Collection[Secret]) -> str:
        """Takes the value of a reply; one that does not fit is sent back in the conversation.

        Args:
            response: the reply, without tool calls.
            messages: what the turn adds to the conversation, the reply at its end.  Where the reply does not fit, the
                request for another follows it; where it does, earlier replies and requests are taken out.
            cost: what the turn has cost so far, for an error.
            secrets: the keys that the server was sent, which no message shows.

        Returns:
            the problems, in words; empty if the reply fits.

        Raises:
            NeuroScriptError: 16 if it does not fit, and may not be sent back any more.
        """
        problems = self._read(response)
        if not problems:
            messages[:] = [said for said in messages if not any(said is back for back in self._sent_back)]
            return ""
        if self.repairs >= self._most_repairs:
            raise self._error(response.text, redact(problems, secrets), cost, secrets)
        request = self._repair_message(problems)
        self._sent_back += [messages[-1], request]
        messages.append(request)
        self._is_to_send_back = True
        return redact("; ".join(map(_shown, problems)), secrets)

    @property
    def is_to_send_back(self) -> bool:
        """Whether the next request sends back a reply that does not fit."""
        return self._is_to_send_back

    def begin(self) -> None:
        """Notes that a request begins, which counts as a repair if it sends a reply back."""
        self._is_sending_back, self._is_to_send_back = self._is_to_send_back, False
        self.repairs += self._is_sending_back

    def not_sent(self) -> None:
        """Notes that the request was not sent after all."""
        self.repairs -= self._is_sending_back
        self._is_sending_back = False

    def _read(self, response: LLMResponse) -> list[Problem]:
        """Takes the value of a reply; returns its problems if there is none that fits."""
        found: list[Problem] = []
        text, is_whole = response.text.strip(), response.finish_reason != "length"
        for value in self._strings(text, is_whole, found) if self._is_text else self._readings(text, found):
            try:
                problems = schema_problems(value, self._schema, check=self._check)
            except NeuroScriptError as error:
                if error.code not in _UNFIT:
                    raise
                problems = [_problem(error)]
            if problems:
                bare = without_nulls(value, self._schema)
                if bare != value and not schema_problems(bare, self._schema, check=self._check):
                    value, problems = bare, []
            if not problems:
                self.value = value
                return []
            found = found or problems
        if response.finish_reason == "length":
            cut = "the reply was cut off at the limit of output (max_output_tokens); a shorter one is needed"
            return [{"path": "", "message": cut}, *found]
        return found

    def _readings(self, text: str, problems: list[Problem]) -> Iterator[Any]:
        """The values that a reply may stand for, the likeliest first; without any, ``problems`` says why.

        Args:
            text: the reply.
            problems: the list for the reason.
        """
        for found in self._extracted(text, problems):
            if self._is_wrapper(found):
                yield found[WRAPPER]
            yield found

    def _strings(self, text: str, is_whole: bool, problems: list[Problem]) -> Iterator[Any]:
        """The values that a reply may stand for where the schema is one of strings.

        A reply that is a JSON string, or an object with the one key that was asked for, stands for that string, and any
        other for its own text.  Three backquotes around all of it do not count.

        Args:
            text: the reply.
            is_whole: whether it was not cut off.
            problems: the list for the reason why there is none.
        """
        text, unread = _unfenced(text), list[Problem]()
        extracted = self._extracted(text, unread)
        if extracted and isinstance(extracted[0], str):  # which all of the text is
            yield extracted[0]
        elif self._is_wrapped and _WRAPPED.match(text) and (not extracted or _is_json(text)):
            problems += unread
            for found in extracted:
                yield found[WRAPPER] if self._is_wrapper(found) else found
        else:
            if text == "null":
                yield None
            if is_whole:
                yield text
            for found in filter(self._is_wrapper, extracted):  # in a sentence, where that is not among the values
                yield found[WRAPPER]

    def _extracted(self, text: str, problems: list[Problem]) -> list[Any]:
        """The JSON in a text, at most one value; without any, ``problems`` says why."""
        # No generator: one that is left early is closed by its destructor, where an interrupt is lost.
        try:
            return [extract_json(text, check=self._check)]
        except NeuroScriptError as error:
            if error.code not in _UNFIT:
                raise
            problems.append(_problem(error) if text else {"path": "", "message": "the reply is empty"})
            return []

    def _is_wrapper(self, found: Any) -> bool:
        return self._is_wrapped and isinstance(found, dict) and found.keys() == {WRAPPER}

    def _repair_message(self, problems: Sequence[Problem]) -> Message:
        """The message that sends a reply back to the model with its problems."""
        listed = "\n".join(f"- {_shown(problem)}" for problem in problems[:_MOST_SENT_BACK])
        schema = json.dumps(self._sent, ensure_ascii=False)
        return Message(
            role="user",
            content=f"Your last reply cannot be used:\n{listed}\n\nReply again, with one JSON value and nothing else, "
            f"that fits this JSON Schema:\n{schema}",
        )

    def _error(self, reply: str, problems: list[Problem], cost: float, secrets: Collection[Secret]) -> NeuroScriptError:
        reply = redact(reply, secrets)
        first = " ".join("; ".join(map(_shown, problems[:_MOST_NAMED])).split())  # keys may have line breaks
        more = f", and {len(problems) - _MOST_NAMED} more" if len(problems) > _MOST_NAMED else ""
        tries = "" if not self.repairs else f" after {self.repairs} repair{'s' * (self.repairs > 1)}"
        return NeuroScriptError(
            ErrorCode.LLM_ERROR,
            f"the reply of {self._subject} does not fit the schema{tries}: {first}{more}; it said {_cut(reply, 200)!r}",
            details={"problems": problems, "reply": _cut(reply, _MOST_OF_REPLY), "cost": cost},
        )


def _unfenced(text: str) -> str:
    """A text without the backquotes that stand around all of it, and the name of a language behind the first ones."""
    fence = text[: len(text) - len(text.lstrip("`"))]
    inside = text[len(fence) : -len(fence)] if len(fence) >= _FENCE else ""
    if not inside or not text.endswith(fence) or fence in inside:
        return text
    first, line_break, rest = inside.partition("\n")
    return (rest if line_break else first).strip()


def _is_json(text: str) -> bool:
    """Whether all of a text is JSON, in which JSON was found."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _problem(error: NeuroScriptError) -> Problem:
    """The problem of a reply that a tool for JSON refuses."""
    return {"path": "", "message": _TOOL.sub("", error.message)}


def _shown(problem: Problem) -> str:
    """A problem in words: its place, if it is not about the whole value, and what is wrong."""
    return f"{problem['path']}: {problem['message']}" if problem["path"] else problem["message"]


_UNIONS: Final = frozenset({"$ref", "allOf", "anyOf", "oneOf"})
"""Keywords that providers do not take at the root of a schema."""

_NAMED: Final = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})
"""Keywords whose values map names to schemas."""

_VALUES: Final = frozenset({"const", "default", "enum", "examples"})
"""Keywords whose values are values."""

_KEPT_AT_ROOT: Final = ("$schema", "$defs", "definitions")
"""Keywords that stay at the root of a schema that is wrapped."""


def _wrapped(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an object whose one property has the given schema."""
    moved = _moved(schema)
    root = {name: moved.pop(name) for name in _KEPT_AT_ROOT if name in moved}
    return {
        **root,
        "type": "object",
        "properties": {WRAPPER: moved},
        "required": [WRAPPER],
        "additionalProperties": False,
    }


def _moved(part: Any) -> Any:
    """A part of a schema, with its references following what moves into the wrapper."""
    if isinstance(part, list):
        return [_moved(item) for item in part]
    if not isinstance(part, Mapping):
        return part
    made: dict[str, Any] = {}
    for name, item in part.items():
        if name == "$ref" and isinstance(item, str):
            made[name] = _moved_reference(item)
        elif name in _NAMED and isinstance(item, Mapping):
            made[name] = {key: _moved(each) for key, each in item.items()}
        else:
            made[name] = item if name in _VALUES else _moved(item)
    return made


def _moved_reference(reference: str) -> str:
    stays = reference.startswith(("#/$defs/", "#/definitions/"))
    if stays or not (reference == "#" or reference.startswith("#/")):
        return reference
    return f"#/properties/{WRAPPER}{reference[1:]}"


def _is_text(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int = 8) -> bool:
    """Whether a schema is one of strings, so that a reply without quotes is one too."""
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/") and depth:
        found: Any = root
        for step in reference[2:].split("/"):
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
        return isinstance(found, Mapping) and _is_text(found, root, depth - 1)
    kind = schema.get("type")
    if kind is None and ("enum" in schema or "const" in schema):
        values = schema.get("enum", [schema.get("const")])
        return isinstance(values, list) and bool(values) and all(isinstance(value, str) for value in values)
    return kind == "string" or (isinstance(kind, list) and set(kind) <= {"string", "null"} and "string" in kind)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
