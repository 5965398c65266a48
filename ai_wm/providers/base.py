"""The interface between the manager and model clients: requests, responses, and the protocol of a client.

A provider is any object with `LLMClient`'s methods.  Everything here is plain data without dependencies, so that a host
can write its own client, and a test its own model, without importing anything of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from ai_wm.data.type_words import described_type
from neuroscript import ErrorCode, NeuroScriptError

if TYPE_CHECKING:
    from ai_wm.data.attachments import Attachment
    from ai_wm.keys import Secret

Role = Literal["user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls", "pause", "unknown"]

FINISH_REASONS = frozenset({"stop", "length", "tool_calls", "pause", "unknown"})

# Keys of the effective configuration that steer this package and are never sent to a provider.
MANAGEMENT_KEYS = frozenset(
    {
        "allow_http",
        "allow_unknown_price",
        "api",
        "attach",
        "auth_header",
        "base_url",
        "cache",
        "fallbacks",
        "headers",
        "limit_wait_seconds",
        "locked",
        "max_retries",
        "max_tool_rounds",
        "on_limit",
        "replies",
        "schema",
        "schema_repairs",
        "stall_seconds",
        "timeout_seconds",
    }
)

# What the APIs call max_output_tokens.
OUTPUT_LIMITS = ("max_tokens", "max_completion_tokens", "maxOutputTokens", "maxTokens", "num_predict")

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
    """A model's request to call a tool: the tool's name as it was offered, and the arguments by name.

    Args:
        id: ties the result to the call; adapters make one up where the provider has none.
        name: the tool.
        arguments: by name.
        problem: why what the model wrote cannot be read as arguments; such a call is not run, and the problem is the
            result that the model gets.  Empty where nothing is wrong.
    """

    id: str
    name: str
    arguments: dict[str, Any]
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message of a conversation.

    Args:
        role: ``user``, ``assistant``, or ``tool`` for the result of one tool call.
        content: its text.
        attachments: of a ``user`` message, the images, documents and audio that go with the text.
        tool_calls: the tools that an ``assistant`` message asked for.
        tool_call_id: of a ``tool`` message, the call that it answers.
        name: of a ``tool`` message, the tool's name.
        is_error: of a ``tool`` message, that the tool failed or was refused.
        provider_data: of an ``assistant`` message, what its provider wants to see again unchanged (signed thinking, for
            example), in the adapter's own form.
    """

    role: Role
    content: str
    tool_calls: tuple[ToolCallRequest, ...] = ()
    tool_call_id: str = ""
    name: str = ""
    is_error: bool = False
    provider_data: dict[str, Any] | None = field(default=None, compare=False, repr=False)
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolDefinition:
    """A tool offered to the model; ``parameters`` is the JSON Schema (an object) of its arguments."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The tokens of one call, divided in the same way for every provider.

    Args:
        input_tokens: all input, the cached part included.
        cache_read_tokens: the part of the input that was read from the provider's cache.
        cache_write_tokens: the part of the input that was written to the provider's cache.
        cache_write_1h_tokens: the part of that which is kept for an hour, at a higher price.
        output_tokens: all output, reasoning included.
        reasoning_tokens: the part of the output that the model spent on thinking.
        by_kind: the parts of input, cached input and output that are no text, where the server tells them apart, by the
            names that the price library has for them: ``input_audio_tokens``, ``cache_audio_read_tokens``,
            ``output_image_tokens``, ….
        unusable: which count of the server's is none (negative, a text, more than any reply has), so that the numbers
            are not to be believed; empty if all are.  Not compared.
        estimated: whether some of the numbers are estimates, since no server has counted them.  Not compared.
        undivided: whether the server gave the total alone, which stands as output until it is divided.  Not compared.
    """

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    by_kind: tuple[tuple[str, int], ...] = ()
    unusable: str = field(default="", compare=False)
    estimated: bool = field(default=False, compare=False)
    undivided: bool = field(default=False, compare=False)

    @property
    def total_tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens

    @property
    def is_reported(self) -> bool:
        """Whether a server reported any usage, valid or not."""
        return bool(self.total_tokens or self.unusable)

    def updated(self, later: Usage) -> Usage:
        """Returns the usage of a stream that has reported again: counts only grow, and what is not repeated stays."""
        if later.undivided and self.input_tokens:
            later = replace(later, output_tokens=max(0, later.output_tokens - self.input_tokens), undivided=False)
        return Usage(
            input_tokens=later.input_tokens or self.input_tokens,
            cache_read_tokens=later.cache_read_tokens or self.cache_read_tokens,
            cache_write_tokens=later.cache_write_tokens or self.cache_write_tokens,
            cache_write_1h_tokens=later.cache_write_1h_tokens or self.cache_write_1h_tokens,
            output_tokens=later.output_tokens or self.output_tokens,
            reasoning_tokens=later.reasoning_tokens or self.reasoning_tokens,
            by_kind=later.by_kind or self.by_kind,
            unusable=later.unusable or self.unusable,
            estimated=later.estimated or self.estimated,
            undivided=later.undivided if later.total_tokens else self.undivided,
        )

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            cache_write_1h_tokens=self.cache_write_1h_tokens + other.cache_write_1h_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            by_kind=_added(self.by_kind, other.by_kind),
            unusable=self.unusable or other.unusable,
            estimated=self.estimated or other.estimated,
        )


