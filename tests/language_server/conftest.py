"""An editor for the tests: a client that talks to ``neuroscript lsp`` over the process's standard streams."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

pytest.importorskip("pygls")

from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

CURSOR = "‸"
"""Marks the place of the cursor in the texts of the tests."""

TIMEOUT = 30

Result = TypeVar("Result")


@dataclass
class Opened:
    """A document that is open in the editor, and the places that its text marks."""

    editor: Editor
    uri: str
    version: int
    text: str
    places: list[lsp.Position]

    @property
    def cursor(self) -> lsp.Position:
        return self.places[0]

    @property
    def identifier(self) -> lsp.TextDocumentIdentifier:
        return lsp.TextDocumentIdentifier(self.uri)

    @property
    def at(self) -> dict[str, Any]:
        """The arguments of a request about the place of the cursor."""
        return {"text_document": self.identifier, "position": self.cursor}

    def piece(self, found: lsp.Range) -> str:
        """The text of a range."""
        return self.text[self.offset(found.start) : self.offset(found.end)]

    def offset(self, position: lsp.Position) -> int:
        lines = self.text.split("\n")
        before = sum(len(line) + 1 for line in lines[: position.line])
        row = lines[position.line].encode("utf-16-le")
        return before + len(row[: 2 * position.character].decode("utf-16-le"))

    def edited(self, edits: list[lsp.TextEdit]) -> str:
        """The text after changes."""
        text = self.text
        for edit in sorted(edits, key=lambda one: self.offset(one.range.start), reverse=True):
            text = text[: self.offset(edit.range.start)] + edit.new_text + text[self.offset(edit.range.end) :]
        return text

    def change(self, text: str) -> None:
        """Types: the document has another text, in which places may be marked."""
        self.text, self.places = unmarked(text)
        self.version = next(self.editor.versions)
        self.editor.tell(
            lambda client: client.text_document_did_change(
                lsp.DidChangeTextDocumentParams(
                    lsp.VersionedTextDocumentIdentifier(self.version, self.uri),
                    [lsp.TextDocumentContentChangeWholeDocument(self.text)],
                )
            )
        )

    def save(self) -> None:
        params = lsp.DidSaveTextDocumentParams(self.identifier)
        self.editor.tell(lambda client: client.text_document_did_save(params))

    def close(self) -> None:
        params = lsp.DidCloseTextDocumentParams(self.identifier)
        self.editor.tell(lambda client: client.text_document_did_close(params))
        self.editor.documents.remove(self)

    @property
    def findings(self) -> list[lsp.Diagnostic]:
        """What the server has published of the document in this version."""
        return self.editor.wait_for(lambda: self.editor.published.get((self.uri, self.version)))

    @property
    def messages(self) -> list[str]:
        return [one.message for one in self.findings]


def unmarked(text: str) -> tuple[str, list[lsp.Position]]:
    """A text without its marks, and where they stood."""
    pieces = text.split(CURSOR)
    places = []
    before = ""
    for piece in pieces[:-1]:
        before += piece
        row = before.rpartition("\n")[2]
        places.append(lsp.Position(before.count("\n"), len(row.encode("utf-16-le")) // 2))
    return "".join(pieces), places


class Editor:
    """A client, in a thread of its own, and the server that it has started."""

    def __init__(self, folder: Path, *options: str, snippets: bool = True, env: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.published: dict[tuple[str, int | None], list[lsp.Diagnostic]] = {}
        self.documents: list[Opened] = []
        self.shown: list[str] = []
        self.registered: list[str] = []
        self.versions = itertools.count(1)
        self._heard = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.client = self._client()
        environment = {**os.environ, "XDG_CONFIG_HOME": str(folder / ".config"), **(env or {})}
        command = (sys.executable, "-m", "neuroscript", "lsp", *options)
        self._wait(self.client.start_io(*command, cwd=folder, env=environment))
        item = lsp.ClientCompletionItemOptions(snippet_support=snippets)
        watching = lsp.DidChangeWatchedFilesClientCapabilities(dynamic_registration=True)
        capabilities = lsp.ClientCapabilities(
            workspace=lsp.WorkspaceClientCapabilities(did_change_watched_files=watching),
            text_document=lsp.TextDocumentClientCapabilities(
                completion=lsp.CompletionClientCapabilities(completion_item=item)
            ),
        )
        folders = [lsp.WorkspaceFolder(folder.as_uri(), folder.name)]
        params = lsp.InitializeParams(capabilities, process_id=os.getpid(), workspace_folders=folders)
        self.server = self.ask(lambda client: client.initialize_async(params))
        self.tell(lambda client: client.initialized(lsp.InitializedParams()))

    def _client(self) -> LanguageClient:
        client = LanguageClient("tests", "1")

        @client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def publish(params: lsp.PublishDiagnosticsParams) -> None:
            with self._heard:
                self.published[params.uri, params.version] = list(params.diagnostics)
                self._heard.notify_all()

        @client.feature(lsp.WINDOW_SHOW_MESSAGE)
        def show(params: lsp.ShowMessageParams) -> None:
            with self._heard:
                self.shown.append(params.message)
                self._heard.notify_all()

        @client.feature(lsp.CLIENT_REGISTER_CAPABILITY)
        def register(params: lsp.RegistrationParams) -> None:
            with self._heard:
                self.registered += [each.method for each in params.registrations]
                self._heard.notify_all()

        return client

    def _wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(TIMEOUT)

    def ask(self, request: Callable[[LanguageClient], Coroutine[Any, Any, Result]]) -> Result:
        """The answer to a request."""
        return self._wait(request(self.client))

    def tell(self, notification: Callable[[LanguageClient], object]) -> None:
        async def send() -> None:
            notification(self.client)

        self._wait(send())

    def wait_for(self, found: Callable[[], Result | None]) -> Result:
        """What is there as soon as the server has told it."""
        with self._heard:
            assert self._heard.wait_for(lambda: found() is not None, TIMEOUT), "the server told nothing"
            result = found()
        assert result is not None
        return result

    def open(self, text: str, name: str = "", uri: str = "") -> Opened:
        """Opens a document: of the file of that name, which need not be there, of an address, or without a file."""
        plain, places = unmarked(text)
        number = next(self.versions)
        uri = uri or ((self.folder / name).as_uri() if name else f"untitled:Untitled-{number}")
        params = lsp.DidOpenTextDocumentParams(lsp.TextDocumentItem(uri, "neuroscript", number, plain))
        self.tell(lambda client: client.text_document_did_open(params))
        self.documents.append(Opened(self, uri, number, plain, places))
        return self.documents[-1]

    def write(self, text: str, name: str) -> str:
        """Writes a file; returns its address."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path.as_uri()

    def close(self) -> int:
        """Says good-bye; returns the server's exit status."""
        self.ask(lambda client: client.shutdown_async(None))
        server = self.client._server
        assert server is not None
        self.tell(lambda client: client.exit(None))
        status = self._wait(server.wait())
        self._wait(self.client.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIMEOUT)
        self._loop.close()
        return status


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Editor]]:
    """Starts servers with options, in an empty folder."""
    started: list[Editor] = []

    def make(*options: str, **more: Any) -> Editor:
        started.append(Editor(tmp_path, *options, **more))
        return started[-1]

    yield make
    for each in started:
        assert each.close() == 0


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    editor = Editor(tmp_path_factory.mktemp("editor"), "--globals", "region", "--deny", "fs.Delete")
    yield editor
    assert editor.close() == 0


@pytest.fixture
def editor(shared: Editor) -> Iterator[Editor]:
    """An editor whose server is that of all tests; documents that are left open are closed."""
    yield shared
    for document in list(shared.documents):
        document.close()
    for path in sorted(shared.folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def run_lsp(*arguments: str, stdin: bytes = b"", cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    """Runs the command without an editor."""
    command = [sys.executable, "-m", "neuroscript", "lsp", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=TIMEOUT, check=False, cwd=cwd)
