"""Every request is answered whatever the text is: programs are broken most of the time that they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lsprotocol import types as lsp

from neuroscript import Interpreter
from neuroscript.language_server import completion, hover, navigation, semantic, symbols
from neuroscript.language_server.diagnostics import diagnostics
from neuroscript.language_server.document import Document
from neuroscript.language_server.fixes import code_actions
from neuroscript.language_server.layout import formatting
from neuroscript.language_server.project import Project
from tests.language_server.conftest import Editor

PROGRAMS = sorted((Path(__file__).parents[1] / "conformance").rglob("*.ns")) or sorted(
    (Path(__file__).parents[2] / "examples").rglob("*.ns")
)
PIECES = [
    *("", "(", ")", "[", "]", "{", "}", '"', "'", "```", "'''", "\\", "#", ".", ",", ":", "=", "\n", "\r", "\t", "\0"),
    *(
        "func ",
        "endfunc",
        "if ",
        "else",
        "endif",
        "for each ",
        "on error do",
        "command\n",
        "endcommand",
        "set ",
        "tool.",
    ),
    *("\n:: uses: x.ns\n", "{{", "}}", "é", "𝄞", "\u2028", "\x0b", "1e999", "not ", "ask ", "with {", "call f("),
]


def rename(project: Project, document: Document, position: lsp.Position) -> object:
    try:
        return navigation.rename(project, document, position, "other_name")
    except navigation.CannotRename as error:
        return str(error)


def every_answer(project: Project, document: Document, position: lsp.Position) -> Iterator[Any]:
    """The answers to all requests about a document, and about a place in it."""
    found = diagnostics(project, document)
    yield found
    yield code_actions(project, document, found)
    for item in completion.complete(project, document, position, snippets=True)[:2]:
        yield completion.resolve(project, item)
    yield hover.hover(project, document, position)
    yield hover.signature_help(project, document, position)
    yield navigation.definition(project, document, position)
    yield navigation.references(project, document, position, declaration=True)
    yield navigation.highlights(project, document, position)
    yield rename(project, document, position)
    yield navigation.links(project, document)
    yield symbols.document_symbols(document)
    yield symbols.workspace_symbols(project, "")
    yield symbols.folding_ranges(document)
    yield formatting(document)
    yield semantic.semantic_tokens(document, frozenset(project.procedures(document)))
    yield semantic.inlay_hints(document, document.text.whole())


def ranges(answer: object) -> Iterator[lsp.Range]:
    """All ranges in an answer."""
    if isinstance(answer, lsp.Range):
        yield answer
    elif isinstance(answer, list | tuple):
        for item in answer:
            yield from ranges(item)
    elif isinstance(answer, dict):
        for item in answer.values():
            yield from ranges(item)
    elif hasattr(answer, "__attrs_attrs__"):
        for attribute in answer.__attrs_attrs__:
            yield from ranges(getattr(answer, attribute.name))


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    with Interpreter(plugins=False) as interpreter:
        yield Project(lambda path: interpreter)


@st.composite
def broken(draw: Callable[[Any], Any]) -> tuple[str, int]:
    """A program with pieces cut out and put in, and a place in it."""
    text = draw(st.sampled_from(PROGRAMS)).read_bytes().decode("utf-8", "replace")[:3000]
    random = Random(draw(st.integers(0, 2**32)))
    for _ in range(draw(st.integers(0, 4))):
        at = random.randrange(len(text) + 1)
        text = text[:at] + random.choice(PIECES) + text[at + random.randrange(12) :]
    if draw(st.booleans()):
        text = text[: random.randrange(len(text) + 1)]
    return text, random.randrange(len(text) + 1)


@settings(max_examples=150, deadline=None)
@given(broken())
@example(("", 0))
@example(("\ufefffunc f means\n  emit x\nendfunc", 12))
@example(("\ud800", 1))
@example(("func f means\n" + "if x\n" * 500, 30))
@example(("emit " + "(" * 500, 300))
def test_every_request_is_answered_and_every_range_lies_in_the_text(project: Project, text: tuple[str, int]) -> None:
    content, offset = text
    document = project.put("untitled:one", content, 1)
    lines = document.text.line_count
    for answer in every_answer(project, document, document.text.position(offset)):
        for one in ranges(answer):
            assert (one.start.line, one.start.character) <= (one.end.line, one.end.character)
            assert one.end.line < lines
            assert document.text.position(document.text.offset(one.end)) == one.end


@settings(max_examples=50, deadline=None)
@given(broken(), st.sampled_from(["utf-8", "utf-16", "utf-32"]))
def test_positions_and_offsets_are_inverse(text: tuple[str, int], encoding: str) -> None:
    from neuroscript.language_server.text import Text

    content, offset = text
    whole = Text(content, encoding)
    if content[offset - 1 : offset + 1] != "\r\n":
        assert whole.offset(whole.position(offset)) == offset


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_lines_end_as_the_language_has_it(project: Project, ending: str) -> None:
    text = ending.join(["func f means", "  emit '\u2028\x0b'", "  emit totl", "endfunc", ""])
    document = project.put("untitled:one", text, 1)
    assert [one.range.start for one in diagnostics(project, document)] == [lsp.Position(2, 7)]


def test_a_text_beyond_the_limits_is_answered_too(editor: Editor) -> None:
    document = editor.open("func f means\n" + "  emit 1 # é\n" * 100_000 + "endfunc\n")
    assert "more than the 1,048,576 bytes" in document.messages[0]
    params = lsp.DocumentSymbolParams(document.identifier)
    assert editor.ask(lambda client: client.text_document_document_symbol_async(params)) is not None


def test_a_document_that_is_not_there(editor: Editor) -> None:
    nowhere = lsp.TextDocumentIdentifier((editor.folder / "gone.ns").as_uri())
    params = lsp.HoverParams(nowhere, lsp.Position(0, 0))
    assert editor.ask(lambda client: client.text_document_hover_async(params)) is None
    wanted = lsp.CompletionParams(nowhere, lsp.Position(3, 4))
    found = editor.ask(lambda client: client.text_document_completion_async(wanted))
    assert isinstance(found, lsp.CompletionList)
    assert not found.items


@pytest.mark.parametrize("uri", ["file:///nowhere/%00x.ns", "file:///a%0Ab.ns", "untitled:a\0b", "weird:%00", ""])
def test_a_name_that_no_file_can_have_spoils_no_other_document(editor: Editor, uri: str) -> None:
    editor.open("func a() means\nendfunc\n", uri=uri)
    other = editor.open("func b() means\n  call ‸b()\nendfunc\n")
    wanted = lsp.ReferenceParams(lsp.ReferenceContext(include_declaration=True), **other.at)
    assert len(editor.ask(lambda client: client.text_document_references_async(wanted)) or []) == 2
