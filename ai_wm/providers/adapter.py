"""Wire adapters: pure functions that turn a request into HTTP, and a reply into an `LLMResponse`.

An adapter does no input or output and keeps nothing; `ai_wm.providers.http` sends what it builds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, Protocol

from ai_wm.logs import CALLS
from ai_wm.providers.base import LLMRequest, LLMResponse, Usage
from neuroscript import ErrorCode, NeuroScriptError

# Far above any reply, and small enough for everything that keeps counts.
_MOST_TOKENS = 10**12
NO_SIGNATURE = "skip_thought_signature_validator"
"""Google's documented stand-in for the signature of a call that was not made by the model asked."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The addresses of a provider's API and its environment variable.

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
    body: dict[str, Any] = field(repr=False)  # settings that are passed on as they are may hold keys
    headers: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReply:
    """A provider's report of a failure.

    Args:
        message: its text.
        kind: its machine-readable type or code, if it has one.
        status: the HTTP status of the failure, if the body names one; it is used for a failure reported within a
            successful reply.
        retry_after: the seconds that the body asks to wait.
        final: the same request cannot succeed later, whatever the status says.
        of_minute: the limit that was reached is one of a minute or less.
        once: the model made a mistake that it seldom repeats, so that only one more attempt is worthwhile.
        cause: the kind of failure, if the adapter knows it better than status and text tell: a refusal or a filter
            (``content_filter``), a conversation that does not fit (``context``), a reply that holds nothing
            (``empty``).
        usage: the tokens that an unsuccessful reply says it has cost.
        generated: the model's whole answer, which the provider refuses since it is not the JSON asked for.
    """

    message: str = ""
    kind: str = ""
    status: int = 0
    retry_after: float | None = None
    final: bool = False
    of_minute: bool = False
    once: bool = False
    cause: Literal["", "content_filter", "context", "empty"] = ""
    usage: Usage | None = None
    generated: str = ""


class BadReply(Exception):
    """Raised for a reply that violates the API's format: says what is wrong, and holds the text in question.

    The text is shown later by the handler of the error, with secrets masked and shortened.

    Args:
        message: what is wrong.
        sample: the text in question.
        usage: the tokens that the reply cost all the same, if it tells.
        text: the readable part of the model's answer.
        final: another attempt would end in the same way.
    """

    def __init__(
        self, message: str, sample: str = "", *, usage: Usage | None = None, text: str = "", final: bool = False
    ) -> None:
        super().__init__(message)
        self.sample = sample
        self.usage = usage
        self.text = text
        self.final = final


class StreamError(Exception):
    """Raised when a provider reports a failure within a successful reply, streamed or not.

    Args:
        reply: the parsed report of the failure.
        usage: the tokens that were spent all the same, if the reply tells.
        text: the part of the model's answer received so far.
    """

    def __init__(self, reply: ErrorReply, *, usage: Usage | None = None, text: str = "") -> None:
        super().__init__(reply.message)
        self.reply = reply
        self.usage = usage
        self.text = text


class StreamParser(Protocol):
    """Assembles a reply from the events of a stream.

    ``done`` turns true with the end marker, ``usage`` holds what the provider has said so far, ``produced`` the bytes
    (UTF-8) of all that the model has written so far: its text, its thinking and its tool calls.
    """

    done: bool
    usage: Usage
    produced: int

    def feed(self, name: str, event: Any) -> str:
        """Processes one event, given its name, if it has one, and its JSON; returns the text in it.

        Raises:
            BadReply: the event is not what the API promises.
            StreamError: the event is the provider's report of a failure.
        """
        ...

    def response(self) -> LLMResponse:
        """Returns the whole reply, in the same form as a call without streaming."""
        ...

    def ended(self) -> bool:
        """Whether the reply is complete if the stream ends here."""
        ...


class Adapter(Protocol):
    """Protocol of a wire format's module: the functions and constants it has to define."""

    endpoint: Endpoint
    stream_format: Literal["sse", "ndjson", "aws"]
    key_header: str
    key_prefix: str
    request_id_headers: tuple[str, ...]

    def build(self, request: LLMRequest, *, stream: bool = False) -> WireRequest:
        """Builds the HTTP request."""
        ...

    def parse(self, reply: Any, request: LLMRequest) -> LLMResponse:
        """Parses the JSON of a successful reply."""
        ...

    def parse_error(self, reply: Any) -> ErrorReply:
        """Parses the JSON of an unsuccessful reply."""
        ...

    def stream_parser(self, request: LLMRequest) -> StreamParser:
        """Makes a parser for one stream."""
        ...


def expect_map(value: Any, what: str) -> dict[str, Any]:
    """Returns ``value`` if it is a map, and raises `BadReply` otherwise."""
    if not isinstance(value, dict):
        raise BadReply(f"{what} is {_kind(value)}, not an object")
    return value


def expect_list(value: Any, what: str) -> list[Any]:
    """Returns ``value`` if it is a list, and raises `BadReply` otherwise."""
    if not isinstance(value, list):
        raise BadReply(f"{what} is {_kind(value)}, not a list")
    return value


