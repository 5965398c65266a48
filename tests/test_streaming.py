"""The event that a host gets of a model's reply, and the way to it for whoever answers ``ask``."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from neuroscript import Interpreter, NeuroScriptError, StreamEvent, ToolContext


def test_an_event_is_a_frozen_dataclass() -> None:
    event = StreamEvent(kind="delta", call_id="1", worker="w", text="piece")
    assert (event.ok, event.code, event.worker_id, event.cost) == (True, 0, "", 0.0)
    assert not StreamEvent(kind="done", call_id="1", worker="w", code=16).ok
    assert event == dataclasses.replace(event)
    assert dataclasses.asdict(event)["text"] == "piece"
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.text = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        StreamEvent("delta", "1", "w")  # type: ignore[call-arg, misc]


def test_where_nobody_listens_there_is_nobody_to_tell() -> None:
    with Interpreter(plugins=False) as interpreter:
        assert interpreter.host_context().on_stream is None


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ValueError("gone"), 21, "the host's stream callback failed: ValueError: gone"),
        (NeuroScriptError(1001, "enough"), 1001, "enough"),
    ],
)
def test_what_the_callback_raises_is_the_error_of_the_ask(error: Exception, code: int, message: str) -> None:
    def on_stream(event: StreamEvent) -> None:
        raise error

    def asker(ctx: ToolContext, who: Any, prompt: str, config: Any, whispered: Any) -> str:
        assert ctx.on_stream is not None
        ctx.on_stream(StreamEvent(kind="delta", call_id="1", worker="w", text=prompt))
        return prompt

    with Interpreter(plugins=False, on_stream=on_stream) as interpreter:
        interpreter.set_asker(asker)
        with pytest.raises(NeuroScriptError) as caught:
            interpreter.execute('command\nask "x" into r\nendcommand')
    assert (int(caught.value.code), caught.value.message) == (code, message)
