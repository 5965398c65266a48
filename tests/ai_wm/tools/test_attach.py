"""Files that go with a prompt: what scripts and hosts may attach, and what becomes of it."""

from __future__ import annotations

import logging
import os
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager, LLMRequest
from ai_wm.data import attachments as attachments_module
from ai_wm.data.attachments import Attachment
from neuroscript import Interpreter, NeuroScriptError, Policy
from tests.ai_wm import files
from tests.ai_wm.conftest import runs_bodies
from tests.ai_wm.helpers import Answers, Run, manager_of, raises_code, worker

PNG = files.png(40, 30)
NOTE = f"[chart.png: image/png, {len(PNG)} bytes]"


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    path = tmp_path / "chart.png"
    path.write_bytes(PNG)
    return path


class Seeing(Answers):
    """A client that takes attachments."""

    takes_attachments = True


def test_ask_sends_files_of_the_sandbox(run: Run, chart: Path) -> None:
    for given in ('["chart.png"]', '"chart.png"'):
        reply = run(f'ask "w", "Describe" with {{"attach": {given}}} into reply\nreturn reply')
        assert reply == f"echo: Describe {NOTE}"


@pytest.mark.parametrize(
    "given",
    [
        '{"path": "chart.png", "media_type": "image/png"}',
        '{"data": tool.fs.ReadBytes("chart.png"), "name": "chart.png"}',
    ],
)
def test_a_map_says_more_of_a_file(run: Run, chart: Path, given: str) -> None:
    body = f'return tool.AIWorker.ExecuteStatelessTask("w", "Describe", {{"attach": [{given}]}}).output'
    assert run(body) == f"echo: Describe {NOTE}"


def test_a_batch_reads_them_once_for_all_prompts(run: Run, chart: Path) -> None:
    body = 'return tool.AIWorker.ExecuteBatch("w", ["a", "b"], config_overrides: {"attach": ["chart.png"]})'
    assert [each["output"] for each in run(body)] == [f"echo: a {NOTE}", f"echo: b {NOTE}"]
    body = """
set seen = {"worker": "w", "prompt": "a", "config_overrides": {"attach": ["chart.png"]}}
return tool.AIWorker.ExecuteAll([seen, {"worker": "w", "prompt": "b"}])"""
    assert [each["output"] for each in run(body)] == [f"echo: a {NOTE}", "echo: b"]


CONVERSATION = """
set chat = tool.AIWorkerInstance.Spawn("w").conversation_manager_handle
set first = tool.Conversation.Ask(chat, "Look", {"attach": ["chart.png"]})
ask chat, "Again" into second
return [first, second, tool.Conversation.History(chat)]
"""


def test_a_conversation_keeps_them(interpreter: Interpreter, chart: Path) -> None:
    seeing = Seeing()
    with AIWorkerManager(clients={"custom": seeing}) as manager:
        manager.add_worker_definition(worker("w", provider="custom", base_config={"base_url": "http://127.0.0.1:9/v1"}))
        chat = manager.conversation(manager.spawn_worker_instance("w").instance_id)
        chat.ask("Look", {"attach": chart})
        chart.unlink()
        chat.ask("Again")
        asked = seeing.requests[-1].messages
        assert [[each.data for each in message.attachments] for message in asked] == [[PNG], [], []]


def test_the_history_of_a_script_names_them(run: Run, chart: Path) -> None:
    first, second, history = run(CONVERSATION)
    assert (first, second) == (f"echo: Look {NOTE}", "echo: Again")
    assert history[0]["attachments"] == [{"name": "chart.png", "media_type": "image/png", "size_bytes": len(PNG)}]
    assert "attachments" not in history[1]


def test_the_record_has_the_facts_and_no_file_of_the_system_the_bytes(
    run: Run, interpreter: Interpreter, chart: Path, tmp_path: Path
) -> None:
    run(CONVERSATION)
    run('ask "w", "Describe" with {"attach": ["chart.png"]}')
    manager = manager_of(interpreter)
    (facts,) = manager.get_performance_records_for_definition("w")[0].input_context["attachments"]
    assert facts == Attachment.of("chart.png", PNG).facts
    manager.save_performance_data()
    chart.unlink()
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert PNG not in path.read_bytes()
            assert b64encode(PNG)[:40] not in path.read_bytes()


def test_a_client_that_does_not_take_them_is_not_asked(chart: Path) -> None:
    blind = Answers()
    with AIWorkerManager(clients={"openai": blind}) as manager:
        manager.add_worker_definition(worker("w", provider="openai"))
        with raises_code(35, "takes no attachments"):
            manager.execute_stateless_task("w", "Describe", {"attach": [chart]})
    assert blind.requests == []


