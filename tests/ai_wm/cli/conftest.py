"""A user's machine for the tests of the commands that ask models: a home directory, and a server that answers."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from neuroscript.cli import main
from tests.ai_wm.providers import loopback
from tests.ai_wm.providers.support import body_of, stream_of

KEY = "sk-of-the-user-0123456789"


@dataclass
class Home:
    """The home directory of a user who works in an empty directory beside it.

    Args:
        directory: the working directory.
        data: the user's data directory of the package.
        server: answers as OpenAI does, in one piece or streamed: ``reply`` is what it says.
    """

    directory: Path
    data: Path
    server: loopback.Loopback
    output: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    reply: list[str] = field(default_factory=lambda: ["A ", "reply."])

    def __call__(self, *arguments: str, stdin: str | bytes = "") -> tuple[int, str, str]:
        """Runs ``neuroscript``; gives status, output and errors."""
        content = stdin if isinstance(stdin, bytes) else stdin.encode()
        self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))
        self.output.readouterr()
        status = main(arguments)
        printed = self.output.readouterr()
        return status, printed.out, printed.err

    def rows(self, *arguments: str, stdin: str = "") -> list[dict[str, Any]]:
        """The lines of JSON that a command prints."""
        return [json.loads(line) for line in self(*arguments, stdin=stdin)[1].splitlines()]

    def write(self, name: str, text: str) -> None:
        """Writes a file in the working directory."""
        (self.directory / name).write_text(text)

    def add(self, name: str = "fast", *more: str) -> None:
        """Adds a worker on the server."""
        status, _, errors = self("workers", "add", name, "--model", "openai/gpt-4o-mini", *more)
        assert status == 0, errors

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What the model got in the last request."""
        found: list[dict[str, Any]] = self.server.received[-1].json["messages"]
        return found

    @property
    def keys_seen(self) -> list[str]:
        """The keys of the requests that arrived."""
        return [each.headers.get("authorization", "").removeprefix("Bearer ") for each in self.server.received]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Home]:
    """A user's home without workers, keys or a log, where ``OPENAI_BASE_URL`` names a server of the test's own."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for kind in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / "home" / kind.lower()))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    for name in [
        name for name in os.environ if name.endswith(("_API_KEY", "_AUTH_TOKEN")) or name.startswith("OPENAI")
    ]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("NEUROSCRIPT_WORKERS", raising=False)
    with loopback.serve() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        made = Home(work, tmp_path / "home" / "data" / "neuroscript", server, capsys, monkeypatch)

        def answer(connection: Any) -> None:
            if server.received[-1].json.get("stream"):
                send = loopback.streamed(stream_of("openai", *made.reply))
                assert callable(send)
                send(connection)
            else:
                connection.sendall(loopback.reply(body_of("openai", "".join(made.reply))))

        server.will(answer)
        yield made
