"""Parses error reports of providers, in all the shapes that servers and gateways give them.

Gateways wrap what the server behind them said: OpenRouter in ``error.metadata.raw``, LiteLLM in the message, others as
JSON in a text.  The layers are read from the outside in, and all that they say is kept: the reason is mostly inside.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any, Final, Literal

from ai_wm.providers.adapter import ErrorReply

_MESSAGES = ("message", "msg", "detail", "error_msg", "errorMessage", "status_msg", "Message", "error_description")
_KINDS = ("code", "type", "status", "reason", "error_code", "error_type", "errorCode", "status_code", "__type")
# Where the next layer is: of errors, of gateways (metadata.raw, cause), of MiniMax (base_resp), of Azure (innererror),
# also within LiteLLM's (provider_specific_fields), of OpenRouter's earlier attempts (previous_errors).
_INSIDE = (
    "error",
    "errors",
    "message",
    "detail",
    "details",
    "metadata",
    "raw",
    "base_resp",
    "innererror",
    "inner_error",
    "failed_generation",
    "provider_specific_fields",
    "cause",
    "previous_errors",
)
# An error without a wrapping is told from an event that carries nothing by one of these beside its message.
_MARKS = frozenset({"code", "status", "status_code", "statusCode", "error_code", "error_type", "detail", "error_msg"})
_NO_KINDS = frozenset({"error", "errors", "fail", "failed", "none", "null", ""})
# Gateways put an ``error`` into every reply, which says one of these where there is none.
_NO_ERROR = frozenset({"", "none", "null", "false", "0", "200", "ok", "success", "successful", "succeeded", "no error"})
_IN_ERRORS = frozenset({*_MESSAGES, *_KINDS, *_INSIDE})
# MiniMax's words for a prompt or a reply that its filter has stopped.
_FILTERED = re.compile(r"\b(in|out)put new_sensitive\b")
_DEEPEST = 8
_LONGEST = 2000

# The HTTP status that a word for a failure stands for; it counts where the failure comes with a successful status.
_STATUS: Final = {
    "invalid_request_error": 400,
    "invalid_argument": 400,
    "failed_precondition": 400,
    "badrequesterror": 400,
    "authentication_error": 401,
    "unauthenticated": 401,
    "invalid_api_key": 401,
    "billing_error": 402,
    "permission_error": 403,
    "permission_denied": 403,
    "not_found_error": 404,
    "notfounderror": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "ratelimiterror": 429,
    "too_many_requests": 429,
    "resource_exhausted": 429,
    "insufficient_quota": 429,
    "engine_overloaded_error": 429,
    "api_error": 500,
    "server_error": 500,
    "internal_server_error": 500,
    "internal": 500,
    "unavailable": 503,
    "service_unavailable": 503,
    "timeout_error": 504,
    "deadline_exceeded": 504,
    "overloaded_error": 529,
    # Amazon's, from here on
    "validationexception": 400,
    "unrecognizedclientexception": 403,
    "accessdeniedexception": 403,
    "expiredtokenexception": 403,
    "resourcenotfoundexception": 404,
    "modeltimeoutexception": 408,
    "modelerrorexception": 424,
    "modelstreamerrorexception": 424,
    "throttlingexception": 429,
    "modelnotreadyexception": 429,
    "internalserverexception": 500,
    "serviceunavailableexception": 503,
}
_UNITS: Final = {"ms": 0.001, "milli": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_WAIT = re.compile(
    r"(?:try again|retry|available again|wait)(?: (?:in|after|at least|for|about))* "
    r"((?:\d+(?:\.\d+)? ?(?:ms|milliseconds?|s|seconds?|m|minutes?|h|hours?|d|days?)[, ]*)+)",
    re.IGNORECASE,
)
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?) ?(ms|milli|s|m|h|d)", re.IGNORECASE)
_OF_LIMIT = re.compile(r"\blimit:? ([\d,]+)\b[^.]{0,60}?\brequested:? ([\d,]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Layer:
    message: str = ""
    kinds: tuple[str, ...] = ()
    status: int = 0
    wait: float | None = None
    quota: Literal["", "minute", "day"] = ""
    generated: str = ""


def read_error(body: Any) -> ErrorReply:
    """Parses the failure in the JSON of a reply; empty if it reports none."""
    layers = list(_layers(body, 0))
    messages: list[str] = []
    for layer in layers:
        text = layer.message.strip()
        if text and not any(text in known for known in messages):
            messages = [*(known for known in messages if known not in text), text]
    message = ": ".join(messages)
    kinds = dict.fromkeys(kind for layer in layers for kind in layer.kinds)
    wait = next((layer.wait for layer in layers if layer.wait is not None), None)
    filtered = _FILTERED.search(message) is not None
    quotas = {layer.quota for layer in layers}
    return ErrorReply(
        message=message[:_LONGEST],
        kind=" ".join(kinds)[:200],
        status=next((layer.status for layer in layers if layer.status), 0)
        or next((_STATUS[kind.lower()] for kind in kinds if kind.lower() in _STATUS), 0),
        retry_after=wait if wait is not None else wait_in(message),
        final=filtered or "day" in quotas or _can_never_fit(message),
        of_minute="minute" in quotas,
        cause="content_filter" if filtered else "",
        generated=next((layer.generated for layer in layers if layer.generated), ""),
    )


def status_of(word: str) -> int:
    """Returns the HTTP status that a provider's word for a failure stands for; 0 if none is known."""
    return _STATUS.get(word.lower(), 0)


