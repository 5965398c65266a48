"""Wire adapters: pure functions from a request to HTTP and from a reply to an `LLMResponse`.

An adapter does no input or output and keeps nothing; `ai_wm.providers.http` sends what it builds.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Literal, Protocol

from ai_wm.providers.base import LLMRequest, LLMResponse, Usage
from neuroscript import ErrorCode, NeuroScriptError

_log = logging.getLogger("ai_wm.providers")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a provider is found.

    Args:
        default: the public address; empty where ``base_url`` must be given.
        variable: the environment variable with which the provider's own SDK overrides it; empty for none.
    """

    default: str
    variable: str = ""


@dataclass(frozen=True, slots=True)
class WireRequest:
    """The HTTP request that a provider expects: the path below the base URL, the headers without the key, the body."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReply:
    """What a provider says about a failure.

    Args:
        message: its text.
        kind: its machine-readable type or code, if it has one.
        status: the HTTP status that the failure stands for, as far as the body says so; it counts where the failure
            is reported within a successful reply.
        retry_after: the seconds that the body asks to wait.
        final: the same request cannot succeed later, whatever the status says.
    """

    message: str = ""
    kind: str = ""
    status: int = 0
    retry_after: float | None = None
    final: bool = False


class BadReply(Exception):
    """A reply that is not what the API promises: what is wrong with it, and the text in question.

    The text is shown later, without secrets and cut, and not by whoever raises this.
    """

    def __init__(self, message: str, sample: str = "") -> None:
        super().__init__(message)
        self.sample = sample


class StreamError(Exception):
    """The provider reports a failure in the middle of a stream."""

    def __init__(self, reply: ErrorReply) -> None:
        super().__init__(reply.message)
        self.reply = reply


class StreamParser(Protocol):
    """Puts a reply together from the events of a stream.

    ``done`` turns true with the end marker, ``usage`` holds what the provider has said so far.
    """

    done: bool
    usage: Usage

    def feed(self, name: str, event: Any) -> str:
        """Takes one event (its name, if it has one, and its JSON) and gives the text in it.

        Raises:
            BadReply: the event is not what the API promises.
            StreamError: the event is the provider's report of a failure.
        """
        ...

    def response(self) -> LLMResponse:
        """The whole reply, as the call without streaming gives it."""
        ...

    def ended(self) -> bool:
        """Whether the reply is complete when the stream ends here."""
        ...


class Adapter(Protocol):
    """The module of one wire format."""

    endpoint: Endpoint
    stream_format: Literal["sse", "ndjson"]
    key_header: str
    key_prefix: str
    request_id_headers: tuple[str, ...]

    def build(self, request: LLMRequest, *, stream: bool = False) -> WireRequest:
        """The HTTP request for ``request``."""
        ...

    def parse(self, reply: Any, request: LLMRequest) -> LLMResponse:
        """The response in the JSON of a successful reply."""
        ...

    def parse_error(self, reply: Any) -> ErrorReply:
        """The failure in the JSON of an unsuccessful reply."""
        ...

    def stream_parser(self, request: LLMRequest) -> StreamParser:
        """A parser for one stream."""
        ...


def expect_map(value: Any, what: str) -> dict[str, Any]:
    """``value`` if it is a map, else `BadReply`."""
    if not isinstance(value, dict):
        raise BadReply(f"{what} is {_kind(value)}, not an object")
    return value


def expect_list(value: Any, what: str) -> list[Any]:
    """``value`` if it is a list, else `BadReply`."""
    if not isinstance(value, list):
        raise BadReply(f"{what} is {_kind(value)}, not a list")
    return value


def expect_text(value: Any, what: str) -> str:
    """``value`` if it is a text, an empty text for ``None``, else `BadReply`."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadReply(f"{what} is {_kind(value)}, not a text")
    return value


NO_COUNT: Final = 1 << 60
"""What stands for a count of tokens that is none.  No call can have used so many, so that whoever counts them puts what
was reserved in its place; the reply that it came with is paid for all the same."""


def count(source: Mapping[str, Any] | None, *path: str) -> int:
    """The token count at ``path``; 0 where it is missing or ``null``, `NO_COUNT` where it is no number of tokens."""
    value: Any = source
    for key in path:
        if not isinstance(value, Mapping):
            return 0
        value = value.get(key)
    if value is None:
        return 0
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return min(value, NO_COUNT) if type(value) is int and value >= 0 else NO_COUNT


def made_up_id(request: LLMRequest, number: int) -> str:
    """An id for the ``number``-th tool call of a reply whose provider gives none, unique in the conversation."""
    return f"call_{len(request.messages)}_{number}"


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", type(None): "missing"}
    return names.get(type(value), "a number")


@cache
def not_sent(provider: str, option: str, why: str) -> None:
    """Warns, once a process, that a provider has no such option and it is left out."""
    _log.warning("%s has no %s (%s); it is left out of the request", provider, option, why)


def add_options(body: dict[str, Any], options: Mapping[str, Any], made_here: frozenset[str]) -> dict[str, Any]:
    """``body`` with a definition's own options on top.

    Maps are merged one level deep; an option that is ``None`` takes the key out of the body.

    Raises:
        NeuroScriptError: 4 for an option that would replace what the program itself puts together.
    """
    for key, value in options.items():
        if key in made_here:
            raise NeuroScriptError(
                ErrorCode.ARG_MISMATCH,
                f"baseConfig.{key} cannot be set: the conversation, the model and the tools are put in by the program",
            )
        if value is None:
            body.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(body.get(key), dict):
            body[key] = {**body[key], **value}
        else:
            body[key] = value
    return body
