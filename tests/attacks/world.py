"""A host with secrets, a script of an attacker's, and two servers: one that the host trusts, one that is hostile."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager, WorkerPolicy, register_ai_worker_tools
from neuroscript import Interpreter, NeuroScriptError, Policy
from tests.ai_wm.providers.loopback import Loopback, reply, serve
from tests.ai_wm.providers.support import body_of
from tests.attacks.support import body

SECRETS = {
    "OPENAI_API_KEY": "sk-host-openai-5c1f6e0a9d",
    "ANTHROPIC_API_KEY": "sk-host-anthropic-77aa01bb",
    "GEMINI_API_KEY": "AIza-host-gemini-0f0f0f0f",
    "GOOGLE_API_KEY": "AIza-host-google-1e1e1e1e",
    "GROQ_API_KEY": "gsk-host-groq-2d2d2d2d2d",
    "AWS_SECRET_ACCESS_KEY": "aws-host-secret-3c3c3c3c",
    "DATABASE_PASSWORD": "hunter2-host-password",
}
"""The host's environment.  What of it reaches the hostile server, or a script, is lost."""

INLINE = "sk-host-inline-4b4b4b4b"
FILED = "sk-host-filed-5a5a5a5a"
ALL_SECRETS = (*SECRETS.values(), INLINE, FILED)

_numbers = count()


@dataclass
class World:
    """One embedding under attack.

    Args:
        directory: the sandbox.
        config: the user's configuration directory, where ``keys.toml`` holds a key.
        evil: the hostile server.
        friend: the server that stands for the providers' own, named by the operator's variables.
        environ: the variables of the manager.
    """

    directory: Path
    config: Path
    evil: Loopback
    friend: Loopback
    environ: dict[str, str]
    stack: ExitStack
    seen: list[Any] = field(default_factory=list)

    def manager(self, **options: Any) -> AIWorkerManager:
        """A manager in the sandbox."""
        made = AIWorkerManager(self.directory, environ=self.environ, config_dir=self.config, **options)
        return self.stack.enter_context(made)

    def script(
        self,
        manager: AIWorkerManager,
        policy: WorkerPolicy | None = None,
        *,
        sandbox: Path | None = None,
        host: Policy | None = None,
    ) -> Script:
        """An interpreter for a script of the attacker's."""
        interpreter = Interpreter(
            sandbox=sandbox or self.directory, plugins=False, policy=host, emit=self.seen.append, environment=()
        )
        self.stack.enter_context(interpreter)
        register_ai_worker_tools(interpreter, manager, policy=policy)
        return Script(interpreter, manager, self)

    def host_adds(self, manager: AIWorkerManager, name: str = "helper", **fields: Any) -> str:
        """A definition of the host's, on the server that it trusts and with its own key."""
        return manager.add_worker_definition(
            {
                "name": name,
                "provider": "openai",
                "model_name": "m",
                "auth": {"method": "env_var", "value": "OPENAI_API_KEY"},
                "interaction_models": ["both"],
                **fields,
            }
        )

    def check_nothing_leaked(self) -> None:
        """That no secret reached the hostile server, or the script."""
        everything = [f"{request.path} {request.headers} {request.body!r}" for request in self.evil.received]
        everything += [repr(value) for value in self.seen]
        for text in everything:
            for secret in ALL_SECRETS:
                assert secret not in text, f"a secret leaked: {text[:300]}"


@dataclass
class Script:
    """A script, which says what it gets to the world's ``seen``."""

    interpreter: Interpreter
    manager: AIWorkerManager
    world: World

    def run(self, text: str, *args: Any) -> Any:
        """The result of a procedure with this body."""
        name = f"attempt_{next(_numbers)}"
        text = text.replace("$EVIL", self.world.evil.url).replace("$FRIEND", self.world.friend.url)
        self.interpreter.load(body(text, name))
        try:
            result = self.interpreter.run(name, *args)
        except NeuroScriptError as error:
            self.world.seen += [str(error), error.details]
            raise
        self.world.seen.append(result)
        return result

    def code(self, text: str, *args: Any) -> int:
        """The code that it ends in, 0 for none."""
        try:
            self.run(text, *args)
        except NeuroScriptError as error:
            return int(error.code)
        return 0

    def refusal(self, text: str, *args: Any) -> str:
        """The message of the refusal, error 10, that it ends in."""
        with pytest.raises(NeuroScriptError) as caught:
            self.run(text, *args)
        assert int(caught.value.code) == 10, str(caught.value)
        return caught.value.message


@contextmanager
def world_in(tmp_path: Path) -> Iterator[World]:
    """Such a world; at its end nothing may have leaked."""
    directory, config = tmp_path / "sandbox", tmp_path / "config"
    directory.mkdir()
    config.mkdir()
    (config / "keys.toml").write_text(f'[openai]\nkey = "{FILED}"\n')
    with serve() as evil, serve() as friend, ExitStack() as stack:
        evil.will(reply(body_of("openai")))
        friend.will(reply(body_of("openai")))
        environ = {**SECRETS, "OPENAI_BASE_URL": f"{friend.url}/v1", "ANTHROPIC_BASE_URL": friend.url}
        made = World(directory, config, evil, friend, environ, stack)
        yield made
        made.check_nothing_leaked()


def adding(name: str = "w", auth: dict[str, Any] | None = None, **fields: Any) -> str:
    """The call by which a script adds a definition."""
    given = {
        "name": name,
        "provider": "custom",
        "model_name": "m",
        "auth": auth or {"method": "none"},
        "interaction_models": ["both"],
        **fields,
    }
    return "call tool.AIWorkerDefinition.Add(" + ", ".join(f"{k}: {json.dumps(v)}" for k, v in given.items()) + ")"


def env(variable: str) -> dict[str, str]:
    """The key source of a variable."""
    return {"method": "env_var", "value": variable}


def ids(attacks: Sequence[Any]) -> list[str]:
    """Short names for a table of attacks: the beginning of what each says."""
    return [" ".join(str(attack[0]).split()[:9]) for attack in attacks]
