"""Lists of models: asks a provider's API which models it has, page by page.

Written after the API references of OpenAI, Anthropic, Google and Ollama, and what Groq, OpenRouter, Together, Mistral,
vLLM, LM Studio and llama.cpp add to OpenAI's form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from ai_wm.data.bounds import MOST_TOKENS, short
from ai_wm.data.headers import headers_of, key_header_of, secret_texts
from ai_wm.data.settings import DEFAULT_RETRIES
from ai_wm.keys import Secret, redact
from ai_wm.keys.clouds import CloudKey
from ai_wm.providers.adapter import Adapter, BadReply, StreamError, expect_list, expect_map
from ai_wm.providers.base import LLMRequest, ModelInfo
from ai_wm.providers.clouds import proof_of
from ai_wm.providers.endpoints import ADAPTERS, joined, shown
from ai_wm.providers.error_bodies import reports_error
from ai_wm.providers.errors import AttemptFailed, as_error, from_reply
from ai_wm.providers.options import number, timeout_seconds
from ai_wm.providers.retry import Attempts
from ai_wm.providers.transport import Transport
from ai_wm.providers.wire_http import broken_promise, json_of, key_field, refusal, said_in
from neuroscript import ErrorCode, NeuroScriptError

MOST_MODELS: Final = 10_000
"""Models that one list may hold; the longest of today have some hundreds."""

MOST_PAGES: Final = 100
_LONGEST_CURSOR: Final = 2000
_PAGE_SIZE: Final = 1000
"""The largest page that Anthropic and Google give."""

_NO_LIST: Final = frozenset({404, 405, 501})
"""The answers of a server that has no list of models."""


_ELSEWHERE: Final = {
    "azure": "see the deployments of the resource with `az cognitiveservices account deployment list`",
    "bedrock": "see its models with `aws bedrock list-foundation-models` and `aws bedrock list-inference-profiles`",
    "vertex": "see the models in the project's Model Garden",
}
"""The clouds, whose addresses for calls have no list of what can be asked there, each with where to find it."""


@dataclass(frozen=True, slots=True)
class _Format:
    """The form of one API's list.

    Args:
        path: where it is, below the base address.
        query: the query for the first page.
        headers: what has to be sent for it, besides the key.
        models: reads the models of a page.
        after: what the query for the next page says in addition, by the page that came; empty after the last one.
    """

    path: str
    models: Callable[[Any], Iterator[ModelInfo]]
    after: Callable[[dict[str, Any]], str]
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def read_models(
    request: LLMRequest,
    adapter: Adapter,
    addresses: Sequence[str],
    transport: Transport,
    environ: Mapping[str, str] | None = None,
) -> list[ModelInfo]:
    """Returns the models of a provider, in the order of their names.

    Args:
        request: names the provider, its configuration and its key; ``timeout_seconds`` holds for all pages together.
        adapter: the provider's wire format, for the header of the key and for error reports.
        addresses: the base addresses to try.
        transport: sends the requests.
        environ: the variables; by default the process's own.

    Raises:
        NeuroScriptError: 35 where the API has no list of models; 10 where the key may not be sent to it; 16, 18, 20, 31
            and 45 as for a call.
    """
    if request.provider in _ELSEWHERE:
        raise NeuroScriptError(
            ErrorCode.NOT_IMPLEMENTED,
            f"the provider {request.provider!r} has no list of the models that can be asked; "
            f"{_ELSEWHERE[request.provider]}",
            details={"provider": request.provider},
        )
    reading = _Reading(request, adapter, addresses, transport, environ)
    while True:
        reading.attempts.begin()
        try:
            return reading.all()
        except AttemptFailed as error:
            failure = error
        except StreamError as error:
            failure = from_reply(200, error.reply, reading.secrets)
        except BadReply as error:
            failure = broken_promise(error, reading.body, reading.secrets, reading.asked)
        if not reading.attempts.again(failure):
            where = f"the list of models of {request.provider} at {reading.asked}"
            names = {"provider": request.provider, "address": reading.asked}
            raise as_error(failure, reading.attempts.made, reading.secrets, where, **names)


class _Reading:
    """One list that is being read."""

    def __init__(
        self,
        request: LLMRequest,
        adapter: Adapter,
        addresses: Sequence[str],
        transport: Transport,
        environ: Mapping[str, str] | None,
    ) -> None:
        config = request.config
        self.attempts = Attempts(
            timeout_seconds(config), int(number(config, "max_retries", DEFAULT_RETRIES)), request.check
        )
        self.asked = ""
        self.body = b""
        self._request = request
        self._adapter = adapter
        self._transport = transport
        self._environ = environ
        self._format = _FORMATS[ADAPTERS[request.provider]]
        self._urls = list(addresses)
        self._headers = {**self._format.headers, **headers_of(config)}
        self._key: Secret | None = None

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The keys sent to the server, which may repeat them."""
        own = (*map(Secret, secret_texts(self._headers)),)
        return own if self._key is None else (self._key, *own)

    def all(self) -> list[ModelInfo]:
        """Reads all pages."""
        found: dict[str, ModelInfo] = {}
        query, asked = self._format.query, set[str]()
        while len(asked) < MOST_PAGES:
            asked.add(query)
            page = self._page(query)
            models = list(self._format.models(page))
            if models and not any(model.id for model in models):
                raise BadReply("the list has no model with a name")
            for model in models:
                name = short(redact(model.id, self.secrets))
                if name:
                    found.setdefault(name, replace(model, id=name))
                if len(found) > MOST_MODELS:
                    raise BadReply(f"it lists more than {MOST_MODELS} models", final=True)
            after = self._format.after(page) if isinstance(page, dict) else ""
            query = "&".join(part for part in (self._format.query, after) if part)
            if not after or query in asked:  # a server that gives the same page for ever has no more
                return sorted(found.values(), key=lambda model: model.id)
        raise BadReply(f"it has more than {MOST_PAGES} pages", final=True)

    def _page(self, query: str) -> Any:
        """Reads one page, at the first of the addresses that has it."""
        path = f"{self._format.path}?{query}" if query else self._format.path
        while True:
            url = joined(self._urls[0], path)
            headers = dict(self._headers)
            self._key = key = self._request.key_for(url)
            if isinstance(key, CloudKey):
                headers |= proof_of(key, self._request, url, None, self._environ)
            elif key:
                own = self._adapter.key_header, self._adapter.key_prefix
                name, prefix = key_header_of(self._request.config) or own
                headers[name] = key_field(prefix, key)
            self.asked, self.body = shown(self._urls[0], self._format.path), b""
            with self._transport.send(url, headers, None, self.attempts) as reply:
                if 200 <= reply.status < 300:
                    self.body = reply.body()
                    page = json_of(self.body)
                    if isinstance(page, dict) and reports_error(page):
                        raise StreamError(self._adapter.parse_error(page))
                    return page
                said = said_in(self._adapter, reply, self.secrets)
                if reply.status not in _NO_LIST:
                    raise refusal(self._adapter, reply, said, self.secrets, self.asked)
            if len(self._urls) == 1:
                message = f"the server has none (status {reply.status})"
                raise AttemptFailed(ErrorCode.NOT_IMPLEMENTED, message, details={"status": reply.status})
            del self._urls[0]


