"""A call context made by hand, for tools that touch the world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.limits import Limits
from neuroscript.sandbox.protection import Protection
from neuroscript.sandbox.sandbox import Sandbox
from neuroscript.stdlib import standard_registry


@dataclass
class World:
    """What a tool may reach, and what it did with it."""

    sandbox: Path | None = None
    limits: Limits = field(default_factory=Limits)
    environment: Mapping[str, str] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)
    emitted: list[Any] = field(default_factory=list)
    events: list[tuple[str, Any]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    loaded: list[tuple[str, str]] = field(default_factory=list)
    check: Callable[[], None] = lambda: None
    on_stream: None = None

    @property
    def interpreter(self) -> World:
        return self

    @property
    def tools(self) -> Any:
        return standard_registry()

    @property
    def files(self) -> Sandbox:
        if self.sandbox is None:
            raise NeuroScriptError(ErrorCode.CONFIGURATION, "this world has no sandbox")
        return Sandbox(self.sandbox, Protection(), check=self.check)

    def emit(self, value: Any) -> None:
        self.emitted.append(value)

    def emit_event(self, name: str, payload: Any, source: str = "") -> None:
        self.events.append((name, payload))

    def has_handlers(self, name: str) -> bool:
        return True

    def is_reserved_event(self, name: str) -> bool:
        return False

    def prompt(self, text: str) -> str:
        self.emitted.append(text)
        return self.answers.pop(0)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def load(self, source: str, name: str) -> list[str]:
        self.loaded.append((source, name))
        return ["twice"]

    def procedures(self) -> list[dict[str, Any]]:
        return [{"name": "twice", "signature": "twice(needs x)"}]

    def call(self, name: str, *args: Any, **named: Any) -> Any:
        return standard_registry().call(name, *args, context=self, **named)
