"""Attacks by a server that repeats the key it was sent: in a reply, in a tool's name, wherever it has a say."""

from __future__ import annotations

import base64
import contextlib
from typing import Any

import pytest

from ai_wm.keys import Secret, StreamMask
from neuroscript import NeuroScriptError
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import reply
from tests.ai_wm.providers.support import body_of
from tests.attacks.world import SECRETS, World, ids

SPAWN = 'set chat = tool.AIWorkerInstance.Spawn("helper").conversation_manager_handle\n'


def calling(name: str, arguments: str = "{}", number: int = 1) -> dict[str, Any]:
    """A reply of a model that calls a tool of that name, so many times."""
    found = body_of("openai")
    function = {"name": name, "arguments": arguments}
    calls = [{"id": f"{name}-{at}", "type": "function", "function": function} for at in range(number)]
    found["choices"][0] |= {"message": {"role": "assistant", "content": None, "tool_calls": calls}}
    found["choices"][0]["finish_reason"] = "tool_calls"
    return found


OPENAI = SECRETS["OPENAI_API_KEY"]

ECHOES: list[tuple[str, Any]] = [
    ("The server called a tool by the name of the key, and the error named it.", calling(OPENAI)),
    ("It did so a hundred times in one reply.", calling(OPENAI, number=100)),
    ("A long name was cut in the middle of the key, and nobody knew it again.", calling("x" * 250 + OPENAI)),
    (
        "The arguments of a tool were the key, which the tool gave back.",
        calling("str__ToUpper", f'{{"s": "{OPENAI}"}}'),
    ),
    ("Arguments that are none were told of, with the key in them.", calling("str__ToUpper", f"{OPENAI}{{")),
    ("Most of the key was a tool's name, which the result of that call repeats.", calling(OPENAI[:-2])),
    ("The model's name was the key.", body_of("openai") | {"model": OPENAI}),
    ("The id of the reply was the key.", body_of("openai") | {"id": OPENAI}),
    ("The service tier was the key.", body_of("openai") | {"service_tier": OPENAI}),
    ("The reply was the key.", body_of("openai", f"It is {OPENAI}.")),
    ("The reply was the key in base64.", body_of("openai", base64.b64encode(OPENAI.encode()).decode())),
]


@pytest.mark.parametrize("rounds", [1, 2], ids=["given up", "answered"])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("says", "body"), ECHOES, ids=ids(ECHOES))
def test_a_server_that_repeats_the_key(
    world: World, caplog: pytest.LogCaptureFixture, says: str, body: Any, streamed: bool, rounds: int
) -> None:
    body["choices"][0].setdefault("finish_reason", "stop")
    answer = reply(body, headers={"x-request-id": OPENAI})
    manager = world.manager()
    world.host_adds(manager, tool_allowlist=["str.*"], base_config={"max_tool_rounds": rounds})
    script = world.script(manager)
    if streamed:
        script.interpreter.services["stream"] = world.seen.append
    for text in (
        'ask "helper", "x" into r\nreturn r',
        f'{SPAWN}return [tool.Conversation.Ask(chat, "x"), tool.Conversation.History(chat)]',
        'return tool.AIWorker.ExecuteBatch("helper", ["x"])',
    ):
        world.friend.will(answer, answer, reply(body_of("openai")))
        with contextlib.suppress(NeuroScriptError):
            script.run(text)
    script.run('return tool.AIWorker.GetPerformanceRecords("helper")')
    manager.save_worker_definitions_to_file()
    files = "".join(path.read_text(errors="replace") for path in world.directory.glob("*.json"))
    out = f"{world.seen} {caplog.text} {files}"
    for spelling in (OPENAI, base64.b64encode(OPENAI.encode()).decode(), OPENAI.upper(), OPENAI[:-2]):
        assert spelling not in out, says


def test_a_refused_tool_is_named_once(world: World) -> None:
    """A server asked for a tool a hundred times, and the message named it as often."""
    world.friend.will(reply(calling("t" * 5000, number=100)))
    manager = world.manager()
    world.host_adds(manager, base_config={"max_tool_rounds": 0})
    with raises_code(16, r"still asked for tools \(ttt") as caught:
        manager.execute_stateless_task("helper", "x")
    assert len(caught.value.message) < 400
    many = calling("a")
    made = many["choices"][0]["message"]["tool_calls"]
    made += [{**made[0], "function": {"name": f"tool_{at}", "arguments": "{}"}} for at in range(100)]
    world.friend.will(reply(many))
    with raises_code(16, r"\(a, tool_0, tool_1, tool_2, tool_3, …\)"):
        manager.execute_stateless_task("helper", "x")


def test_a_key_is_masked_in_a_stream_however_it_is_cut() -> None:
    """Each half of the key went by alone, and whoever listened put them together."""
    text = f"It is {OPENAI}, I think; sk-host is no key."
    for size in range(1, len(text)):
        mask = StreamMask([Secret(OPENAI)])
        pieces = [mask.take(text[at : at + size]) for at in range(0, len(text), size)]
        assert "".join([*pieces, mask.end()]) == "It is ***, I think; sk-host is no key."


def test_a_word_that_serves_as_a_key_stays_in_replies(world: World) -> None:
    world.friend.will(reply(body_of("openai", "None of it is required, says ollama.")))
    manager = world.manager()
    for key in ("none", "ollama", "sk-no-key-required"):
        world.host_adds(manager, key, auth={"method": "inline", "value": key})
        assert world.script(manager).run(f'ask "{key}", "x" into r\nreturn r') == "None of it is required, says ollama."