# --- the forms of the APIs ---


def _chat_models(page: Any) -> Iterator[ModelInfo]:
    items = page if isinstance(page, list) else expect_list(expect_map(page, "the list").get("data"), "data")
    for item in _items(items):
        inner = item.get("top_provider"), item.get("meta")  # of OpenRouter, and of llama.cpp
        top, meta = (each if isinstance(each, dict) else {} for each in inner)
        context = ("context_length", "context_window", "max_model_len", "max_context_length", "max_input_tokens")
        output = ("max_output_tokens", "max_completion_tokens", "max_output_length")
        yield ModelInfo(
            id=_name(item, "id", "name"),
            context_length=_count(item, *context) or _count(meta, "n_ctx", "n_ctx_train"),
            max_output_tokens=_count(item, *output) or _count(top, "max_completion_tokens"),
            created=_moment(item.get("created")) or _moment(item.get("created_at")),
        )


def _chat_after(page: dict[str, Any]) -> str:
    if page.get("has_more") is not True:
        return ""
    last = next((item.get("id") for item in reversed(_items(page["data"]))), None)
    return _cursor("after", page.get("last_id") or last)


def _anthropic_models(page: Any) -> Iterator[ModelInfo]:
    for item in _items(expect_list(expect_map(page, "the list").get("data"), "data")):
        yield ModelInfo(
            id=_name(item, "id"),
            context_length=_count(item, "max_input_tokens"),
            max_output_tokens=_count(item, "max_tokens"),
            created=_moment(item.get("created_at")),
        )


