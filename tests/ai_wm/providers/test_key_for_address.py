"""The key is given out for each address that is asked, by itself."""

from __future__ import annotations

from contextlib import closing

import pytest

from ai_wm.keys import Secret
from ai_wm.providers.base import LLMRequest, Message
from ai_wm.providers.http import HTTPClient
from ai_wm.providers.transport import Transport
from neuroscript import ErrorCode, NeuroScriptError
from tests.ai_wm.providers import loopback


def test_the_second_form_of_an_address_is_approved_by_itself() -> None:
    named: list[str] = []

    def grant(url: str) -> Secret | None:
        named.append(url)
        if "/v1/" not in url:
            raise NeuroScriptError(ErrorCode.SECURITY, "not there")
        return Secret("sk-0123456789")

    with loopback.serve() as server, closing(Transport()) as transport:
        server.will(loopback.reply({"error": "no such path"}, status=404))
        origin = server.url.removesuffix("/v1")
        request = LLMRequest(
            provider="custom",
            model="m",
            messages=(Message(role="user", content="hello"),),
            config={"base_url": origin, "max_retries": 0},
            key_grant=grant,
        )
        with pytest.raises(NeuroScriptError) as caught:
            HTTPClient("custom", transport).complete(request)
        assert caught.value.code == 10
        assert named == [f"{origin}/v1/chat/completions", f"{origin}/chat/completions"]
        assert len(server.received) == 1
