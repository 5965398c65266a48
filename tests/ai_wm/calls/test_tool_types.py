"""Tools with Python types, called by a worker's model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from ai_wm import AIWorkerManager, ToolHost
from neuroscript import Interpreter, TimeDate
from tests.ai_wm.helpers import Answers, scripted, worker


class Line(BaseModel):
    item: str
    qty: int = Field(ge=1, description="how many")


class Receipt(BaseModel):
    total: Decimal
    due: date


@pytest.fixture
def interpreter() -> Iterator[Interpreter]:
    with Interpreter(plugins=False) as made:

        @made.tool("shop.Buy")
        def buy(lines: list[Line], when: datetime, size: Literal["s", "l"] = "s") -> Receipt:
            """Buy things.

            Args:
                when: when to deliver.
            """
            assert all(isinstance(line, Line) for line in lines)
            return Receipt(total=sum((line.qty for line in lines), Decimal("0.5")), due=when.date() + timedelta(days=1))

        @made.tool("shop.At")
        def at(when: TimeDate) -> str:
            return str(when)

        yield made


def results(interpreter: Interpreter, *arguments: dict[str, Any]) -> list[str]:
    """What the model gets back from its calls."""
    host = ToolHost(interpreter.tools, interpreter.policy, interpreter.host_context())
    calls = [{"name": "shop__Buy", "arguments": each} for each in arguments]
    with AIWorkerManager(tools=host) as manager:
        manager.add_worker_definition(scripted("w", [{"tool_calls": calls}, "done"], tool_allowlist=["shop.*"]))
        conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
        assert conversation.ask("go") == "done"
        return [message.content for message in conversation.history if message.role == "tool"]


def test_a_model_writes_json_and_the_function_gets_objects(interpreter: Interpreter) -> None:
    lines = [{"item": "tea", "qty": 2}, {"item": "cup", "qty": 1}]
    (result,) = results(interpreter, {"lines": lines, "when": "2026-01-31T12:00:00Z", "size": "l"})
    assert json.loads(result) == {"total": 3.5, "due": "2026-02-01T00:00:00Z"}


def test_a_model_is_told_what_is_wrong(interpreter: Interpreter) -> None:
    when = "2026-01-31T12:00:00Z"
    wrong = results(
        interpreter, {"lines": [{"item": "tea", "qty": 0}], "when": when}, {"lines": [], "when": 5, "size": "m"}
    )
    assert wrong == [
        (
            "error 4 (ARG_MISMATCH): tool.shop.Buy: argument 1 (lines) is not a valid list of Line: [0].qty: must be "
            "at least 1, not number 0; usage: tool.shop.Buy(lines, when, size?)"
        ),
        (
            "error 4 (ARG_MISMATCH): tool.shop.Buy: argument 2 (when) must be a date and time such as "
            "2026-01-31T12:00:00Z, not number 5; usage: tool.shop.Buy(lines, when, size?)"
        ),
    ]


def test_a_model_is_offered_the_whole_schema(interpreter: Interpreter) -> None:
    client = Answers()
    with AIWorkerManager(clients={"openai": client}) as manager:
        manager.add_worker_definition(worker("w", provider="openai", tool_allowlist=["shop.*"]))
        manager.execute_stateless_task("w", "hello", tools=ToolHost(interpreter.tools))
    (offered,) = client.requests[0].tools  # a value of the language's own type is nothing that a model can write
    assert offered.name == "shop__Buy"
    assert offered.parameters == {
        "type": "object",
        "properties": {
            "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
            "when": {"type": "string", "format": "date-time", "description": "when to deliver."},
            "size": {"type": "string", "enum": ["s", "l"], "default": "s"},
        },
        "required": ["lines", "when"],
        "additionalProperties": False,
        "$defs": {
            "Line": {
                "title": "Line",
                "type": "object",
                "properties": {
                    "item": {"type": "string"},
                    "qty": {"type": "integer", "minimum": 1, "description": "how many"},
                },
                "required": ["item", "qty"],
            }
        },
    }
