"""``examples/models.ns``, unchanged, against llama.cpp as each provider that speaks HTTP, and in process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ai_wm import WorkerPolicy
from tests.ai_wm.providers.support import KEY
from tests.ai_wm.providers.test_llama_cpp import GREEDY, REMOTE, engine, model, ollama_url
from tests.test_examples import run_models

__all__ = ["engine", "model", "ollama_url"]


def run_as(provider: str, tasks: int, engine: Any, ollama_url: str, model: Path, monkeypatch: Any) -> list[str]:
    monkeypatch.setenv("EXAMPLE_KEY", KEY)
    config: dict[str, Any] = {**GREEDY, "max_output_tokens": 4}
    if provider == "local":
        config |= {"n_threads": 1, "n_ctx": 1024, "n_parallel": 2}
    else:
        path = "/v1" if provider in ("openai", "custom") else ""
        config["base_url"] = ollama_url if provider == "ollama" else engine.listening_address + path
    worker = {
        "provider": provider,
        "model_name": str(model) if provider == "local" else "tiny",
        "auth": {"method": "none"} if provider == "local" else {"method": "env_var", "value": "EXAMPLE_KEY"},
        "base_config": config,
    }
    # What the header of the example says: an address and a key of one's own are the host's to grant.
    origin = config.get("base_url", "")
    policy = WorkerPolicy(
        keys={"env:EXAMPLE_KEY": [origin] if origin else []},
        overrides=tuple(config.keys() - {"base_url", "temperature", "seed", "max_output_tokens"}),
    )
    return run_models(worker, tasks, policy, [model.parent])


@pytest.mark.parametrize("provider", [*REMOTE, "local"])
def test_the_program_is_the_same(
    provider: str, engine: Any, ollama_url: str, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = run_as(provider, 20, engine, ollama_url, model, monkeypatch)
    assert shown[:2] == ["conversation: 4 messages", "batch: 20 of 20 answered"]
    assert shown[3].startswith("23 calls, 0 failed, ")


@pytest.mark.slow
def test_two_hundred_tasks_at_once(engine: Any, ollama_url: str, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = run_as("custom", 200, engine, ollama_url, model, monkeypatch)
    assert shown[1] == "batch: 200 of 200 answered"
