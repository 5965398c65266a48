"""What is shown while a program is read: hover, signatures, outline, folding, colours, hints, layout."""

from __future__ import annotations

import pytest
from lsprotocol import types as lsp

from tests.language_server.conftest import CURSOR, Editor, Opened


def hover(document: Opened) -> str:
    params = lsp.HoverParams(**document.at)
    found = document.editor.ask(lambda client: client.text_document_hover_async(params))
    if found is None:
        return ""
    assert isinstance(found.contents, lsp.MarkupContent)
    assert found.range is not None
    return f"{document.piece(found.range)}: {found.contents.value}"


LIBRARY = """\
func greet(needs name optional times returns text) means
  :: description: Says hello.
  :: param:name: Who is greeted.
  return ```Hello {{name}}```
endfunc
"""


def body(text: str) -> str:
    return f"{LIBRARY}\nfunc main(needs orders) means\n{text}\nendfunc\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("  emit tool.str.To‸Upper(1)", ["tool.str.ToUpper: ", "tool.str.ToUpper(input_string: string) -> string"]),
        ("  emit ‸tool.STR.toupper(1)", ["tool.STR.toupper: ", "tool.str.ToUpper(input_string: string) -> string"]),
        ("  emit tool.s‸tr.ToUpper", ["tool.str.ToUpper(input_string: string) -> string"]),
        ('  emit tool.str.Join(["a"], sep‸arator: "b")', ["separator: ", "separator: string"]),
        (
            "  call gre‸et(1)",
            ["greet: ", "greet(needs name optional times returns text)", "Says hello.", "Who is"],
        ),
        ("  call greet(na‸me: 1)", ["name: ", "Who is greeted."]),
        ("  set total = 1\n  emit to‸tal", ["total: ", "total: int", "A variable."]),
        ('  set xs‸ = ["a"]', ["xs: ", "xs: list of string"]),
        ("  emit ord‸ers", ["orders: ", "A parameter."]),
        ("  set p = tool.time.Parts(1)\n  emit p‸", ["map of a moment's parts", "`year`"]),
        ("  set p = tool.time.Parts(1)\n  emit p.ye‸ar", ["year: ", "year: int"]),
        ("  i‸f true\n  endif", ["if: ", "else if condition"]),
        ("  emit le‸n(orders)", ["len: ", "len(x)"]),
        ("  emit TYPE_‸STRING", ["type constant"]),
        ("  emit la‸st", ["last: ", "The result of the latest"]),
        ("  emit orders.‸if", []),
        ("  emit unkno‸wn", []),
        ("  emit 12‸3", []),
        ('  emit "te‸xt"', []),
    ],
)
def test_what_a_name_is(editor: Editor, text: str, told: list[str]) -> None:
    found = hover(editor.open(body(text)))
    assert [part for part in told if part not in found] == []
    assert bool(found) == bool(told)


def test_a_procedure_of_another_file_says_where_it_is(editor: Editor) -> None:
    editor.write(LIBRARY, "lib/greeting.ns")
    document = editor.open(":: uses: lib/greeting.ns\nfunc main means\n  call gr‸eet(1)\nendfunc\n", "main.ns")
    assert "In `lib/greeting.ns`" in hover(document)


def test_texts_of_programs_are_shown_as_they_are(editor: Editor) -> None:
    text = "func f‸ means\n  :: description: <img src=x> [link](http://evil.example) `code` *b*\nendfunc\n"
    found = hover(editor.open(text))
    assert "\\<img src=x\\>" in found
    assert "\\[link\\](http" in found


@pytest.mark.parametrize(
    ("text", "label", "active"),
    [
        ("  emit tool.str.Replace(‸", "tool.str.Replace(input_string: string, old_substring: string", 0),
        ('  emit tool.str.Replace("a", ‸)', "tool.str.Replace(", 1),
        ('  emit tool.str.Replace("a,b", [1, 2], ‸', "tool.str.Replace(", 2),
        ('  emit tool.str.Replace("a", new_substring: ‸', "tool.str.Replace(", 2),
        ("  emit tool.list.Map([1, ‸", "tool.list.Map(", 0),
        ("  call greet(‸)", "greet(name, times?)", 0),
        ("  call greet(1,\n    ‸", "greet(name, times?)", 1),
        ("  call greet(times: ‸)", "greet(name, times?)", 1),
        ("  emit len(‸", "len(x)", 0),
        ("  emit tool.str.Length(len(‸", "len(x)", 0),
        ("  emit tool.str.Length(len(1), ‸", "tool.str.Length(", 1),
    ],
)
def test_the_signature_of_a_call(editor: Editor, text: str, label: str, active: int) -> None:
    document = editor.open(body(text))
    params = lsp.SignatureHelpParams(**document.at)
    found = editor.ask(lambda client: client.text_document_signature_help_async(params))
    assert found is not None
    assert found.signatures[0].label.startswith(label)
    assert found.active_parameter == active


