"""``neuroscript workers add NAME --model PROVIDER/MODEL``."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ai_wm.cli.conftest import Home


def definition(home: Home, name: str = "fast") -> dict[str, Any]:
    [row] = home.rows("workers", "show", name, "--format", "jsonl")
    return row


def test_from_an_empty_machine_to_an_answer_by_two_commands_and_a_key(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    status, out, err = home("workers", "add", "fast", "--model", "openai/gpt-4o-mini")
    assert (status, out, err) == (0, f"added fast: openai/gpt-4o-mini, in {home.data / 'workers'}\n", "")
    assert home("ask", "Name a river.") == (0, "A reply.\n", "")
    assert home.keys_seen == ["sk-of-the-environment"]
    home.write("p.ns", 'command\nask "Name a river." into r\nemit r\nendcommand\n')
    assert home("run", "p.ns")[:2] == (0, "A reply.\n")


def test_all_that_can_be_said_of_a_worker(home: Home) -> None:
    home.add(
        "fast", "--limit", "60/min", "--limit", "90000tokens/day", "--budget", "2.50/day", "--system", "Be brief.",
        "--base-url", "https://gateway.example/v1", "--key", "keyring:gateway/me",
    )  # fmt: skip
    found = definition(home)
    assert (found["provider"], found["model_name"], found["interaction_models"]) == ("openai", "gpt-4o-mini", ["both"])
    assert found["base_config"] == {"base_url": "https://gateway.example/v1", "system_prompt": "Be brief."}
    limits = {name: value for name, value in found["rate_limits"].items() if value}
    assert limits == {"max_requests_per_minute": 60, "max_tokens_per_day": 90000, "max_cost_per_day": 2.5}
    assert found["auth"] == {"method": "keyring", "value": "gateway/me"}
    assert found["standing"] == "host"


@pytest.mark.parametrize(
    ("model", "provider", "name", "auth"),
    [
        ("openai/gpt-4o", "openai", "gpt-4o", {"method": "env_var", "value": "OPENAI_API_KEY"}),
        ("anthropic/claude", "anthropic", "claude", {"method": "env_var", "value": "ANTHROPIC_API_KEY"}),
        ("google/gemini", "google", "gemini", {"method": "env_var", "value": "GEMINI_API_KEY"}),
        ("groq/a/b:c", "groq", "a/b:c", {"method": "env_var", "value": "GROQ_API_KEY"}),
        ("openrouter/x/y", "openrouter", "x/y", {"method": "env_var", "value": "OPENROUTER_API_KEY"}),
        ("ollama/llama3", "ollama", "llama3", {"method": "none", "value": ""}),
        ("lmstudio/m", "lmstudio", "m", {"method": "none", "value": ""}),
        ("local/echo", "local", "echo", {"method": "none", "value": ""}),
    ],
)
def test_the_model_is_split_at_the_first_slash_and_the_key_is_the_usual_one(
    home: Home, model: str, provider: str, name: str, auth: dict[str, str]
) -> None:
    assert home("workers", "add", "fast", "--model", model)[0] == 0
    found = definition(home)
    assert (found["provider"], found["model_name"], found["auth"]) == (provider, name, auth)


def test_the_variable_that_is_set_is_the_usual_one(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "x")
    assert home("workers", "add", "fast", "--model", "google/gemini") == (
        0,
        f"added fast: google/gemini, in {home.data / 'workers'}\n",
        "",
    )
    assert definition(home)["auth"]["value"] == "GOOGLE_API_KEY"


def test_a_preset_s_usual_key_goes_to_its_own_address_alone(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by a definition in JSON that names no key; one that is named goes where the worker's address is."""
    monkeypatch.setenv("GROQ_API_KEY", "gsk-usual")
    url = f"{home.server.url}/v1"
    assert home("workers", "add", "fast", "--model", "groq/m", "--base-url", url)[0] == 0
    status, _, err = home("ask", "hello")
    assert status == 1
    assert "GROQ_API_KEY" in err
    assert home.keys_seen == []
    assert home("workers", "add", "named", "--model", "groq/m", "--base-url", url, "--key", "env:GROQ_API_KEY")[0] == 0
    assert home("ask", "-w", "named", "hello")[:2] == (0, "A reply.\n")
    assert home.keys_seen == ["gsk-usual"]


def test_a_key_that_is_not_there_is_told(home: Home) -> None:
    _, _, err = home("workers", "add", "fast", "--model", "groq/m")
    assert err == (
        "neuroscript: there is no key for it yet (env_var GROQ_API_KEY); store one with: neuroscript keys set groq\n"
    )
    assert home("workers", "add", "own", "--model", "custom/m", "--base-url", "http://127.0.0.1:9/v1")[2] == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fast", "--model", "gpt"), "PROVIDER/MODEL is wanted"),
        (("fast", "--model", "/gpt"), "PROVIDER/MODEL is wanted"),
        (("fast", "--model", "openai/"), "PROVIDER/MODEL is wanted"),
        (("fast", "--model", "opnai/m"), "did you mean 'openai'?"),
        (("fast",), "neuroscript workers add fast --model openai/gpt-4o"),
        (("{}", "--model", "openai/m"), "the worker's name is wanted"),
        (("{}", "--limit", "60/min"), "--limit goes with --model"),
        (("fast", "--model", "openai/m", "--limit", "60"), "60/min"),
        (("fast", "--model", "openai/m", "--limit", "0/min"), "60/min"),
        (("fast", "--model", "openai/m", "--budget", "5"), "5/day"),
        (("fast", "--model", "openai/m", "--budget", "0/day"), "5/day"),
        (("fast", "--model", "openai/m", "--system", " "), "not empty"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_write(home: Home, arguments: tuple[str, ...], message: str) -> None:
    status, out, err = home("workers", "add", *arguments)
    assert status in (1, 2)
    assert out == ""
    assert message in err
    assert home("workers", "list", "--format", "jsonl")[1] == ""


def test_a_key_given_as_an_argument_is_in_no_message(home: Home) -> None:
    status, out, err = home("workers", "add", "fast", "--model", "openai/m", "--key", "sk-0123456789abcdef")
    assert status == 2
    assert "0123456789" not in out + err
    assert "no argument" in err


def test_a_budget_that_cannot_be_kept_is_told_at_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    status, _, err = home("workers", "add", "odd", "--model", "openai/nobody-knows-it", "--budget", "5/day")
    assert status == 0
    assert err.startswith("neuroscript: nobody knows the price of openai/nobody-knows-it, so no budget can be kept")
    assert "pip install 'neuroscript[prices]'" in err
    assert home("workers", "add", "own", "--model", "local/echo", "--budget", "5/day")[2] == ""
    assert home("workers", "add", "free", "--model", "openai/nobody-knows-it")[2] == ""


@pytest.mark.parametrize("address", ["nonsense", "ftp://host/v1", "https://", "https://me:secret-word@host/v1"])
def test_an_address_that_is_none_is_wrong_usage(home: Home, address: str) -> None:
    status, _, err = home("workers", "add", "x", "--model", "openai/x", "--base-url", address)
    assert (status, "an address such as https://gateway.example/v1 is wanted" in err) == (2, True)
    assert "secret-word" not in err
