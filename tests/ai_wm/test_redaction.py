"""No part of a key comes out: not in a text, an error, its details or causes, a record, an event, a log line.

A server, or a client that a host wrote, repeats the key that it was sent, wholly or in part, in some spelling and at
some place.  Whatever comes out is read in every way that is known.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ai_wm import AIWorkerManager, LLMRequest
from ai_wm.data.types import MASK
from ai_wm.keys import Secret, redact, redact_error
from ai_wm.providers.errors import cut
from neuroscript import ErrorCode, NeuroScriptError
from tests.ai_wm.helpers import Answers, worker
from tests.ai_wm.providers.support import REMOTE, error_of
from tests.ai_wm.redaction import SPELLINGS, echoes, readable

KEY = "sk-proj-Zm9v+YmFy/cXV4_0123456789abcdefghij=="


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_whole_key_is_recognised_in_every_spelling(spelling: str) -> None:
    text = f"before {SPELLINGS[spelling](KEY)} after"
    assert readable(text, KEY)
    masked = redact(text, [Secret(KEY)])
    assert readable(masked, KEY) is None
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert MASK in masked


@given(echoes(), st.sampled_from([10, 40, 200, 500]))
@settings(max_examples=400, deadline=None)
def test_nothing_of_a_key_can_be_read_in_a_redacted_text_cut_or_not(echo: tuple[str, str], length: int) -> None:
    key, text = echo
    assert readable(redact(text, [Secret(key)]), key) is None
    assert readable(cut(text, [Secret(key)], length), key) is None


@given(st.text(max_size=60), st.text(min_size=8, max_size=40))
def test_a_text_without_the_key_stays_as_it_is(text: str, key: str) -> None:
    if readable(text, key) is None:
        assert redact(text, [Secret(key)]) == text


def test_what_stands_about_a_masked_part_shows_nothing_either() -> None:
    secret = Secret("abcdefgh***ijklmnop")
    assert redact("abcdefgh" + secret.get() + "ijklmnop", [secret]) == MASK


def test_short_keys_are_recognised_as_a_whole() -> None:
    assert redact("none but nobody", [Secret("none")]) == f"{MASK} but nobody"
    assert redact("a b", [Secret("a"), Secret("b")]) == f"{MASK} {MASK}"
    assert redact("text", [Secret("")]) == "text"


def test_maps_lists_and_objects_are_redacted_at_any_depth() -> None:
    class Shows:
        def __repr__(self) -> str:
            return f"Shows({KEY})"

    silent, secret = object(), Secret(KEY)
    value = {"a": [f"x {KEY}", (KEY, 1, None, 2.5, True)], KEY: Shows(), "bytes": KEY.encode(), "silent": silent}
    assert redact(value, [secret]) == {
        "a": [f"x {MASK}", (MASK, 1, None, 2.5, True)],
        MASK: f"Shows({MASK})",
        "bytes": f"b'{MASK}'",
        "silent": silent,
    }


def test_an_error_that_shows_no_key_keeps_its_causes() -> None:
    error, cause = NeuroScriptError(ErrorCode.LLM_ERROR, "failed"), ValueError("harmless")
    error.__cause__ = cause
    assert redact_error(error, [Secret(KEY)]) is error
    assert error.__cause__ is cause


# --- every way out of a call ---


def everything_of(error: BaseException) -> str:
    """An error with all that is chained to it, as any program may show it."""
    parts = ["".join(traceback.format_exception(error))]
    link: BaseException | None = error
    while link is not None:
        parts += [str(link), repr(link), json.dumps(getattr(link, "details", {}), default=repr)]
        parts += map(str, getattr(link, "__notes__", ()))
        link = link.__cause__ or link.__context__
    return "\n".join(parts)


class Kept(logging.Handler):
    """Keeps every line that is logged."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def all_that_comes_out(manager: AIWorkerManager) -> str:
    """What a task, a batch and a turn of the worker ``w`` show: errors, records, events, states, log lines."""
    seen: list[str] = []
    logged = Kept()
    manager.on_event(lambda name, payload: seen.append(json.dumps(payload, default=repr)))
    log = logging.getLogger("ai_wm")
    level = log.level
    log.addHandler(logged)
    log.setLevel(logging.DEBUG)
    try:
        instance = manager.spawn_worker_instance("w").instance_id
        for call in (
            lambda: manager.execute_stateless_task("w", "hi"),
            lambda: manager.execute_stateless_task("w", "hi", on_stream=lambda event: None),
            lambda: manager.conversation(instance).ask("hi"),
            lambda: manager.execute_stateless_task("falls-back", "hi"),
        ):
            try:
                call()
            except NeuroScriptError as error:
                seen.append(everything_of(error))
        seen.append(repr(manager.get_worker_instance(instance)))
        seen += map(repr, manager.execute_batch("w", ["a", "b"]))
        for name in ("w", "falls-back"):
            seen += map(json.dumps, manager.performance_record_maps(name))
    finally:
        log.removeHandler(logged)
        log.setLevel(level)
    assert len(seen) > 12
    return "\n".join([*seen, *logged.lines])


