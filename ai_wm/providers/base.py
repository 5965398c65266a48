"""The seam between the manager and a model: what is asked, what comes back, and who answers.

A provider is any object with `LLMClient`'s methods.  Everything here is plain data without dependencies, so that a host
can write its own client, and a test its own model, without importing anything of the network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from neuroscript import ErrorCode, NeuroScriptError

if TYPE_CHECKING:
    from ai_wm.keys import Secret

Role = Literal["user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "other"]

FINISH_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter", "other"})

# Keys of the effective configuration that steer this package and are never sent to a provider.
MANAGEMENT_KEYS = frozenset(
    {
        "allow_http",
        "base_url",
        "fallbacks",
        "limit_wait_seconds",
        "locked",
        "max_retries",
        "max_tool_rounds",
        "on_limit",
        "replies",
        "timeout_seconds",
    }
)

# Keys that every provider understands under these names; an adapter translates them.
COMMON_KEYS = frozenset(
    {
        "max_output_tokens",
        "response_format",
        "seed",
        "stop",
        "system_prompt",
        "temperature",
        "tool_choice",
        "top_k",
        "top_p",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallRequest:
    """The model asks for a tool: its name as it was offered, and the arguments by name.

    ``id`` ties the result to the call; adapters make one up where the provider has none.  ``provider_data`` is what the
    provider wants back unchanged with the call (signed thinking, for example), by adapter; keep it with the message.
    """

    id: str
    name: str
    arguments: dict[str, Any]
    provider_data: dict[str, Any] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of the conversation.

    Args:
        role: ``user``, ``assistant``, or ``tool`` for the result of one tool call.
        content: its text.  Content is text only.
        tool_calls: the tools that an ``assistant`` message asked for.
        tool_call_id: of a ``tool`` message, the call that it answers.
        name: of a ``tool`` message, the tool's name.
        is_error: of a ``tool`` message, that the tool failed or was refused.
    """

    role: Role
    content: str
    tool_calls: tuple[ToolCallRequest, ...] = ()
    tool_call_id: str = ""
    name: str = ""
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolDefinition:
    """A tool offered to the model; ``parameters`` is the JSON Schema (an object) of its arguments."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call, in one partition whatever the provider counts.

    Args:
        input_tokens: all input, the cached part included.
        cache_read_tokens: the part of the input that was read from the provider's cache.
        cache_write_tokens: the part of the input that was written to the provider's cache.
        output_tokens: all output, reasoning included.
        reasoning_tokens: the part of the output that the model spent on thinking.
    """

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMRequest:
    """One call of a model.

    Args:
        provider: the provider's name, such as ``openai``.
        model: the model's name as the provider knows it.
        messages: the conversation, oldest first; the last one is what the model answers.
        system: the system prompt; ``None`` takes ``system_prompt`` of the configuration, if any.
        tools: the tools offered.
        config: the effective configuration of the call (``temperature``, ``timeout_seconds``, …).
        api_key: the key, masked; ``None`` where none is needed, or where `key_for` gives it.
        key_grant: gives the key to whoever names the address that the request is about to be sent to; it raises error
            10 where the key may not be sent there.
        session: what the call belongs to: the instance of a conversation, else the definition.  Clients that keep a
            position (``scripted``) keep one for each session.  Never sent to a provider.
        check: called now and then while the call waits; raises to cancel it.
    """

    provider: str
    model: str
    messages: tuple[Message, ...]
    system: str | None = None
    tools: tuple[ToolDefinition, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    api_key: Secret | None = None
    key_grant: Callable[[str], Secret | None] | None = field(default=None, compare=False, repr=False)
    session: str = ""
    check: Callable[[], None] | None = field(default=None, compare=False, repr=False)

    def key_for(self, url: str) -> Secret | None:
        """The key, for whoever sends the request over a network, and only for that very address.

        Args:
            url: where it is about to be sent, the whole of it.

        Raises:
            NeuroScriptError: 10 if the key, or the request, may not be sent there.
        """
        return self.api_key if self.key_grant is None else self.key_grant(url)

    @property
    def system_text(self) -> str:
        """The system prompt that applies, or an empty text."""
        system = self.system if self.system is not None else self.config.get("system_prompt")
        return system if isinstance(system, str) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMResponse:
    """The model's whole reply.

    Args:
        text: the reply's text; empty where the model only asks for tools.
        finish_reason: ``stop``, ``length``, ``tool_calls``, ``content_filter`` or ``other``.
        usage: the tokens spent.
        model: the model that answered, as the provider names it.
        tool_calls: the tools that the model asks for.
        request_id: the provider's id of the request, for its support; empty where it has none.
        attempts: how many times the request was sent, retries included.
    """

    text: str
    finish_reason: str
    usage: Usage
    model: str
    tool_calls: tuple[ToolCallRequest, ...] = ()
    request_id: str = ""
    attempts: int = 1

    def as_message(self) -> Message:
        """The reply as a message of the conversation, with all that the provider wants to see again."""
        return Message(role="assistant", content=self.text, tool_calls=self.tool_calls)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A piece of a streamed reply.  The last one of a stream carries the whole response, as `complete` returns it."""

    text: str = ""
    response: LLMResponse | None = None


@runtime_checkable
class LLMClient(Protocol):
    """Who answers requests.  Both methods are called from many threads at once.

    A client may also have ``close()``, called once when it is no longer needed.  A failed call raises
    `NeuroScriptError`; its ``details`` hold what is known: ``usage`` (a `Usage`) and ``attempts``.
    """

    def complete(self, request: LLMRequest) -> LLMResponse:
        """The reply, when it is complete."""
        ...

    def stream(self, request: LLMRequest) -> Iterator[Delta]:
        """The reply in pieces as they come; the last piece carries the whole response."""
        ...


def check_request(request: LLMRequest) -> None:
    """Refuses what no adapter can send.

    Raises:
        NeuroScriptError: 4 for content that is not text, an unknown role, or no message at all.
    """
    if not request.messages:
        raise NeuroScriptError(
            ErrorCode.ARG_MISMATCH,
            f"the request to {request.provider}/{request.model} has no messages; give at least one",
        )
    system = request.system if request.system is not None else request.config.get("system_prompt")
    if system is not None and not isinstance(system, str):
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"system_prompt is text, not {type(system).__name__}")
    for index, message in enumerate(request.messages):
        if not isinstance(message.content, str):
            raise NeuroScriptError(
                ErrorCode.ARG_MISMATCH,
                f"message {index} ({message.role}) holds {type(message.content).__name__}; content is text only",
            )
        if message.role not in ("user", "assistant", "tool"):
            raise NeuroScriptError(
                ErrorCode.ARG_MISMATCH,
                f"message {index} has the role {message.role!r}; expected user, assistant or tool",
            )


def provider_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of ``config`` that are passed to the provider as they are."""
    return {key: value for key, value in config.items() if key not in MANAGEMENT_KEYS and key not in COMMON_KEYS}


def count_words(*texts: str) -> int:
    """How many words the texts have: the tokens of the built-in models."""
    return sum(len(text.split()) for text in texts)


def estimate_text(text: str) -> int:
    """The tokens of a text: one for four characters, the rule of thumb that OpenAI and Google publish for English."""
    return -(-len(text) // 4)


def estimate_input(request: LLMRequest) -> int:
    """The tokens that go into a call: its texts, four for each message, and the tools offered."""
    characters = len(request.system_text)
    for message in request.messages:
        characters += len(message.content)
        characters += sum(len(call.name) + len(str(call.arguments)) for call in message.tool_calls)
    for tool in request.tools:
        characters += len(tool.name) + len(tool.description) + len(str(tool.parameters))
    return -(-characters // 4) + 4 * len(request.messages)


def estimate_tokens(request: LLMRequest) -> int:
    """The tokens to reserve for a call before it is made: input and output.

    Output is ``max_output_tokens``; where that is not set, a reply as long as the input, at least 16 and at most 1024
    tokens.  The built-in models count words, and so does their estimate.
    """
    if request.provider == "local" and request.model in ("echo", "scripted"):
        return 2 * count_words(request.system_text, *(message.content for message in request.messages)) + 1
    given = estimate_input(request)
    limit = request.config.get("max_output_tokens")
    if isinstance(limit, int | float) and not isinstance(limit, bool) and 0 < limit < math.inf:
        return given + math.ceil(limit)
    return given + min(1024, max(16, given))