@pytest.mark.parametrize("text", ["  emit (‸1)", "  emit ‸", "  call greet(1)\n  emit ‸", "  emit orders.f(‸"])
def test_no_signature_outside_of_calls(editor: Editor, text: str) -> None:
    params = lsp.SignatureHelpParams(**editor.open(body(text)).at)
    assert editor.ask(lambda client: client.text_document_signature_help_async(params)) is None


# --- outline ---------------------------------------------------------------------------------------------------------

OUTLINE = """\
# what it does
func first(needs a optional b) means
  set c = a
  set c = c + 1
endfunc

# about the second
func second means
  for each row in [1]
    emit row
"""


def test_the_outline_of_a_program_that_is_not_whole(editor: Editor) -> None:
    document = editor.open(OUTLINE + "\n" + 'on event "done" as e do\nendon\n')
    params = lsp.DocumentSymbolParams(document.identifier)
    found = list(editor.ask(lambda client: client.text_document_document_symbol_async(params)) or [])
    assert all(isinstance(one, lsp.DocumentSymbol) for one in found)
    rows = [
        (one.name, one.detail, document.piece(one.selection_range), [c.name for c in one.children or ()])
        for one in found
        if isinstance(one, lsp.DocumentSymbol)
    ]
    assert rows[:2] == [
        ("first", "(a, b?)", "first", ["a", "b", "c"]),
        ("second", "()", "second", ["row"]),
    ]
    first = found[0]
    assert isinstance(first, lsp.DocumentSymbol)
    assert document.piece(first.range).startswith("func first")
    assert document.piece(first.range).endswith("endfunc")


def test_symbols_of_all_programs(editor: Editor) -> None:
    editor.write(LIBRARY, "lib/greeting.ns")
    editor.write("func hidden means\nendfunc\n", ".git/greet.ns")
    editor.open(OUTLINE)
    params = lsp.WorkspaceSymbolParams("grt")
    found = editor.ask(lambda client: client.workspace_symbol_async(params)) or []
    assert [(one.name, one.container_name) for one in found] == [("greet", "greeting.ns")]
    everything = editor.ask(lambda client: client.workspace_symbol_async(lsp.WorkspaceSymbolParams(""))) or []
    assert {one.name for one in everything} == {"greet", "first", "second"}


def test_folding(editor: Editor) -> None:
    text = "# one\n# two\n\nfunc f means\n  if true\n    emit [\n      1\n    ]\n  else\n    emit 2\n  endif\nendfunc\n"
    params = lsp.FoldingRangeParams(editor.open(text).identifier)
    found = editor.ask(lambda client: client.text_document_folding_range_async(params)) or []
    ranges = sorted((one.start_line, one.end_line, one.kind) for one in found)
    assert ranges == [(0, 1, "comment"), (3, 10, None), (4, 7, None), (5, 6, None), (8, 9, None)]


# --- colours and hints -----------------------------------------------------------------------------------------------


def tokens(document: Opened) -> list[tuple[str, str]]:
    """The pieces of the text that have a meaning, each with its type and modifiers."""
    server = document.editor.server.capabilities.semantic_tokens_provider
    assert server is not None
    legend = server.legend
    params = lsp.SemanticTokensParams(document.identifier)
    found = document.editor.ask(lambda client: client.text_document_semantic_tokens_full_async(params))
    assert found is not None
    shown = []
    line = column = 0
    data = list(found.data)
    for at in range(0, len(data), 5):
        down, right, length, kind, modifiers = data[at : at + 5]
        line, column = line + down, right + (0 if down else column)
        place = lsp.Range(lsp.Position(line, column), lsp.Position(line, column + length))
        words = [name for bit, name in enumerate(legend.token_modifiers) if modifiers & 1 << bit]
        shown.append((document.piece(place), ".".join([legend.token_types[kind], *words])))
    return shown


