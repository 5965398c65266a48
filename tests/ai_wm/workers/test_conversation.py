"""Conversations: turns, their atomicity, file contexts, states after failures."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerInstanceStatus as Status
from ai_wm import AIWorkerManager, ConversationManager, LLMRequest, Message
from neuroscript import ErrorCode, NeuroScriptError, StreamEvent
from tests.ai_wm.helpers import Answers, Gate, raises_code, scripted, worker


def said(conversation: ConversationManager) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in conversation.history]


def start(manager: AIWorkerManager, definition: dict[str, Any], **spawn: Any) -> ConversationManager:
    """Adds a definition and spawns an instance of it."""
    id_ = manager.add_worker_definition(definition)
    return manager.conversation(manager.spawn_worker_instance(id_, **spawn).instance_id)


# --- turns ---


def test_a_turn_adds_both_messages_to_the_history(manager: AIWorkerManager) -> None:
    conversation = start(manager, worker("w"))
    assert conversation.ask("hello") == "echo: hello"
    assert said(conversation) == [("user", "hello"), ("assistant", "echo: hello")]


def test_the_model_gets_the_whole_conversation_and_the_system_prompt(tmp_path: Path) -> None:
    client = Answers()
    with AIWorkerManager(tmp_path, clients={"openai": client}) as manager:
        conversation = start(manager, worker("w", provider="openai", base_config={"system_prompt": "Be brief."}))
        conversation.add_user_message("I am Ada.")
        conversation.add_model_message("Hello Ada.")
        conversation.ask("Who am I?")
        conversation.ask("Sure?", {"temperature": 0})
    request = client.requests[1]
    assert [message.content for message in request.messages] == [
        "I am Ada.",
        "Hello Ada.",
        "Who am I?",
        "yes",
        "Sure?",
    ]
    assert request.system_text == "Be brief."
    assert (client.requests[0].config, request.config) == (
        {"system_prompt": "Be brief."},
        {"system_prompt": "Be brief.", "temperature": 0},
    )


def test_each_turn_logs_one_record_and_counts_its_tokens(manager: AIWorkerManager) -> None:
    conversation = start(manager, worker("w", cost_metrics={"input_cost_per_token": 0.5, "cost_per_call": 1}))
    conversation.ask("one two three")
    (record,) = manager.get_performance_records_for_definition("w")
    assert (record.instance_id, record.success) == (conversation.instance_id, True)
    assert record.llm_metrics["input_tokens"] == 3
    assert record.llm_metrics["output_tokens"] == 4
    assert record.llm_metrics["finish_reason"] == "stop"
    assert record.llm_metrics["cost_source"] == "cost_metrics"
    assert record.cost_incurred == 2.5
    assert record.input_context == {"prompt_char_length": 13, "history_messages": 0}
    assert record.output_summary == "echo: one two three"
    usage = manager.get_worker_instance(conversation.instance_id).session_token_usage
    assert (usage.input_tokens, usage.output_tokens) == (3, 4)


def test_a_record_keeps_256_characters_of_the_reply_and_nothing_of_the_input(manager: AIWorkerManager) -> None:
    conversation = start(manager, scripted("w", ["r" * 300]))
    conversation.ask("a secret question")
    (record,) = manager.get_performance_records_for_definition("w")
    assert record.output_summary == "r" * 256
    assert "secret" not in str(record.to_file())


def test_streaming_gives_the_same_reply_in_pieces(manager: AIWorkerManager) -> None:
    conversation = start(manager, worker("w"))
    events: list[StreamEvent] = []
    reply = conversation.ask("one two", on_stream=events.append)
    assert reply == "".join(event.text for event in events) == "echo: one two"
    assert [event.kind for event in events] == ["delta", "delta", "delta", "usage", "done"]


def test_context_goes_along_once_and_is_not_remembered(tmp_path: Path) -> None:
    client = Answers()
    with AIWorkerManager(tmp_path, clients={"openai": client}) as manager:
        conversation = start(manager, worker("w", provider="openai"))
        conversation.ask("first", context=["it rains"])
        conversation.ask("second")
        assert [message.content for message in client.requests[0].messages] == ["it rains", "first"]
        assert [message.content for message in client.requests[1].messages] == ["first", "yes", "second"]


def test_tool_results_and_clearing(manager: AIWorkerManager) -> None:
    conversation = start(manager, worker("w"))
    conversation.add_tool_result("call_1", "42", name="math__Add")
    assert conversation.history == [Message(role="tool", content="42", tool_call_id="call_1", name="math__Add")]
    conversation.clear()
    assert conversation.history == []


@pytest.mark.parametrize("text", [None, 7, ["hello"]])
def test_messages_are_strings(manager: AIWorkerManager, text: Any) -> None:
    conversation = start(manager, worker("w"))
    for method in (conversation.ask, conversation.add_user_message, conversation.add_model_message):
        with raises_code(4):
            method(text)


# --- failures ---


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"code": 16, "message": "bad gateway"}, Status.ERROR),
        ({"code": 31, "message": "too slow"}, Status.ERROR),
        ({"code": 45, "message": "no such key"}, Status.ERROR),
        ({"code": 20, "message": "slow down"}, Status.RATE_LIMITED),
        ({"code": 47, "message": "too long"}, Status.CONTEXT_FULL),
    ],
)
def test_a_failed_turn_leaves_the_history_as_it_was(
    manager: AIWorkerManager, error: dict[str, Any], status: Status
) -> None:
    conversation = start(manager, scripted("w", ["fine", {"error": error}, "fine again"]))
    conversation.ask("first")
    before = said(conversation)
    with raises_code(error["code"], error["message"]):
        conversation.ask("second")
    assert said(conversation) == before
    instance = manager.get_worker_instance(conversation.instance_id)
    assert (instance.status, instance.last_error) == (status, error["message"])
    newest = manager.get_performance_records_for_definition("w")[0]
    assert (newest.success, error["message"] in newest.error_details) == (False, True)
    if status is Status.CONTEXT_FULL:
        with raises_code(19, "clear its conversation"):
            conversation.ask("third")
        conversation.clear()
    assert conversation.ask("third") == "fine again"
    assert manager.get_worker_instance(conversation.instance_id).status is Status.IDLE


def test_known_tokens_of_a_failed_turn_are_counted(manager: AIWorkerManager) -> None:
    failure = {"message": "cut", "details": {"usage": {"input_tokens": 7, "output_tokens": 3}, "attempts": 2}}
    conversation = start(manager, scripted("w", [{"error": failure}], rate_limits={"max_tokens_per_day": 1000}))
    with raises_code(16):
        conversation.ask("hello")
    (record,) = manager.get_performance_records_for_definition("w")
    assert (record.llm_metrics["total_tokens"], record.llm_metrics["attempts"]) == (10, 2)
    assert manager.get_worker_instance(conversation.instance_id).session_token_usage.total_tokens == 10
    assert manager.limit_usage("w")["tokens_last_day"] == 10


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        ({"max_requests_per_minute": 1}, Status.RATE_LIMITED),
        ({"max_tokens_per_minute": 10}, Status.RATE_LIMITED),
        ({"max_tokens_per_day": 10}, Status.TOKEN_LIMIT_REACHED),
    ],
)
def test_turns_obey_the_limits(manager: AIWorkerManager, limits: dict[str, int], status: Status) -> None:
    conversation = start(manager, worker("w", rate_limits=limits))
    conversation.ask("x")
    with raises_code(20) as error:
        conversation.ask("x")
    assert error.value.details["limit"] in limits
    assert manager.get_worker_instance(conversation.instance_id).status is status
    assert len(conversation.history) == 2
    assert len(manager.get_performance_records_for_definition("w")) == 1


@pytest.mark.parametrize(
    ("limit", "status"),
    [("max_tokens_per_minute", Status.RATE_LIMITED), ("max_tokens_per_day", Status.TOKEN_LIMIT_REACHED)],
)
def test_a_conversation_can_outgrow_its_limits(manager: AIWorkerManager, limit: str, status: Status) -> None:
    conversation = start(manager, worker("w", rate_limits={limit: 3}))
    conversation.ask("x")
    with raises_code(37, "the input alone is about 4 tokens"):
        conversation.ask("x")
    assert manager.get_worker_instance(conversation.instance_id).status is status


def test_a_budget_is_error_46(manager: AIWorkerManager) -> None:
    conversation = start(manager, worker("w", cost_metrics={"cost_per_call": 1}, rate_limits={"max_cost_per_day": 1.5}))
    conversation.ask("x")
    with raises_code(46) as error:
        conversation.ask("x")
    assert error.value.details["limit"] == "max_cost_per_day"


def test_a_client_that_raises_anything_is_a_failure_of_the_model(tmp_path: Path) -> None:
    def broken(request: LLMRequest) -> str:
        raise ValueError("no idea")

    with AIWorkerManager(tmp_path, clients={"openai": Answers(broken)}) as manager:
        conversation = start(manager, worker("w", provider="openai"))
        with raises_code(16, "ValueError: no idea") as error:
            conversation.ask("hello")
        assert isinstance(error.value.__cause__, ValueError)
        assert manager.limit_usage("w")["calls_in_flight"] == 0


def test_a_client_that_gives_no_response_is_a_failure_of_the_model(tmp_path: Path) -> None:
    class Odd:
        def complete(self, request: LLMRequest) -> Any:
            return "just text"

        def stream(self, request: LLMRequest) -> Any:
            return iter(())

    with AIWorkerManager(tmp_path, clients={"openai": Odd()}) as manager:
        conversation = start(manager, worker("w", provider="openai"))
        with raises_code(16, "expected an LLMResponse"):
            conversation.ask("hello")
        with raises_code(16, "ended without its last piece"):
            conversation.ask("hello", on_stream=lambda event: None)


RESERVED = 6 + 256
"""What is reserved for "hello": two tokens and four for the message, and the least reply."""


def test_an_interrupted_turn_is_recorded_and_gives_back_what_it_held(tmp_path: Path) -> None:
    def interrupted(request: LLMRequest) -> str:
        raise KeyboardInterrupt

    with AIWorkerManager(tmp_path, clients={"openai": Answers(interrupted)}) as manager:
        conversation = start(manager, worker("w", provider="openai", rate_limits={"max_tokens_per_minute": 1000}))
        with pytest.raises(KeyboardInterrupt):
            conversation.ask("hello")
        usage = manager.limit_usage("w")
        # The model may have answered: what was reserved counts.
        assert (usage["calls_in_flight"], usage["tokens_last_minute"]) == (0, RESERVED)
        (record,) = manager.get_performance_records_for_definition("w")
        assert record.error_details == "interrupted by the user"
        assert (record.llm_metrics["total_tokens"], record.llm_metrics["usage_estimated"]) == (RESERVED, True)
        assert manager.get_worker_instance(conversation.instance_id).status is Status.IDLE


# --- two at once ---


def test_two_turns_at_once_are_refused_and_nothing_changes_meanwhile(tmp_path: Path) -> None:
    gate = Gate()
    with AIWorkerManager(tmp_path, clients={"openai": gate}) as manager:
        conversation = start(manager, worker("w", provider="openai"))
        first = threading.Thread(target=conversation.ask, args=("first",))
        first.start()
        assert gate.entered.acquire(timeout=10)
        assert manager.get_worker_instance(conversation.instance_id).status is Status.BUSY
        assert conversation.history == []
        for action in (
            lambda: conversation.ask("second"),
            lambda: conversation.add_user_message("x"),
            conversation.clear,
            lambda: manager.retire_worker_instance(conversation.instance_id),
            lambda: manager.update_instance_status(conversation.instance_id, "idle"),
        ):
            with raises_code(19):
                action()
        gate.open.set()
        first.join()
        assert said(conversation) == [("user", "first"), ("assistant", "first")]


def test_closing_waits_for_a_turn_and_loses_nothing(tmp_path: Path) -> None:
    gate = Gate()
    manager = AIWorkerManager(tmp_path, clients={"openai": gate})
    conversation = start(manager, worker("w", provider="openai"))
    turn = threading.Thread(target=conversation.ask, args=("first",))
    turn.start()
    assert gate.entered.acquire(timeout=10)
    closing = threading.Thread(target=manager.close)
    closing.start()
    gate.open.set()
    turn.join()
    closing.join()
    with AIWorkerManager(tmp_path) as again:
        (record,) = again.get_performance_records_for_definition("w")
        assert record.success


# --- file contexts ---


@pytest.fixture
def files(manager: AIWorkerManager) -> Path:
    assert manager.sandbox_dir is not None
    (manager.sandbox_dir / "docs").mkdir(parents=True)
    (manager.sandbox_dir / "docs" / "style.md").write_text("Write short sentences.")
    (manager.sandbox_dir / "notes.txt").write_text("It rains.")
    return manager.sandbox_dir


@pytest.fixture
def asked(files: Path) -> Any:
    """A manager on the same directory whose model is a function, and the requests that it got."""
    client = Answers()
    with AIWorkerManager(files, clients={"openai": client}) as manager:
        yield manager, client.requests


def test_file_contexts_go_ahead_of_the_conversation(asked: Any) -> None:
    manager, requests = asked
    conversation = start(manager, worker("w", provider="openai", default_file_contexts=["docs/style.md"]))
    conversation.ask("hello")
    conversation.ask("again")
    for request in requests:
        assert "Write short sentences." in request.messages[0].content
        assert "docs/style.md" in request.messages[0].content
    assert [message.content for message in requests[1].messages[1:]] == ["hello", "yes", "again"]
    assert len(conversation.history) == 4


def test_files_given_at_spawn_replace_the_default_ones(asked: Any) -> None:
    manager, requests = asked
    definition = worker("w", provider="openai", default_file_contexts=["docs/style.md"])
    conversation = start(manager, definition, file_contexts=["notes.txt"])
    assert manager.get_worker_instance(conversation.instance_id).active_file_contexts == ["notes.txt"]
    conversation.ask("hello")
    assert "It rains." in requests[0].messages[0].content
    assert "short sentences" not in requests[0].messages[0].content
    info = manager.retire_worker_instance(conversation.instance_id)
    assert info.initial_file_contexts == ["notes.txt"]


def test_a_file_is_read_when_first_sent(asked: Any, files: Path) -> None:
    manager, requests = asked
    conversation = start(manager, worker("w", provider="openai"), file_contexts=["notes.txt"])
    (files / "notes.txt").write_text("It shines.")
    conversation.ask("hello")
    (files / "notes.txt").write_text("It snows.")
    conversation.ask("again")
    assert "It shines." in requests[0].messages[0].content
    assert requests[1].messages[0] == requests[0].messages[0]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("../outside.txt", 34),
        ("/etc/passwd", 34),
        ("leak.txt", 34),
        ("https://example.com/a.txt", 34),
        ("missing.txt", 22),
        ("docs", 23),
        ("huge.txt", 37),
        ("binary.dat", 41),
        ("ai_worker_definitions.json", 10),
        ("own.json", 10),
    ],
)
def test_a_file_that_cannot_be_sent_fails_the_turn(manager: AIWorkerManager, files: Path, path: str, code: int) -> None:
    (files.parent / "outside.txt").write_text("outside")
    (files / "leak.txt").symlink_to(files.parent / "outside.txt")
    (files / "huge.txt").write_text("x" * (1024 * 1024 + 1))
    (files / "binary.dat").write_bytes(b"\xff\xfe\x00")
    (files / "own.json").symlink_to("ai_worker_definitions.json")
    conversation = start(manager, worker("w"), file_contexts=[path])
    with raises_code(code):
        conversation.ask("hello")
    assert conversation.history == []
    assert manager.get_performance_records_for_definition("w") == []
    assert manager.limit_usage("w")["requests_last_minute"] == 0


def test_all_files_together_have_a_limit(manager: AIWorkerManager, files: Path) -> None:
    (files / "big.txt").write_text("x" * 1024 * 1024)
    conversation = start(manager, worker("w"), file_contexts=["big.txt"] * 5)
    with raises_code(37, "together"):
        conversation.ask("hello")


def test_without_a_directory_no_file_is_inside_of_it() -> None:
    with AIWorkerManager() as manager:
        conversation = start(manager, worker("w"), file_contexts=["notes.txt"])
        with raises_code(34):
            conversation.ask("hello")


def test_cancelling_a_turn(manager: AIWorkerManager) -> None:
    def cancelled() -> None:
        raise NeuroScriptError(ErrorCode.CANCELLED, "enough")

    conversation = start(manager, worker("w"))
    with raises_code(44):
        conversation.ask("one two three", on_stream=lambda event: None, check=cancelled)
    assert conversation.history == []
    assert manager.get_worker_instance(conversation.instance_id).status is Status.IDLE