def _added(one: tuple[tuple[str, int], ...], other: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    if not (one and other):
        return one or other
    sums = dict(one)
    for name, count in other:
        sums[name] = sums.get(name, 0) + count
    return tuple(sums.items())


@dataclass(slots=True)
class Progress:
    """The progress of a call: the usage to be booked if it is cut off, which no error can report.

    Attributes:
        attempts: how many requests were sent.
        usages: what each request that may be billed has used; None for one of which nobody knows, since nothing of its
            reply came.  None in place of all where the client does not say.
        began: whether the reply has begun to come.
        produced: the bytes of text that have come.
    """

    attempts: int = 1
    usages: Sequence[Usage | None] | None = None
    began: bool = False
    produced: int = 0


ReplyCallback = Callable[[str, int, Mapping[str, str]], object]
"""Gets the address, the HTTP status and the headers of a server's reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMRequest:
    """The request of one call of a model.

    Args:
        provider: the provider's name, such as ``openai``.
        model: the model's name as the provider knows it.
        messages: the conversation, oldest first; the last one is what the model answers.
        system: the system prompt; ``None`` takes ``system_prompt`` of the configuration, if any.
        tools: the tools offered.
        config: the effective configuration of the call (``temperature``, ``timeout_seconds``, …); no ``repr`` shows it,
            since its headers may hold keys.
        api_key: the key, masked; ``None`` where none is needed, or where `key_for` gives it.
        key_grant: gives the key to whoever names the address that the request is about to be sent to; it raises error
            10 where the key may not be sent there.
        environment: whether headers that the environment adds may go along, to the provider's own address.
        session: what the call belongs to: the instance of a conversation, else the definition.  Clients that keep a
            position (``scripted``) keep one for each session.  Never sent to a provider.
        check: called now and then while the call waits; raises to cancel it.
        progress: where a client may say what it has sent so far, for a call that is cut off.
        on_reply: called with the address, the HTTP status and the headers of each reply of a server, as soon as they
            are there; it must not raise.
        admit: called before each further request of the call (a retry, or the same in another form) with what the one
            before it used, as `LLMResponse.usages` has it, empty for a plain refusal, and with the seconds that are
            left; raises where the limits have no room for it.  Without it only the first request is counted.
        takes_any_reply: whether a reply is returned even where it is not what ``response_format`` asks for, since the
            caller validates it.
        embed: texts whose embeddings are asked for, in place of an answer to messages; a client without ``embeds`` gets
            no such request.
        idempotency_key: by which a server may know the request again if it is sent once more since nobody knows whether
            it was answered; empty: nobody will.
    """

    provider: str
    model: str
    messages: tuple[Message, ...]
    system: str | None = None
    tools: tuple[ToolDefinition, ...] = ()
    config: dict[str, Any] = field(default_factory=dict, repr=False)
    api_key: Secret | None = None
    key_grant: Callable[[str], Secret | None] | None = field(default=None, compare=False, repr=False)
    environment: bool = True
    session: str = ""
    check: Callable[[], None] | None = field(default=None, compare=False, repr=False)
    progress: Progress | None = field(default=None, compare=False, repr=False)
    admit: Callable[[Sequence[Usage | None], float], None] | None = field(default=None, compare=False, repr=False)
    on_reply: ReplyCallback | None = field(default=None, compare=False, repr=False)
    takes_any_reply: bool = field(default=False, compare=False, repr=False)
    embed: tuple[str, ...] = field(default=(), repr=False)
    idempotency_key: str = field(default="", compare=False)

    def key_for(self, url: str) -> Secret | None:
        """Returns the key for a request over the network to this exact address.

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
    """The whole reply of a model.

    Args:
        text: the reply's text; empty where the model only asks for tools.
        finish_reason: ``stop``, ``length``, ``tool_calls``, ``unknown``, or ``pause`` for a reply that the model goes
            on with when it is sent back.
        usage: the tokens spent, by all requests together.
        model: the model that answered, as the provider names it.
        tool_calls: the tools that the model asks for.
        request_id: the provider's id of the request, for its support; empty where it has none.
        attempts: how many times the request was sent, retries included.
        usages: the tokens of each request that was billed, where there were several: each has a price of its own; None
            for one that was cut off before anything of its reply came.
        service_tier: how the provider says that it served the request (``priority``, ``flex``, ``fast``, …), where
            that is not its usual way.
        provider_finish_reason: the provider's own word, where ``finish_reason`` is ``unknown``.
        provider_data: what the provider wants to see again with the reply; see `Message`.
        vectors: the embeddings of the request's texts, in their order.
        other_choices: how choices beside this one failed, where several were asked for; empty if none did.
    """

    text: str
    finish_reason: str
    usage: Usage
    model: str
    tool_calls: tuple[ToolCallRequest, ...] = ()
    request_id: str = ""
    attempts: int = 1
    usages: tuple[Usage | None, ...] = ()
    service_tier: str = ""
    provider_finish_reason: str = ""
    provider_data: dict[str, Any] | None = field(default=None, compare=False, repr=False)
    vectors: tuple[tuple[float, ...], ...] = field(default=(), repr=False)
    other_choices: str = ""

    def as_message(self) -> Message:
        """Converts the reply to a message of the conversation, with all data that the provider needs back with it."""
        return Message(
            role="assistant", content=self.text, tool_calls=self.tool_calls, provider_data=self.provider_data
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A piece of a streamed reply.  The last one of a stream carries the whole response, as `complete` returns it."""

    text: str = ""
    response: LLMResponse | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """A model in a provider's list, with what the list tells of it.

    Args:
        id: the name by which it is asked: a definition's ``model_name``.
        context_length: the most tokens of a conversation; None where the list does not tell.
        max_output_tokens: the most tokens of a reply; None likewise.
        created: when it was made or released, in RFC 3339; empty likewise.
    """

    id: str
    context_length: int | None = None
    max_output_tokens: int | None = None
    created: str = ""


@runtime_checkable
class LLMClient(Protocol):
    """The protocol of a client, which answers requests.  Both methods are called from many threads at once.

    A client may also have ``list_models(request)``, which returns the `ModelInfo` of each model that can be asked; the
    request has a configuration and a key, and no messages.  It may have ``close()``, called once when it is no longer
    needed, and the attributes ``takes_attachments``, true if it makes use of `Message.attachments`, and ``embeds``,
    true if it embeds texts; without them no such request reaches it.

    A failed call raises `NeuroScriptError`; its ``details`` hold what is known: ``usage`` (a `Usage`; ``usages`` for
    each request that was billed, where there were several, with None for one of which nothing came back), ``attempts``,
    and ``text``, what had come of the reply.
    """

    def complete(self, request: LLMRequest) -> LLMResponse:
        """Sends a request and returns the whole reply."""
        ...

    def stream(self, request: LLMRequest) -> Iterator[Delta]:
        """Sends a request and gives the reply in pieces as they come; the last piece carries the whole response."""
        ...


def check_request(request: LLMRequest) -> None:
    """Raises an error for a request that no adapter can send.

    Raises:
        NeuroScriptError: 4 for content that is not text, an unknown role, or no message at all.
    """
    if request.embed:
        return  # of texts, which were checked
    if not request.messages:
        raise NeuroScriptError(
            ErrorCode.ARG_MISMATCH,
            f"the request to {request.provider}/{request.model} has no messages; give at least one",
        )
    system = request.system if request.system is not None else request.config.get("system_prompt")
    if system is not None and not isinstance(system, str):
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"system_prompt is text, not {described_type(system)}")
    for index, message in enumerate(request.messages):
        if not isinstance(message.content, str):
            raise NeuroScriptError(
                ErrorCode.ARG_MISMATCH,
                f"message {index} ({message.role}) holds {described_type(message.content)}; content is text, "
                "and files are attachments",
            )
        if message.role not in ("user", "assistant", "tool"):
            raise NeuroScriptError(
                ErrorCode.ARG_MISMATCH,
                f"message {index} has the role {message.role!r}; expected user, assistant or tool",
            )


def provider_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options of a configuration that are passed to the provider unchanged, also those in ``extra_body``.

    Raises:
        NeuroScriptError: 4 where ``extra_body`` is no map.
    """
    options = {key: value for key, value in config.items() if key not in MANAGEMENT_KEYS and key not in COMMON_KEYS}
    extra = options.pop("extra_body", None)  # as OpenAI's SDK has it
    if extra is None:
        return options
    if not isinstance(extra, Mapping):
        raise NeuroScriptError(
            ErrorCode.ARG_MISMATCH, f"base_config.extra_body is {type(extra).__name__}; expected a map of options"
        )
    return {**options, **extra}


def text_with_notes(message: Message) -> str:
    """Returns the text of a message with a note for each attachment, for models that read nothing but text."""
    if not message.attachments:
        return message.content
    return " ".join([message.content, *(each.note for each in message.attachments)]).lstrip()


def count_words(*texts: str) -> int:
    """Counts the words of some texts, which are the tokens of the built-in models."""
    return sum(map(len, map(str.split, texts)))