def expect_text(value: Any, what: str) -> str:
    """Returns ``value`` if it is a text, an empty text for ``None``, and raises `BadReply` otherwise."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadReply(f"{what} is {_kind(value)}, not a text")
    return value


def is_first(choice: Mapping[str, Any]) -> bool:
    """Whether a choice or candidate, of which a request may ask for several, is the one that is the answer."""
    index = choice.get("index")  # Google leaves out the 0
    return index == 0 or type(index) is not int


def first_choice(choices: Sequence[Any]) -> Any:
    """Returns the choice that is the answer, wherever it stands in a whole reply; ``None`` if there is none."""
    found = (choice for choice in choices if isinstance(choice, dict) and is_first(choice))
    return next(found, choices[0] if choices else None)


class Counts:
    """Reads token counts from a reply's usage, and notes the first that is not a valid count.

    A reply is worth more than its count, so one that cannot be used raises nothing and reads as the nearest that can,
    mostly 0; ``unusable`` says which it is, for `Usage.unusable`.

    Args:
        source: the reply's usage; an empty value if it has none.
    """

    __slots__ = ("_source", "unusable")

    def __init__(self, source: Any) -> None:
        self._source = source
        self.unusable = "" if not source or isinstance(source, dict) else f"usage is {_kind(source)}"

    def __call__(self, *path: str) -> int:
        """Returns the count at a path; 0 if it is missing."""
        value = self._source
        for key in path:
            if not isinstance(value, dict):
                return 0
            value = value.get(key)
        if value is None:
            return 0
        given = value
        if isinstance(value, str) and len(value) < 16 and value.strip().isdecimal():
            given = value = int(value)
        elif isinstance(value, float) and math.isfinite(value):
            value = math.ceil(value)
        usable = type(value) is int and 0 <= value <= _MOST_TOKENS
        if not usable or value != given:
            # A text is not shown: whatever a server repeats of the request may be a key.
            said = f"{given!r:.40}" if type(given) in (int, float) else _kind(given)
            self.unusable = self.unusable or f"{'.'.join(path)} is {said}"
        return value if usable else 0


def later_counts(earlier: Any, later: Any) -> Any:
    """Merges the usage that two events of one stream report, of which the later may leave out or zero what it knows."""
    if not isinstance(earlier, Mapping) or not isinstance(later, Mapping):
        return later
    return {**earlier, **{key: value for key, value in later.items() if value or key not in earlier}}


def made_up_id(request: LLMRequest, number: int) -> str:
    """Makes an id, unique in the conversation, for the ``number``-th tool call of a reply whose provider gives none."""
    return f"call_{len(request.messages)}_{number}"


_SURROGATES = re.compile("[\ud800-\udfff]")


def whole_text(text: str) -> str:
    """Returns ``text`` with surrogate pairs that servers split, one half to a piece, joined again.

    A half without its other half becomes the replacement character: it could not be written down anywhere.
    """
    if text.isascii() or not _SURROGATES.search(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def kept(request: LLMRequest, what: dict[str, Any], *, calls: bool = False) -> dict[str, Any] | None:
    """Returns the provider's data to send back with a reply in later requests, tagged with its `origin`; None if empty.

    A reply with tool ``calls`` is always tagged, since their ids are the provider's too.
    """
    return {"origin": origin(request), **what} if what or calls else None


def origin(request: LLMRequest) -> str:
    """Returns the tag of the provider, model and server that signed data in a message; no other server accepts it."""
    return f"{request.provider} {request.model} {request.config.get('base_url') or ''}"


@contextmanager
def costing(usage: Usage) -> Iterator[None]:
    """Context manager that attaches a reply's usage to a `BadReply` raised while reading it, since it was billed."""
    try:
        yield
    except BadReply as error:
        if error.usage is None and usage.is_reported:
            error.usage = usage
        raise


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", type(None): "missing"}
    return names.get(type(value), "a number")


def not_sent(request: LLMRequest, option: str, why: str) -> None:
    """Warns, once for each worker, that a provider does not support an option, which is therefore left out."""
    _say_once(request.provider, request.model, request.session, option, why)


@lru_cache(maxsize=4096)
def _say_once(provider: str, model: str, session: str, option: str, why: str) -> None:
    CALLS.warning("%s has no %s (%s); it is left out of the requests to %s", provider, option, why, model)


def add_options(body: dict[str, Any], options: Mapping[str, Any], made_here: frozenset[str]) -> dict[str, Any]:
    """Adds a definition's own options to the body of a request.

    Maps are merged one level deep; an option that is ``None`` takes the key out of the body.

    Raises:
        NeuroScriptError: 4 for an option that would replace what the program itself puts together.
    """
    for key, value in options.items():
        if key in made_here:
            raise NeuroScriptError(
                ErrorCode.ARG_MISMATCH,
                f"base_config.{key} cannot be set: the conversation, the model and the tools are put in by the program",
            )
        if value is None:
            body.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(body.get(key), dict):
            body[key] = {**body[key], **value}
        else:
            body[key] = value
    return body
