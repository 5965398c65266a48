"""A host that listens is told of each call and of what happens on the way, and of no key."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from time import time
from typing import Any

import pytest

from ai_wm import AIWorkerManager
from ai_wm.calls.listening import Listening
from ai_wm.logs import CALLS, LIMITS
from neuroscript import Interpreter, NeuroScriptError

ECHO = {
    "name": "echo",
    "provider": "local",
    "model_name": "echo",
    "auth": {"method": "inline", "value": "inline-key-of-somebody"},
    "interaction_models": ["both"],
    "rate_limits": {"max_requests_per_minute": 2},
}


def test_calls_and_refusals_are_told() -> None:
    told: list[tuple[str, Mapping[str, Any]]] = []
    listening = Listening(lambda word, fields: told.append((word, fields)))
    try:
        with AIWorkerManager(on_call=listening.add) as manager:
            manager.add_worker_definition(ECHO)
            began = time()
            manager.execute_stateless_task("echo", "my inline-key-of-somebody")
            manager.execute_stateless_task("echo", "again")
            with pytest.raises(NeuroScriptError):
                manager.execute_stateless_task("echo", "too many")
    finally:
        listening.close()
    assert [word for word, _ in told] == ["asked", "call", "asked", "call", "refused"]
    asked, call = told[0][1], told[1][1]
    assert asked["instance_id"] == call["instance_id"]
    assert (call["worker"], call["model"], call["error"]) == ("echo", "local/echo", "")
    assert (call["input_tokens"], call["duration_ms"] >= 0) == (2, True)
    assert abs(call["time"] - began) < 5
    assert told[-1][1]["worker"] == "echo"


def test_a_listener_that_is_closed_hears_nothing() -> None:
    told: list[str] = []
    before = CALLS.level, LIMITS.level
    listening = Listening(lambda word, fields: told.append(word))
    assert CALLS.isEnabledFor(logging.DEBUG)
    listening.close()
    assert (CALLS.level, LIMITS.level) == before
    with AIWorkerManager() as manager:
        manager.add_worker_definition(ECHO)
        manager.execute_stateless_task("echo", "hello")
    assert told == []


def test_the_service_of_an_interpreter() -> None:
    told: list[str] = []
    with Interpreter(services={"call_listener": lambda word, fields: told.append(word)}) as interpreter:
        interpreter.execute('command\n  ask "hello" into a\nendcommand\n')
    assert told == ["asked", "call"]
