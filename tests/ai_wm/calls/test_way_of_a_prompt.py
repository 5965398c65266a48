"""The way of a prompt from the manager to the network: short enough to be read in one go."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ai_wm import AIWorkerManager
from ai_wm.providers.http1 import DirectConnection
from tests.ai_wm.helpers import worker
from tests.ai_wm.providers import loopback
from tests.ai_wm.providers.support import body_of, stream_of, stream_type

MOST_FRAMES = 10
MOST_MODULES = 6


class Way:
    """The frames of this project on the stack at the moment at which a request leaves it."""

    def __init__(self) -> None:
        self.frames: list[tuple[str, str]] = []

    def look(self) -> None:
        frame = sys._getframe(1)
        found = []
        while frame is not None:
            module = frame.f_globals.get("__name__", "")
            if module.partition(".")[0] in ("ai_wm", "neuroscript"):
                found.append((module, frame.f_code.co_qualname))
            frame = frame.f_back  # type: ignore[assignment]
        self.frames = found[::-1]

    def check(self, start: str) -> None:
        assert self.frames[0][1] == start, self.frames
        assert len(self.frames) <= MOST_FRAMES, self.frames
        assert len({module for module, _ in self.frames}) <= MOST_MODULES, self.frames
        assert ("ai_wm.calls.runner", "Runner.run") in self.frames


@pytest.fixture
def server() -> Iterator[loopback.Loopback]:
    with loopback.serve() as running:
        yield running


def over_a_hosts_transport(
    way: Way, server: loopback.Loopback, monkeypatch: pytest.MonkeyPatch
) -> httpx.BaseTransport | None:
    class Watched(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            way.look()
            return super().handle_request(request)

    return Watched()


def over_connections_of_our_own(
    way: Way, server: loopback.Loopback, monkeypatch: pytest.MonkeyPatch
) -> httpx.BaseTransport | None:
    send = DirectConnection.send

    def watched(self: DirectConnection, request: httpx.Request) -> Any:
        way.look()
        return send(self, request)

    monkeypatch.setattr(DirectConnection, "send", watched)
    return None


@pytest.mark.parametrize("over", [over_a_hosts_transport, over_connections_of_our_own])
@pytest.mark.parametrize("provider", ["custom", "anthropic"])
@pytest.mark.parametrize("streamed", [False, True])
def test_from_the_manager_to_the_network(
    over: Callable[..., httpx.BaseTransport | None],
    provider: str,
    streamed: bool,
    server: loopback.Loopback,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    way = Way()
    options: dict[str, Any] = {"on_stream": lambda event: None} if streamed else {}
    answer = (
        loopback.streamed(stream_of(provider, "Hi ", "there"), content_type=stream_type(provider))
        if streamed
        else loopback.reply(body_of(provider))
    )
    server.will(answer)
    with AIWorkerManager(tmp_path, transport=over(way, server, monkeypatch)) as manager:
        config = {"base_url": server.url + ("/v1" if provider == "custom" else "")}
        manager.add_worker_definition(worker("w", provider=provider, model_name="m", base_config=config))
        assert manager.execute_stateless_task("w", "hello", **options).output == "Hi there"
        way.check("AIWorkerManager.execute_stateless_task")
        conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
        assert conversation.ask("hello", **options) == "Hi there"
        way.check("ConversationManager.ask")
