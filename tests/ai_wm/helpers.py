"""What the tests of the manager share: definitions, a clock, clients that a test steers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ai_wm import AIWorkerManager, Delta, LLMRequest, LLMResponse, Usage
from neuroscript import Interpreter, NeuroScriptError

Run = Callable[..., Any]
"""Runs the body of a procedure; the fixture ``run``."""


def manager_of(interpreter: Interpreter) -> AIWorkerManager:
    return interpreter.services["ai_wm"]  # type: ignore[no-any-return]


@contextmanager
def raises_code(code: int, match: str | None = None) -> Iterator[pytest.ExceptionInfo[NeuroScriptError]]:
    """Expects a `NeuroScriptError` of this code in the block."""
    with pytest.raises(NeuroScriptError, match=match) as error:
        yield error
    assert int(error.value.code) == code, str(error.value)


def worker(name: str = "w", **fields: Any) -> dict[str, Any]:
    """A definition on the built-in echo model, for conversations and tasks."""
    return {
        "name": name,
        "provider": "local",
        "model_name": "echo",
        "auth": {"method": "none"},
        "interaction_models": ["both"],
        **fields,
    }


def scripted(name: str, replies: list[Any], **fields: Any) -> dict[str, Any]:
    """A definition on the built-in scripted model."""
    config = {"replies": replies, **fields.pop("base_config", {})}
    return worker(name, model_name="scripted", base_config=config, **fields)


class FakeClock:
    """Seconds since 1970 that a test moves."""

    def __init__(self, seconds: float = 1_750_000_000.0) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


class Answers:
    """A client that answers with a function, and keeps the requests."""

    def __init__(self, answer: Callable[[LLMRequest], Any] = lambda request: "yes") -> None:
        self.answer = answer
        self.requests: list[LLMRequest] = []

    def complete(self, request: LLMRequest) -> LLMResponse:
        self.requests.append(request)
        given = self.answer(request)
        if isinstance(given, LLMResponse):
            return given
        return LLMResponse(
            text=given, finish_reason="stop", usage=Usage(input_tokens=10, output_tokens=5), model=request.model
        )

    def stream(self, request: LLMRequest) -> Iterator[Delta]:
        response = self.complete(request)
        for piece in response.text.split(" "):
            yield Delta(text=piece)
        yield Delta(response=response)


class Gate:
    """A client whose calls wait until the test lets them through."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.open = threading.Event()
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()

    def complete(self, request: LLMRequest) -> LLMResponse:
        with self._lock:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        self.entered.release()
        assert self.open.wait(10)
        with self._lock:
            self._now -= 1
        usage = Usage(input_tokens=1, output_tokens=1)
        return LLMResponse(text=request.messages[-1].content, finish_reason="stop", usage=usage, model=request.model)

    def stream(self, request: LLMRequest) -> Iterator[Delta]:
        yield Delta(response=self.complete(request))