def _anthropic_after(page: dict[str, Any]) -> str:
    return _cursor("after_id", page.get("last_id")) if page.get("has_more") is True else ""


def _google_models(page: Any) -> Iterator[ModelInfo]:
    # A last page without models has no such field.
    for item in _items(expect_list(expect_map(page, "the list").get("models", []), "models")):
        yield ModelInfo(
            id=_name(item, "name").removeprefix("models/"),
            context_length=_count(item, "inputTokenLimit"),
            max_output_tokens=_count(item, "outputTokenLimit"),
        )


def _google_after(page: dict[str, Any]) -> str:
    return _cursor("pageToken", page.get("nextPageToken"))


def _ollama_models(page: Any) -> Iterator[ModelInfo]:
    for item in _items(expect_list(expect_map(page, "the list").get("models") or [], "models")):
        details = item.get("details")
        yield ModelInfo(
            id=_name(item, "model", "name"),
            context_length=_count(details, "context_length") if isinstance(details, dict) else None,
            created=_moment(item.get("modified_at")),
        )


_FORMATS: Final = {
    "anthropic": _Format(
        "v1/models", _anthropic_models, _anthropic_after, f"limit={_PAGE_SIZE}", {"anthropic-version": "2023-06-01"}
    ),
    "google": _Format("v1beta/models", _google_models, _google_after, f"pageSize={_PAGE_SIZE}"),
    "ollama": _Format("api/tags", _ollama_models, lambda page: ""),
    "openai": _Format("models", _chat_models, _chat_after),
}


def _cursor(name: str, value: Any) -> str:
    """A parameter of the query for the next page; empty where there is none."""
    return f"{name}={quote(value, safe='')}" if isinstance(value, str) and 0 < len(value) <= _LONGEST_CURSOR else ""


def _items(values: list[Any]) -> list[dict[str, Any]]:
    """The items of a list that may be models; a server's slip in one is no reason to hide the others.

    Raises:
        BadReply: there are items, and none may be.
    """
    found = [value for value in values if isinstance(value, dict)]
    if values and not found:
        expect_map(values[0], "a model in the list")
    return found


def _name(item: Mapping[str, Any], *names: str) -> str:
    """The first of some fields that holds a text; empty if none does."""
    found = (item.get(name) for name in names)
    return next((text.strip() for text in found if isinstance(text, str) and text.strip()), "")


def _count(item: Mapping[str, Any], *names: str) -> int | None:
    """The first of some fields that holds a number of tokens; what a server says beyond reason is left out."""
    return next(_counts(item.get(name) for name in names), None)


def _counts(values: Iterable[Any]) -> Iterator[int]:
    return (value for value in values if type(value) is int and 0 < value <= MOST_TOKENS)


def _moment(value: Any) -> str:
    """A moment in RFC 3339, from seconds since 1970 or a text; empty if it is none, for which the epoch stands too."""
    try:
        if type(value) in (int, float):
            moment = datetime.fromtimestamp(value, UTC)
        elif isinstance(value, str) and len(value) <= 40:
            moment = datetime.fromisoformat(value)
        else:
            return ""
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment.year > 1970 else ""
