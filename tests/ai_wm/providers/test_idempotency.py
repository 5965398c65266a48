"""The key by which a server may know a request again that is sent once more."""

from __future__ import annotations

import socket

import pytest

from ai_wm.providers import Clients
from tests.ai_wm.providers import loopback
from tests.ai_wm.providers.loopback import Loopback
from tests.ai_wm.providers.support import REMOTE, at, body_of, request


def keys(server: Loopback) -> list[str | None]:
    return [each.headers.get("idempotency-key") for each in server.received]


@pytest.mark.parametrize("provider", REMOTE)
def test_servers_that_may_know_a_key_get_it(provider: str, server: Loopback, clients: Clients) -> None:
    server.will(loopback.reply(body_of(provider)))
    asked = at(server, provider)
    clients.for_provider(provider).complete(request(provider, config=asked.config, idempotency_key="k"))
    clients.for_provider(provider).complete(asked)
    assert keys(server) == ["k" if provider in ("custom", "openai") else None, None]


@pytest.mark.usefixtures("quick")
def test_a_request_that_was_not_answered_has_the_same_key_when_it_is_sent_again(
    server: Loopback, clients: Clients
) -> None:
    def cut(connection: socket.socket) -> None:
        connection.shutdown(socket.SHUT_RDWR)

    server.will(cut, loopback.reply({"error": {"message": "down"}}, status=500), loopback.reply(body_of("custom")))
    asked = request("custom", config=at(server, "custom").config, idempotency_key="k")
    assert clients.for_provider("custom").complete(asked).text == "Hi there"
    assert keys(server) == ["k", "k", "k-1"], "what was answered with an error is another request from then on"