def test_a_fallback_that_takes_none_is_passed_over(chart: Path) -> None:
    def fails(request: LLMRequest) -> str:
        raise NeuroScriptError(16, "down")

    clients = {"openai": Seeing(fails), "google": Answers(), "anthropic": Seeing()}
    with AIWorkerManager(clients=clients) as manager:
        manager.add_worker_definition(worker("w", provider="openai", base_config={"fallbacks": ["blind", "eye"]}))
        manager.add_worker_definition(worker("blind", provider="google"))
        manager.add_worker_definition(worker("eye", provider="anthropic"))
        result = manager.execute_stateless_task("w", "Look", {"attach": [chart]})
    assert result.output == "yes"
    assert [each["code"] for each in result.record.llm_metrics["fallback_from"]] == [16, 35]


def test_a_model_file_takes_none_and_is_not_loaded(chart: Path, tmp_path: Path) -> None:
    with AIWorkerManager(tmp_path) as manager:
        manager.add_worker_definition(worker("w", model_name="missing.gguf"))
        with raises_code(35, "takes no attachments"):
            manager.execute_stateless_task("w", "Look", {"attach": "chart.png"})


def test_neither_a_log_nor_a_repr_has_the_bytes(chart: Path, caplog: pytest.LogCaptureFixture) -> None:
    seeing = Seeing()
    with caplog.at_level(logging.DEBUG), AIWorkerManager(clients={"openai": seeing}) as manager:
        manager.add_worker_definition(worker("w", provider="openai"))
        manager.execute_stateless_task("w", "Look", {"attach": [chart]})
    shown = f"{caplog.text} {seeing.requests} {seeing.requests[0].messages}"
    assert "chart.png" in shown
    assert "IHDR" not in shown
    assert b64encode(PNG).decode()[:30] not in shown


# What may not be attached


def outside(tmp_path: Path) -> str:
    secret = tmp_path.parent / f"{tmp_path.name}-outside.png"
    secret.write_bytes(PNG)
    os.symlink(secret, tmp_path / "link.png")
    return "link.png"


def parent(tmp_path: Path) -> str:
    (tmp_path.parent / "other.png").write_bytes(PNG)
    return "../other.png"


def pipe(tmp_path: Path) -> str:
    os.mkfifo(tmp_path / "pipe.png")
    return "pipe.png"


def huge(tmp_path: Path) -> str:
    with open(tmp_path / "huge.png", "wb") as file:
        file.write(PNG)
        file.truncate(10**12)
    return "huge.png"


def own_file(tmp_path: Path) -> str:
    return "ai_worker_definitions.json"


def link_to_own_file(tmp_path: Path) -> str:
    os.link(tmp_path / "ai_worker_definitions.json", tmp_path / "innocent.png")
    return "innocent.png"


def text(tmp_path: Path) -> str:
    (tmp_path / "notes.png").write_text("only words")
    return "notes.png"


ATTACKS: list[tuple[Any, int]] = [
    (outside, 34),
    (parent, 34),
    (lambda tmp_path: "/etc/passwd", 34),
    (lambda tmp_path: "https://example.com/a.png", 34),
    (lambda tmp_path: "file:///etc/passwd", 34),
    (pipe, 23),
    (lambda tmp_path: ".", 23),
    (huge, 37),
    (own_file, 10),
    (link_to_own_file, 10),
    (lambda tmp_path: "missing.png", 22),
    (text, 4),
]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
@pytest.mark.parametrize(("make", "code"), ATTACKS)
def test_what_is_out_of_reach_is_not_attached(run: Run, tmp_path: Path, make: Any, code: int) -> None:
    name = make(tmp_path)
    for body in (
        f'ask "w", "x" with {{"attach": ["{name}"]}}',
        f'call tool.AIWorker.ExecuteBatch("w", ["x"], config_overrides: {{"attach": ["{name}"]}})',
    ):
        with raises_code(code):
            run(body)