Server = Callable[[str, str], httpx.Response]
"""Gives a reply that repeats a text, as the provider named would."""

SERVERS: dict[str, Server] = {
    "an error's message": lambda provider, text: httpx.Response(400, json=error_of(provider, text)),
    "an error's kind": lambda provider, text: httpx.Response(429, json=error_of(provider, "no", text)),
    "a body that is no JSON": lambda provider, text: httpx.Response(500, text=text),
    "a page": lambda provider, text: httpx.Response(200, text=f"<html>{text}", headers={"content-type": "text/html"}),
    "a reply of another shape": lambda provider, text: httpx.Response(
        200, json={"choices": text, "content": text, "candidates": text, "message": text}
    ),
    "an error in a successful reply": lambda provider, text: httpx.Response(200, json=error_of(provider, text)),
    "a header": lambda provider, text: httpx.Response(
        400, json=error_of(provider, "no"), headers={"x-request-id": ascii(text), "request-id": ascii(text)}
    ),
}


@pytest.mark.parametrize("server", SERVERS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(provider=st.sampled_from(REMOTE), echo=echoes())
@example(provider="openai", echo=(KEY, "." * 167 + SPELLINGS["base64 standard, 0 before, 0 after"](KEY)))
def test_nothing_of_a_key_comes_out_of_a_servers_reply(server: str, provider: str, echo: tuple[str, str]) -> None:
    key, text = echo
    transport = httpx.MockTransport(lambda request: SERVERS[server](provider, text))
    with AIWorkerManager(environ={"KEY": key}, transport=transport) as manager:
        add_workers(manager, provider)
        assert readable(all_that_comes_out(manager), key) is None


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(echo=echoes(), streamed=st.booleans())
@example(echo=(KEY, "." * 250 + KEY), streamed=False)
def test_nothing_of_a_key_comes_into_the_record_of_a_successful_call(echo: tuple[str, str], streamed: bool) -> None:
    key, text = echo
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "delta": message, "finish_reason": "stop"}
    body: dict[str, Any] = {"id": text, "model": text, "choices": [choice]}
    events = f"data: {json.dumps(body)}\n\ndata: [DONE]\n\n".encode()
    reply = (
        httpx.Response(200, content=events, headers={"content-type": "text/event-stream"})
        if streamed
        else httpx.Response(200, json=body)
    )
    told: list[str] = []
    with AIWorkerManager(environ={"KEY": key}, transport=httpx.MockTransport(lambda request: reply)) as manager:
        manager.on_event(lambda name, payload: told.append(json.dumps(payload)))
        add_workers(manager, "openai")
        stream = (lambda event: None) if streamed else None
        assert manager.execute_stateless_task("w", "hi", on_stream=stream).output == text
        (record,) = manager.performance_record_maps("w")
    assert (record["success"], len(told)) == (True, 1)
    assert readable(json.dumps(record, ensure_ascii=False), key) is None
    assert readable(told[0], key) is None


def add_workers(manager: AIWorkerManager, provider: str) -> None:
    auth = {"method": "env_var", "value": "KEY"}
    config = {"base_url": "http://127.0.0.1:1", "max_retries": 0}
    manager.add_worker_definition(worker("w", provider=provider, auth=auth, base_config=config))
    manager.add_worker_definition(
        worker("falls-back", provider=provider, auth=auth, base_config={**config, "fallbacks": ["w", "echo"]})
    )
    manager.add_worker_definition(worker("echo"))


def _raise(error: BaseException, cause: BaseException | None = None) -> None:
    raise error from cause


def _raise_in_a_handler(text: str) -> None:
    try:
        raise ValueError(text)
    except ValueError:
        raise NeuroScriptError(ErrorCode.LLM_ERROR, "it failed")  # noqa: B904 - the context is what is tested


def _raise_with_a_note(text: str) -> None:
    error = NeuroScriptError(ErrorCode.LLM_ERROR, "it failed")
    error.add_note(text)
    raise error


CLIENTS: dict[str, Callable[[str], object]] = {
    "a message": lambda text: _raise(NeuroScriptError(ErrorCode.LLM_ERROR, text)),
    "details": lambda text: _raise(
        NeuroScriptError(ErrorCode.TIMEOUT, "it failed", details={"body": [{"error": text}], "bytes": text.encode()})
    ),
    "another library's error": lambda text: _raise(ValueError(text)),
    "a cause": lambda text: _raise(NeuroScriptError(ErrorCode.LLM_ERROR, "it failed"), OSError(text)),
    "a context": _raise_in_a_handler,
    "a note": _raise_with_a_note,
}


@pytest.mark.parametrize("how", CLIENTS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(echo=echoes())
def test_nothing_of_a_key_comes_out_of_a_hosts_own_client(how: str, echo: tuple[str, str]) -> None:
    key, text = echo

    def fail(request: LLMRequest) -> str:
        assert request.api_key is not None
        CLIENTS[how](text)
        return "not reached"

    with AIWorkerManager(environ={"KEY": key}, clients={"openai": Answers(fail)}) as manager:
        add_workers(manager, "openai")
        assert readable(all_that_comes_out(manager), key) is None