def test_colours(editor: Editor) -> None:
    text = (
        "func greet(needs name) means\n  :: param:name: Who.\n"
        '  set é = 1 # ü 𝄞 note\n  set x = tool.str.ToUpper("𝄞" + name) ** 2\n'
        "  emit ```a {{x}}\n b```\n  call greet(name: x.key)\n  emit len(x)\nendfunc\n"
    )
    assert tokens(editor.open(text.replace("é", "e"))) == [
        ("func", "keyword"),
        ("greet", "function.declaration"),
        ("needs", "keyword"),
        ("name", "parameter.declaration"),
        ("means", "keyword"),
        (":: param:", "macro"),
        ("name", "parameter"),
        (": Who.", "macro"),
        ("set", "keyword"),
        ("e", "variable.modification"),
        ("=", "operator"),
        ("1", "number"),
        ("# ü 𝄞 note", "comment"),
        ("set", "keyword"),
        ("x", "variable.modification"),
        ("=", "operator"),
        ("tool", "keyword"),
        ("str", "namespace.defaultLibrary"),
        ("ToUpper", "method.defaultLibrary"),
        ('"𝄞"', "string"),
        ("+", "operator"),
        ("name", "parameter"),
        ("**", "operator"),
        ("2", "number"),
        ("emit", "keyword"),
        ("```a {{", "string"),
        ("x", "variable"),
        ("}}", "string"),
        ("b```", "string"),
        ("call", "keyword"),
        ("greet", "function"),
        ("name", "parameter"),
        ("x", "variable"),
        ("key", "property"),
        ("emit", "keyword"),
        ("len", "function.defaultLibrary"),
        ("x", "variable"),
        ("endfunc", "keyword"),
    ]


def hints(document: Opened) -> dict[str, str]:
    last = document.text.count("\n")
    params = lsp.InlayHintParams(document.identifier, lsp.Range(lsp.Position(0, 0), lsp.Position(last, 0)))
    found = document.editor.ask(lambda client: client.text_document_inlay_hint_async(params)) or []
    lines = document.text.split("\n")
    return {lines[one.position.line][: one.position.character].split()[-1]: str(one.label) for one in found}


def test_inferred_types(editor: Editor) -> None:
    text = """\
  set plain = 1
  set name = tool.str.ToUpper("x")
  set words = tool.str.Split(name, " ")
  set size = len(words) + 1
  set half = size / 2
  set rows = [{"a": 1}]
  set parts = tool.time.Parts(tool.time.Now())
  set any = orders
  for each word in words
    emit word
  endfor
"""
    assert hints(editor.open(body(text))) == {
        "name": ": string",
        "words": ": list of string",
        "size": ": int",
        "half": ": number",
        "rows": ": list of map of int",
        "parts": ": map of a moment's parts",
        "word": ": string",
    }


# --- layout ----------------------------------------------------------------------------------------------------------


def laid_out(document: Opened) -> tuple[str | None, int]:
    options = lsp.FormattingOptions(tab_size=4, insert_spaces=True)
    params = lsp.DocumentFormattingParams(document.identifier, options)
    edits = document.editor.ask(lambda client: client.text_document_formatting_async(params))
    return (None, 0) if edits is None else (document.edited(list(edits)), len(edits))


def test_layout(editor: Editor) -> None:
    document = editor.open("func f means\nset x=1\n  emit x\n      emit   x # é\nendfunc")
    assert laid_out(document) == ("func f means\n  set x = 1\n  emit x\n  emit x  # é\nendfunc\n", 2)


def test_what_is_laid_out_stays_as_it_is(editor: Editor) -> None:
    assert laid_out(editor.open(LIBRARY)) == (LIBRARY, 0)


def test_what_does_not_parse_is_not_laid_out(editor: Editor) -> None:
    assert laid_out(editor.open("func f means\nset x=\nendfunc\n")) == (None, 0)


def test_the_mark_of_the_cursor_is_in_no_text(editor: Editor) -> None:
    assert CURSOR not in editor.open("emit ‸").text