def test_a_file_that_grows_while_it_is_read_is_cut_off(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ai_wm.workers.attaching.MOST_BYTES", 1000)
    path = tmp_path / "growing.png"
    path.write_bytes(PNG)
    size = os.fstat

    def grows(descriptor: int) -> os.stat_result:
        found = size(descriptor)
        if found.st_ino == path.stat().st_ino and found.st_size < 1000:
            with path.open("ab") as file:
                file.write(bytes(5000))
        return found

    monkeypatch.setattr(os, "fstat", grows)
    with raises_code(37, "growing.png"):
        run('ask "w", "x" with {"attach": ["growing.png"]}')


def test_what_is_told_of_a_file_is_what_is_sent_of_it(chart: Path) -> None:
    """Whatever takes the place of a file later: its bytes are read once."""
    seen: list[bytes] = []

    def answer(request: LLMRequest) -> str:
        chart.write_bytes(files.pdf())
        seen.append(request.messages[-1].attachments[0].data)
        return "yes"

    with AIWorkerManager(clients={"openai": Seeing(answer)}) as manager:
        manager.add_worker_definition(worker("w", provider="openai"))
        record = manager.execute_stateless_task("w", "x", {"attach": [chart]}).record
    assert seen == [PNG]
    assert record.input_context["attachments"] == [Attachment.of("chart.png", PNG).facts]


@pytest.mark.parametrize("policy", [Policy(deny=("fs.Read",)), Policy(deny=("fs.*",)), Policy(grants=("ask", "net"))])
def test_reading_needs_the_capability_of_the_file_tools(policy: Policy, tmp_path: Path, chart: Path) -> None:
    with Interpreter(sandbox=tmp_path, policy=policy) as interpreter:
        manager_of(interpreter).add_worker_definition(worker("w"))
        with raises_code(10, "attachments are read like files"):
            runs_bodies(interpreter)('ask "w", "x" with {"attach": ["chart.png"]}')


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("7", "it is int"),
        ("[nil]", "it is NoneType"),
        ('{"file": "chart.png"}', "the key 'file'"),
        ('{"name": "chart.png"}', "neither path nor data"),
        ('{"data": "text"}', "not bytes"),
        ('{"path": "chart.png", "media_type": "image/gif"}', "its content is image/png"),
    ],
)
def test_what_does_not_fit_is_said(run: Run, chart: Path, given: str, says: str) -> None:
    with raises_code(4, says):
        run(f'ask "w", "x" with {{"attach": {given}}}')


def test_files_are_of_one_prompt_and_not_of_a_worker(run: Run, interpreter: Interpreter, chart: Path) -> None:
    with raises_code(4, "files go with one prompt"):
        manager_of(interpreter).add_worker_definition(worker("v", base_config={"attach": ["chart.png"]}))
    with raises_code(4, "files go with one prompt"):
        run('call tool.AIWorkerInstance.Spawn("w", {"attach": ["chart.png"]})')


def test_a_conversation_keeps_no_more_than_its_limit(run: Run, chart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachments_module, "MOST_TOGETHER", 2 * len(PNG))
    body = """
set chat = tool.AIWorkerInstance.Spawn("w").conversation_manager_handle
for each n in [1, 2, 3]
  ask chat, "x" with {"attach": ["chart.png"]}
endfor"""
    with raises_code(37, "the conversation with this prompt has 3 attachments"):
        run(body)


# From Python


@pytest.fixture
def eyes(tmp_path: Path) -> Iterator[tuple[AIWorkerManager, Seeing]]:
    seeing = Seeing()
    with AIWorkerManager(tmp_path, clients={"openai": seeing}) as manager:
        manager.add_worker_definition(worker("w", provider="openai"))
        yield manager, seeing


def test_a_host_attaches_paths_and_bytes(eyes: tuple[AIWorkerManager, Seeing], chart: Path, tmp_path: Path) -> None:
    manager, seeing = eyes
    elsewhere = tmp_path.parent / f"{tmp_path.name}.wav"
    elsewhere.write_bytes(files.wav())
    given = ["chart.png", elsewhere, PNG, {"data": files.pdf(), "media_type": "application/pdf", "name": "a.pdf"}]
    manager.execute_stateless_task("w", "x", {"attach": given})
    found = seeing.requests[0].messages[-1].attachments
    assert [(each.name, each.media_type) for each in found] == [
        ("chart.png", "image/png"),
        (elsewhere.name, "audio/wav"),
        ("attachment", "image/png"),
        ("a.pdf", "application/pdf"),
    ]
    manager.execute_batch("w", ["a", "b"], config_overrides={"attach": found})
    assert [each.messages[-1].attachments for each in seeing.requests[1:]] == [found, found]


def test_a_text_of_the_hosts_stays_in_the_sandbox(eyes: tuple[AIWorkerManager, Seeing], tmp_path: Path) -> None:
    manager, _ = eyes
    for name, code in ((parent(tmp_path), 34), (own_file(tmp_path), 10)):
        with raises_code(code):
            manager.execute_stateless_task("w", "x", {"attach": name})
    os.mkfifo(tmp_path / "pipe")
    with raises_code(23):
        manager.execute_stateless_task("w", "x", {"attach": tmp_path / "pipe"})
