"""The server: requests and notifications of the Language Server Protocol, each handed to its feature."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from neuroscript.language_server import completion, hover, navigation, semantic, symbols
from neuroscript.language_server.diagnostics import diagnostics
from neuroscript.language_server.document import Document
from neuroscript.language_server.fixes import code_actions
from neuroscript.language_server.layout import formatting
from neuroscript.language_server.project import Project, path_of
from neuroscript.program_text import may_use
from neuroscript.version import __version__

if TYPE_CHECKING:
    from neuroscript.interpreter import Interpreter

DELAY = 0.25
"""Seconds after the last change at which a document is checked."""

CONFIGURATION = "neuroscript.toml"

_WATCHED = ("**/*.ns", f"**/{CONFIGURATION}")


InterpreterFor: TypeAlias = "Callable[[str, Callable[[str], object]], Interpreter]"
"""Gives the interpreter whose tools, policy and directories the program of a path may use; what is wrong with the
configuration it tells by its second argument."""


class RequestRefused(JsonRpcException):
    """A request that cannot be met, for a reason that the editor shows."""

    CODE = -32803  # RequestFailed
    MESSAGE = "Request refused"


class _Server:
    """The state of one session with an editor."""

    def __init__(self, interpreter_for: InterpreterFor) -> None:
        # Whole texts are sent: the lines of the library's incremental changes end at more characters than the
        # language's, and the protocol's.
        self.protocol = LanguageServer(
            "neuroscript", __version__, text_document_sync_kind=lsp.TextDocumentSyncKind.Full
        )
        self.project = Project(lambda path: interpreter_for(path, self.tell))
        self._waiting: asyncio.TimerHandle | None = None
        self._changed: set[str] = set()

    def tell(self, message: str) -> None:
        """Shows a message in the editor."""
        self.protocol.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Warning, message))

    # --- documents ---------------------------------------------------------------------------------------------------

    def initialize(self, params: lsp.InitializeParams) -> None:
        """Takes the editor's folders and units."""
        folders = [folder.uri for folder in params.workspace_folders or ()]
        self.project.folders = [path_of(uri) for uri in folders or [params.root_uri or ""] if uri.startswith("file:")]
        self.project.encoding = str(self.protocol.workspace.position_encoding)

    async def initialized(self, params: lsp.InitializedParams) -> None:
        """Asks to be told of changes of files that are not open."""
        workspace = self.protocol.client_capabilities.workspace
        watching = workspace.did_change_watched_files if workspace is not None else None
        if watching is not None and watching.dynamic_registration:
            watchers = [lsp.FileSystemWatcher(pattern) for pattern in _WATCHED]
            options = lsp.DidChangeWatchedFilesRegistrationOptions(watchers)
            registration = lsp.Registration("watched-files", lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
            await self.protocol.client_register_capability_async(lsp.RegistrationParams([registration]))

    def opened(self, params: lsp.DidOpenTextDocumentParams) -> None:
        """A document has been opened: it is checked at once."""
        self.project.put(params.text_document.uri, params.text_document.text, params.text_document.version)
        self.check()

    def changed(self, params: lsp.DidChangeTextDocumentParams) -> None:
        """A document has been changed: it is checked when no more changes come."""
        self._changed.add(params.text_document.uri)
        for change in params.content_changes:
            self.project.put(params.text_document.uri, change.text, params.text_document.version)
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = asyncio.get_running_loop().call_later(DELAY, self._check_changed)

    def saved(self, params: lsp.DidSaveTextDocumentParams) -> None:
        """A document has been saved."""
        self.check()

    def closed(self, params: lsp.DidCloseTextDocumentParams) -> None:
        """A document has been closed: its findings go away."""
        self.project.remove(params.text_document.uri)
        self._publish(params.text_document.uri, [])
        self.check()

    def files_changed(self, params: lsp.DidChangeWatchedFilesParams) -> None:
        """Files have been changed by others."""
        if any(change.uri.endswith(CONFIGURATION) for change in params.changes):
            self.project.refresh()
        self.check()

    def folders_changed(self, params: lsp.DidChangeWorkspaceFoldersParams) -> None:
        """The editor has other folders."""
        removed = {path_of(folder.uri) for folder in params.event.removed}
        added = [path_of(folder.uri) for folder in params.event.added]
        self.project.folders = [folder for folder in self.project.folders if folder not in removed] + added

    def check(self) -> None:
        """Checks all documents that are open."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        self._changed.clear()
        for uri, version, document in self.project.opened():
            self._publish(uri, diagnostics(self.project, document), version)

    def _check_changed(self) -> None:
        """Checks the documents that have been changed, and those that use files, which may be the ones."""
        changed = self._changed.copy()
        self._changed.clear()
        self._waiting = None
        for uri, version, document in self.project.opened():
            if uri in changed or may_use(document.program.metadata):
                self._publish(uri, diagnostics(self.project, document), version)

    def _publish(self, uri: str, found: list[lsp.Diagnostic], version: int | None = None) -> None:
        self.protocol.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, found, version))

    # --- requests ----------------------------------------------------------------------------------------------------

    def document(self, params: Any) -> Document | None:
        """The document that a request is about."""
        return self.project.get(params.text_document.uri)

    def complete(self, params: lsp.CompletionParams) -> lsp.CompletionList:
        """Answers what can be completed."""
        document = self.document(params)
        if document is None:
            return lsp.CompletionList(False, [])
        text = self.protocol.client_capabilities.text_document
        offered = text.completion.completion_item if text is not None and text.completion is not None else None
        snippets = offered is not None and bool(offered.snippet_support)
        items = completion.complete(self.project, document, params.position, snippets=snippets)
        return lsp.CompletionList(False, items)

    def resolve_completion(self, item: lsp.CompletionItem) -> lsp.CompletionItem:
        """Answers what is shown of an item."""
        return completion.resolve(self.project, item)

    def hover(self, params: lsp.HoverParams) -> lsp.Hover | None:
        """Answers what a name is."""
        document = self.document(params)
        return hover.hover(self.project, document, params.position) if document is not None else None

    def signature_help(self, params: lsp.SignatureHelpParams) -> lsp.SignatureHelp | None:
        """Answers which parameters a call has."""
        document = self.document(params)
        return hover.signature_help(self.project, document, params.position) if document is not None else None

    def definition(self, params: lsp.DefinitionParams) -> list[lsp.Location]:
        """Answers where a name is defined."""
        document = self.document(params)
        return navigation.definition(self.project, document, params.position) if document is not None else []

    def references(self, params: lsp.ReferenceParams) -> list[lsp.Location]:
        """Answers where a name is used."""
        document = self.document(params)
        if document is None:
            return []
        declaration = params.context.include_declaration
        return navigation.references(self.project, document, params.position, declaration=declaration)

    def highlights(self, params: lsp.DocumentHighlightParams) -> list[lsp.DocumentHighlight]:
        """Answers where a name is used in its document."""
        document = self.document(params)
        return navigation.highlights(self.project, document, params.position) if document is not None else []

    def prepare_rename(self, params: lsp.PrepareRenameParams) -> lsp.Range | None:
        """Answers which name would be changed."""
        document = self.document(params)
        if document is None:
            return None
        try:
            return navigation.prepare_rename(self.project, document, params.position)
        except navigation.CannotRename as error:
            raise RequestRefused(str(error)) from None

    def rename(self, params: lsp.RenameParams) -> lsp.WorkspaceEdit | None:
        """Answers what changes with a name."""
        document = self.document(params)
        if document is None:
            return None
        try:
            return navigation.rename(self.project, document, params.position, params.new_name)
        except navigation.CannotRename as error:
            raise RequestRefused(str(error)) from None

    def links(self, params: lsp.DocumentLinkParams) -> list[lsp.DocumentLink]:
        """Answers which files are named."""
        document = self.document(params)
        return navigation.links(self.project, document) if document is not None else []

    def document_symbols(self, params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
        """Answers what a document defines."""
        document = self.document(params)
        return symbols.document_symbols(document) if document is not None else []

    def workspace_symbols(self, params: lsp.WorkspaceSymbolParams) -> list[lsp.WorkspaceSymbol]:
        """Answers what all documents define."""
        return symbols.workspace_symbols(self.project, params.query)

    def folding(self, params: lsp.FoldingRangeParams) -> list[lsp.FoldingRange]:
        """Answers what can be folded."""
        document = self.document(params)
        return symbols.folding_ranges(document) if document is not None else []

    def format(self, params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit] | None:
        """Answers how a document is laid out."""
        document = self.document(params)
        return formatting(document) if document is not None else None

    def semantic_tokens(self, params: lsp.SemanticTokensParams) -> lsp.SemanticTokens:
        """Answers what each word means."""
        document = self.document(params)
        if document is None:
            return lsp.SemanticTokens([])
        procedures = frozenset(self.project.procedures(document))
        return lsp.SemanticTokens(semantic.semantic_tokens(document, procedures))

    def inlay_hints(self, params: lsp.InlayHintParams) -> list[lsp.InlayHint]:
        """Answers which types variables have."""
        document = self.document(params)
        return semantic.inlay_hints(document, params.range) if document is not None else []

    def actions(self, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        """Answers how findings are mended."""
        only = params.context.only
        if only and not any(lsp.CodeActionKind.QuickFix.startswith(kind) for kind in only):
            return []
        document = self.document(params)
        return code_actions(self.project, document, params.context.diagnostics) if document is not None else []


def make_server(interpreter_for: InterpreterFor) -> LanguageServer:
    """Makes a server, which `serve` starts."""
    server = _Server(interpreter_for)
    feature = server.protocol.feature
    for method, handler in (
        (lsp.INITIALIZE, server.initialize),
        (lsp.INITIALIZED, server.initialized),
        (lsp.TEXT_DOCUMENT_DID_OPEN, server.opened),
        (lsp.TEXT_DOCUMENT_DID_CHANGE, server.changed),
        (lsp.TEXT_DOCUMENT_DID_SAVE, server.saved),
        (lsp.TEXT_DOCUMENT_DID_CLOSE, server.closed),
        (lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, server.files_changed),
        (lsp.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS, server.folders_changed),
        (lsp.COMPLETION_ITEM_RESOLVE, server.resolve_completion),
        (lsp.TEXT_DOCUMENT_HOVER, server.hover),
        (lsp.TEXT_DOCUMENT_DEFINITION, server.definition),
        (lsp.TEXT_DOCUMENT_REFERENCES, server.references),
        (lsp.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT, server.highlights),
        (lsp.TEXT_DOCUMENT_PREPARE_RENAME, server.prepare_rename),
        (lsp.TEXT_DOCUMENT_DOCUMENT_LINK, server.links),
        (lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL, server.document_symbols),
        (lsp.WORKSPACE_SYMBOL, server.workspace_symbols),
        (lsp.TEXT_DOCUMENT_FOLDING_RANGE, server.folding),
        (lsp.TEXT_DOCUMENT_FORMATTING, server.format),
        (lsp.TEXT_DOCUMENT_INLAY_HINT, server.inlay_hints),
    ):
        feature(method)(_function(handler))
    feature(
        lsp.TEXT_DOCUMENT_COMPLETION,
        lsp.CompletionOptions(trigger_characters=completion.TRIGGERS, resolve_provider=True),
    )(_function(server.complete))
    feature(lsp.TEXT_DOCUMENT_SIGNATURE_HELP, lsp.SignatureHelpOptions(["(", ","], [")"]))(
        _function(server.signature_help)
    )
    feature(lsp.TEXT_DOCUMENT_RENAME, lsp.RenameOptions(prepare_provider=True))(_function(server.rename))
    feature(lsp.TEXT_DOCUMENT_CODE_ACTION, lsp.CodeActionOptions([lsp.CodeActionKind.QuickFix]))(
        _function(server.actions)
    )
    feature(lsp.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL, lsp.SemanticTokensLegend(semantic.TYPES, semantic.MODIFIERS))(
        _function(server.semantic_tokens)
    )
    logging.getLogger("pygls.protocol.json_rpc").addFilter(_is_worth_logging)
    return server.protocol


def serve(interpreter_for: InterpreterFor, stdin: BinaryIO, stdout: BinaryIO) -> None:
    """Serves an editor over two streams, until it goes away."""
    make_server(interpreter_for).start_io(stdin, stdout)


def _function(handler: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A method as a function: the library notes on a handler what it is for, which a bound method does not take."""
    if asyncio.iscoroutinefunction(handler):

        async def wait(params: Any) -> Any:
            return await handler(params)

        return wait

    def call(params: Any) -> Any:
        return handler(params)

    return call


def _is_worth_logging(record: logging.LogRecord) -> bool:
    """Whether a record is none of a request that was refused, which the editor shows."""
    return not (record.exc_info and isinstance(record.exc_info[1], RequestRefused))