def filtered_words(results: Any) -> str:
    """Returns the categories in which Azure's filters have stopped a text, with their severity; empty for none."""
    if not isinstance(results, dict):
        return ""
    stopped = [(name, found) for name, found in results.items() if isinstance(found, dict) and found.get("filtered")]
    words = [f"{name} ({found['severity']})" if found.get("severity") else str(name) for name, found in stopped]
    return f"filtered for {', '.join(words)}"[:_LONGEST] if words else ""


def reports_error(body: Mapping[str, Any], content: Collection[str] = ()) -> bool:
    """Tells whether the JSON of a successful reply reports a failure, alone or beside other content.

    Args:
        body: the JSON.
        content: the keys of which a reply or an event has at least one; with none of them, an error without a wrapping
            counts too.
    """
    if says_error(body.get("error")) or says_error(body.get("errors")):
        return True
    base = body.get("base_resp")  # MiniMax
    if isinstance(base, dict) and base.get("status_code") not in (None, 0):
        return True
    kind = body.get("type")
    if body.get("object") == "error" or (isinstance(kind, str) and (kind == "error" or kind.endswith("_error"))):
        return True
    if not content or any(body.get(key) is not None for key in content):
        return False
    return not body.keys().isdisjoint(_MARKS) and bool(read_error(body).message)


def says_error(value: Any, depth: int = 0) -> bool:
    """Tells whether the ``error`` of a reply says anything: gateways give an empty one, or one of success."""
    if value is None:  # mostly
        return False
    if depth > _DEEPEST:
        return True
    if isinstance(value, dict):
        known = [given for key, given in value.items() if key in _IN_ERRORS]
        return any(says_error(given, depth + 1) for given in known or value.values())
    if isinstance(value, list):
        return any(says_error(given, depth + 1) for given in value)
    if isinstance(value, str):
        return value.strip().lower() not in _NO_ERROR
    return value not in (False, 0, 200)


def wait_in(message: str) -> float | None:
    """Reads the seconds to wait from a message (``Please try again in 7m12.5s``), if it names any."""
    found = _WAIT.search(message)
    if not found:
        return None
    return sum(float(number) * _UNITS[unit.lower()] for number, unit in _AMOUNT.findall(found[1]))


def readable(text: str) -> str:
    """Returns readable text of a body that is not JSON; of an HTML page, its title or visible text."""
    if not re.match(r"\s*(<!doctype|<html|<head|<body|<\?xml)", text, re.IGNORECASE):
        return text
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    shown = title[1] if title and title[1].strip() else re.sub(r"(?s)<(script|style).*?</\1>|<[^>]*>", " ", text)
    return f"an HTML page: {' '.join(unescape(shown).split())}"


def _layers(value: Any, depth: int) -> Iterator[_Layer]:
    if depth > _DEEPEST:
        return
    if isinstance(value, str):
        inner = _json_in(value)
        if inner is not None:
            yield from _layers(inner, depth + 1)
        elif value.strip():
            yield _Layer(message=value)
    elif isinstance(value, list):
        for item in value[:5]:
            yield from _layers(item, depth + 1)
    elif isinstance(value, dict):
        yield from _layers_of_map(value, depth)


