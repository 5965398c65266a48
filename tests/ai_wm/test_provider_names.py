"""Which providers a definition may name: those that its own manager knows, and no other manager's."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from ai_wm import AIWorkerManager, AIWorkerProvider
from tests.ai_wm.helpers import Answers, raises_code, worker

ACME = worker("a", provider="acme")


def with_acme(sandbox: Path | None = None) -> AIWorkerManager:
    return AIWorkerManager(sandbox, clients={"acme": Answers(lambda request: "from acme")})


def test_a_hosts_client_makes_its_provider_known_to_its_manager_alone() -> None:
    with with_acme() as one, AIWorkerManager() as other:
        one.add_worker_definition(ACME)
        assert one.execute_stateless_task("a", "hi").output == "from acme"
        with raises_code(4, "field provider: expected one of google") as error:
            other.add_worker_definition(ACME)
        assert error.value.details == {"field": "provider"}
        assert "acme" not in error.value.message.partition("got")[0]
        other.add_worker_definition(worker("b"))
        with raises_code(4, "provider"):
            other.update_worker_definition("b", {"provider": "acme"})
        one.add_worker_definition(worker("b"))
        assert one.update_worker_definition("b", {"provider": "acme"}).provider == "acme"
    with AIWorkerManager() as later, raises_code(4, "provider"):
        later.add_worker_definition(ACME)
    assert "acme" not in list(AIWorkerProvider)
    with pytest.raises(ValueError, match="acme"):
        AIWorkerProvider("acme")


def test_the_nearest_name_is_told() -> None:
    with with_acme() as manager:
        with raises_code(4, "did you mean 'acme'"):
            manager.add_worker_definition(worker("a", provider="acne"))
        with raises_code(4, "did you mean 'openai'"):
            manager.add_worker_definition(worker("a", provider="opnai"))


def test_a_definition_of_a_provider_that_a_manager_does_not_know_waits_for_one_that_does(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with with_acme(tmp_path) as manager:
        manager.add_worker_definition(ACME)
    with AIWorkerManager(tmp_path) as manager:
        assert 'definition 1 ("a"): field provider: expected one of google' in caplog.text
        manager.add_worker_definition(worker("b"))
        assert manager.execute_stateless_task("b", "hi").output == "echo: hi"
        with raises_code(40, "there is no provider 'acme'"):
            manager.execute_stateless_task("a", "hi")
    with with_acme(tmp_path) as manager:
        assert manager.get_worker_definition("a").provider == "acme"
        assert manager.load_worker_definitions_from_file() == 2


def test_a_package_makes_its_provider_known_to_every_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = EntryPoints([EntryPoint("acme", "tests.ai_wm.helpers:Answers", "ai_wm.providers")])
    with monkeypatch.context() as patch:
        patch.setattr("ai_wm.data.provider_names.entry_points", lambda **wanted: points.select(**wanted))
        with AIWorkerManager(tmp_path) as manager:
            manager.add_worker_definition(ACME)
            assert manager.execute_stateless_task("a", "hi").output == "yes"
        with AIWorkerManager(tmp_path) as manager:
            assert manager.get_worker_definition("a").provider == "acme"
    with AIWorkerManager(tmp_path) as manager, raises_code(40, "there is no provider 'acme'"):
        manager.execute_stateless_task("a", "hi")
