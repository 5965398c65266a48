"""The outline of a document, the symbols of all, and what can be folded."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from lsprotocol import types as lsp

from neuroscript.compiler.resolve import Body
from neuroscript.language_server.document import Document
from neuroscript.language_server.project import Project, shown_path
from neuroscript.output import one_line
from neuroscript.syntax import nodes as n
from neuroscript.syntax.lexer import CODES, END, LITERAL_STRING, NEWLINE, RAW_STRING

MOST_SYMBOLS = 500

_OPENERS = frozenset(CODES[name] for name in ("FUNC", "COMMAND", "IF", "WHILE", "FOR", "ON", "ON_ERROR"))
_ENDS = frozenset(CODES[name] for name in ("ENDFUNC", "ENDCOMMAND", "ENDIF", "ENDWHILE", "ENDFOR", "ENDON", "ENDEVENT"))
_ELSE = CODES["ELSE"]
_BRACKETS = {CODES[name]: 1 for name in ("LPAR", "LSQB", "LBRACE")} | {
    CODES[n_]: -1 for n_ in ("RPAR", "RSQB", "RBRACE")
}
_LONG = frozenset({RAW_STRING, LITERAL_STRING})


def document_symbols(document: Document) -> list[lsp.DocumentSymbol]:
    """The procedures, command blocks and event handlers of a document, with their parameters and variables."""
    ends = {start: end for start, end, _ in document.extents}
    bodies = {start: body for start, _, body in document.extents}
    found: list[lsp.DocumentSymbol] = []
    program = document.program
    for procedure in program.procedures:
        if procedure.name:
            start, _ = document.text.offsets(procedure.span)
            symbol = _symbol(document, procedure.name, lsp.SymbolKind.Function, start, ends, procedure.name_span)
            symbol.detail = procedure.signature.removeprefix(procedure.name)
            symbol.children = list(_variables(document, bodies.get(start)))
            found.append(symbol)
    for number, command in enumerate(program.commands, 1):
        name = "command" if len(program.commands) == 1 else f"command {number}"
        start, _ = document.text.offsets(command.span)
        symbol = _symbol(document, name, lsp.SymbolKind.Namespace, start, ends, command.span)
        symbol.children = list(_variables(document, bodies.get(start)))
        found.append(symbol)
    for handler in program.handlers:
        start, _ = document.text.offsets(handler.span)
        found.append(_symbol(document, _event(handler), lsp.SymbolKind.Event, start, ends, handler.span))
    return sorted(found, key=lambda symbol: (symbol.range.start.line, symbol.range.start.character))


def workspace_symbols(project: Project, query: str) -> list[lsp.WorkspaceSymbol]:
    """The procedures and events of all programs whose names have the letters of a query, in its order."""
    found = []
    for document in project.files():
        program = document.program
        named = [(each.name, lsp.SymbolKind.Function, each.name_span) for each in program.procedures if each.name]
        named += [(_event(each), lsp.SymbolKind.Event, each.span) for each in program.handlers]
        for name, kind, span in named:
            if _has_letters(name.lower(), query.lower()):
                location = lsp.Location(project.uri(document), document.text.range_of(span))
                container = shown_path(document, document)
                found.append(lsp.WorkspaceSymbol(location, name, kind, container_name=container))
                if len(found) >= MOST_SYMBOLS:
                    return found
    return found


def _has_letters(name: str, query: str) -> bool:
    letters = iter(name)
    return all(letter in letters for letter in query)


def _event(handler: n.OnEvent) -> str:
    event = handler.event.value if isinstance(handler.event, n.Literal) else "…"
    return one_line(f"on event {event}" + (f" ({handler.named})" if handler.named else ""))


def _symbol(
    document: Document, name: str, kind: lsp.SymbolKind, start: int, ends: dict[int, int], name_span: n.Span
) -> lsp.DocumentSymbol:
    # What stands between the end of one definition and the beginning of the next belongs to neither.
    end = _trimmed(document, ends.get(start, start))
    selection = document.text.range_of(name_span)
    end = max(end, document.text.offset(selection.end))
    return lsp.DocumentSymbol(name, kind, document.text.range(start, end), selection)


def _trimmed(document: Document, end: int) -> int:
    """The end of the last token before an offset, comments and empty lines aside."""
    tokens = document.tokens
    place = bisect_left(tokens.starts, end) - 1
    while place >= 0 and tokens.codes[place] in (NEWLINE, END):
        place -= 1
    return min(tokens.ends[place], end) if place >= 0 else 0


def _variables(document: Document, body: Body | None) -> Iterator[lsp.DocumentSymbol]:
    """The variables of a body, each where it stands first."""
    seen: set[str] = set()
    for each in document.names_in(body) if body is not None else ():
        if body is not None and each.name in body.variables and each.name not in seen:
            seen.add(each.name)
            place = document.text.range(each.start, each.end)
            yield lsp.DocumentSymbol(each.name, lsp.SymbolKind.Variable, place, place)


def folding_ranges(document: Document) -> list[lsp.FoldingRange]:
    """The blocks, brackets, long strings and runs of comments that take several lines."""
    tokens = document.tokens
    found: list[lsp.FoldingRange] = []
    blocks: list[int] = []
    brackets: list[int] = []
    is_first = True
    for place, code in enumerate(tokens.codes):
        line = document.text.position(tokens.starts[place]).line
        if code == NEWLINE:
            found += _comments(document, tokens.texts[place], line, is_first)
        elif is_first and code in _OPENERS:
            blocks.append(line)
        elif is_first and (code in _ENDS or code == _ELSE) and blocks:
            _fold(found, blocks.pop(), line - 1)
            if code == _ELSE:
                blocks.append(line)
        elif code in _BRACKETS:
            if _BRACKETS[code] > 0:
                brackets.append(line)
            elif brackets:
                _fold(found, brackets.pop(), line - 1)
        elif code in _LONG:
            _fold(found, line, document.text.position(tokens.ends[place]).line)
        is_first = code == NEWLINE
    return found


def _comments(document: Document, text: str, line: int, is_first: bool) -> Iterator[lsp.FoldingRange]:
    """The runs of comment lines in the token that ends a line and has the lines below it up to the next statement."""
    rows = [row.strip() for row in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    begin: int | None = None
    for number, row in enumerate([*rows, ""]):
        is_comment = bool(row) and (number > 0 or is_first)
        if is_comment and begin is None:
            begin = number
        elif not is_comment and begin is not None:
            if number - begin > 1:
                yield lsp.FoldingRange(line + begin, line + number - 1, kind=lsp.FoldingRangeKind.Comment)
            begin = None


def _fold(found: list[lsp.FoldingRange], first: int, last: int) -> None:
    if last > first:
        found.append(lsp.FoldingRange(first, last))