def _layers_of_map(value: Mapping[str, Any], depth: int) -> Iterator[_Layer]:
    kinds, status = _kinds_of(value)
    message = next((value[key] for key in _MESSAGES if isinstance(value.get(key), str) and value[key].strip()), "")
    if _json_in(message) is not None:
        message = ""  # it comes as a layer of its own
    place = value.get("loc")
    if message and isinstance(place, list):  # FastAPI
        message = f"{'.'.join(map(str, place))}: {message}"
    provider = value.get("provider_name")
    if isinstance(provider, str) and provider:
        message = message or f"from {provider}"
    yield _Layer(message, kinds, status, _wait_of(value), _quota_of(value), _generated_in(value, kinds))
    yield from _layers_of_violations(value.get("fieldViolations"))
    filtered = filtered_words(value.get("content_filter_result") or value.get("content_filter_results"))
    if filtered:
        yield _Layer(filtered)
    for key in _INSIDE:
        inner = value.get(key)
        if isinstance(inner, dict | list) or (isinstance(inner, str) and (key not in _MESSAGES or _json_in(inner))):
            yield from _layers(inner, depth + 1)


def _layers_of_violations(violations: Any) -> Iterator[_Layer]:
    """What Google's ``BadRequest`` says of single fields."""
    for each in violations[:5] if isinstance(violations, list) else ():
        said = each.get("description") if isinstance(each, dict) else None
        if isinstance(said, str) and said.strip():
            field = each.get("field")
            yield _Layer(f"{field}: {said}" if isinstance(field, str) and field else said)


def _generated_in(value: Mapping[str, Any], kinds: Collection[str]) -> str:
    """The answer that Groq has not delivered, since it is not the JSON asked for."""
    given = value.get("failed_generation")
    return given if isinstance(given, str) and "json_validate_failed" in kinds else ""


def _kinds_of(value: Mapping[str, Any]) -> tuple[tuple[str, ...], int]:
    kinds: list[str] = []
    status = 0
    for key in _KINDS:
        word = value.get(key)
        if isinstance(word, str) and word.isdecimal() and len(word) < 9:
            word = int(word)
        if type(word) is int and 400 <= word < 600:
            status = status or word
        elif isinstance(word, str) and word.lower() not in _NO_KINDS and len(word) <= 80:
            kinds.append(word)
        elif type(word) is int and word and not -1 <= word <= 1 and not 200 <= word < 400:
            kinds.append(str(word))  # a provider's own number
    return tuple(kinds), status


def _json_in(text: str) -> Any:
    """The JSON object or list in a text, alone or after a few words (``Error code: 400 - {…}``)."""
    start = min((place for place in (text.find("{"), text.find("[{")) if place >= 0), default=-1)
    if start < 0 or len(text) > 200_000:
        return None
    try:
        found, _ = json.JSONDecoder(strict=False).raw_decode(text[start:])
    except (ValueError, RecursionError):
        return None
    first = found[0] if isinstance(found, list) and found else found
    if not isinstance(first, dict) or first.keys().isdisjoint((*_MESSAGES, *_INSIDE, "code")):
        return None
    return [text[:start].strip(" -:\n"), found] if text[:start].strip() else found


def _wait_of(value: Mapping[str, Any]) -> float | None:
    delay = re.fullmatch(r"(\d+(?:\.\d+)?)s", str(value.get("retryDelay", "")))  # google.rpc.RetryInfo
    if delay:
        return float(delay[1])
    seconds = value.get("retry_after", value.get("retry_after_seconds"))
    if type(seconds) in (int, float) and 0 <= seconds < 10**7:
        return float(seconds)
    headers = value.get("headers")
    if isinstance(headers, dict):  # OpenRouter's metadata; the time is in milliseconds since 1970
        known = {str(name).lower(): str(given) for name, given in headers.items()}
        reset = known.get("x-ratelimit-reset", "")
        if re.fullmatch(r"\d{13}", reset):
            return max(0.0, int(reset) / 1000 - time.time())
        if re.fullmatch(r"\d{1,6}(\.\d+)?", known.get("retry-after", "")):
            return float(known["retry-after"])
    return None


def _quota_of(value: Mapping[str, Any]) -> Literal["", "minute", "day"]:
    """The time of the quotas in Google's ``QuotaFailure``: waiting is not worthwhile for a daily one, or one of 0."""
    violations = value.get("violations")
    found = [each for each in violations if isinstance(each, dict)] if isinstance(violations, list) else []
    named = [str(each.get("quotaId", "")) for each in found]
    if any("PerDay" in name for name in named) or any(str(each.get("quotaValue")) == "0" for each in found):
        return "day"
    return "minute" if any("PerMinute" in name or "PerSecond" in name for name in named) else ""


def _can_never_fit(message: str) -> bool:
    """Whether a single request exceeds a limit of tokens, so that no wait helps."""
    found = _OF_LIMIT.search(message)
    if not found:
        return False
    limit, requested = (int(number.replace(",", "") or 0) for number in found.groups())
    return requested > limit > 0
