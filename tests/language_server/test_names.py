"""Definition, references, highlights, renaming, and links between files."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from tests.language_server.conftest import Editor, Opened

Places = list[tuple[str, int, str]]


def shown(document: Opened, found: list[lsp.Location], texts: dict[str, str] | None = None) -> Places:
    """The file, line and text of each place."""
    places = []
    for one in found:
        text = (texts or {}).get(one.uri, document.text)
        line = text.split("\n")[one.range.start.line]
        piece = line[one.range.start.character : one.range.end.character]
        places.append((one.uri.rpartition("/")[2], one.range.start.line + 1, piece))
    return sorted(places)


def definition(document: Opened) -> list[lsp.Location]:
    params = lsp.DefinitionParams(**document.at)
    found = document.editor.ask(lambda client: client.text_document_definition_async(params))
    assert isinstance(found, list)
    return [one for one in found if isinstance(one, lsp.Location)]


def references(document: Opened, *, declaration: bool = True) -> list[lsp.Location]:
    params = lsp.ReferenceParams(lsp.ReferenceContext(declaration), **document.at)
    return list(document.editor.ask(lambda client: client.text_document_references_async(params)) or [])


def rename(document: Opened, name: str) -> dict[str, list[lsp.TextEdit]]:
    params = lsp.RenameParams(new_name=name, **document.at)
    edit = document.editor.ask(lambda client: client.text_document_rename_async(params))
    assert edit is not None
    return {uri: list(edits) for uri, edits in (edit.changes or {}).items()}


VARIABLES = [
    "func f(needs count) means\n  emit ‸count\nendfunc\nfunc g means\n  set count = 1\nendfunc\n",
    "func f means\n  set count = 1\n  set count = coun‸t + 1\nendfunc\n",
    "func f means\n  for each count in [1]\n    emit count‸\n  endfor\nendfunc\n",
    "func f means\n  set rows = {}\n  for each count, row in rows\n    emit [‸count, row]\n  endfor\nendfunc\n",
    'func f means\n  ask "x" into count\n  emit ‸count\nendfunc\n',
    "func f means\n  set a, count = [1, 2]\n  emit ```{{ ‸count }}```\nendfunc\n",
    'func f means\n  set count = 1\n  emit eval("\\t {{count‸}}")\nendfunc\n',
    'on event "e" as count do\n  emit ‸count.name\nendon\n',
    "command\n  set count = 1\n  on error do\n    emit ‸count\n    clear_error\n  endon\nendcommand\n",
    "func f means\n  set count = 1\n  emit ‸count +\n  set broken = (\n",
]


@pytest.mark.parametrize("text", VARIABLES)
def test_the_definition_of_a_variable_is_where_it_is_set_first(editor: Editor, text: str) -> None:
    document = editor.open(text)
    (found,) = definition(document)
    assert document.piece(found.range) == "count"
    assert document.offset(found.range.start) == document.text.index("count")


@pytest.mark.parametrize("text", VARIABLES)
def test_a_variable_is_renamed_wherever_it_stands(editor: Editor, text: str) -> None:
    document = editor.open(text)
    (edits,) = rename(document, "number").values()
    other = text.split("func g")[1] if "func g" in text else ""
    own = document.text.removesuffix(other) if other else document.text
    assert document.edited(edits) == own.replace("count", "number") + other


TWO = """\
func helper(needs text optional times) means
  :: param:text: What it takes.
  return text
endfunc

func main means
  call helper("a", times: 2)
  emit tool.list.Map(["a"], helper)
  set helped = helper(text: "b")
endfunc
"""


def marked(text: str, piece: str, number: int = 1) -> str:
    """A text with the cursor at an occurrence of a piece."""
    at = -1
    for _ in range(number):
        at = text.index(piece, at + 1)
    return text[:at] + "‸" + text[at:]


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_procedure_is_renamed_in_calls_and_as_a_value(editor: Editor, number: int) -> None:
    document = editor.open(marked(TWO, "helper", number))
    assert [place[1] for place in shown(document, definition(document))] == [1]
    assert [place[1] for place in shown(document, references(document))] == [1, 7, 8, 9]
    assert [place[1] for place in shown(document, references(document, declaration=False))] == [7, 8, 9]
    (edits,) = rename(document, "assist").values()
    assert document.edited(edits) == TWO.replace("helper", "assist")


@pytest.mark.parametrize("place", ["text optional", "text: What", 'text: "b"'])
def test_a_parameter_is_renamed_with_the_arguments_that_name_it(editor: Editor, place: str) -> None:
    document = editor.open(marked(TWO, place))
    (edits,) = rename(document, "word").values()
    wanted = TWO.replace("text", "word")
    assert document.edited(edits) == wanted
    assert [each[1] for each in shown(document, definition(document))] == [1]


@pytest.mark.parametrize(
    ("text", "name", "why"),
    [
        ("func f means\n  set a = 1\n  emit ‸a\nendfunc\n", "if", "`if` is a reserved word"),
        ("func f means\n  set a = 1\n  emit ‸a\nendfunc\n", "len", "has a meaning of its own"),
        ("func f means\n  set a = 1\n  emit ‸a\nendfunc\n", "1a", "is no name"),
        ("func f means\n  set a = 1\n  set b = ‸a\nendfunc\n", "b", "is used in f already"),
        ("func f means\n  set a = g()\n  emit ‸a\nendfunc\nfunc g means\nendfunc\n", "g", "is used in f already"),
        ("func f means\n  set ‸a = 1\nendfunc\nfunc g means\nendfunc\n", "g", "there is a procedure 'g' already"),
        ("func f(needs ‸a) means\nendfunc\nfunc g means\nendfunc\n", "g", "there is a procedure 'g' already"),
        ("func ‸f means\nendfunc\nfunc g means\nendfunc\n", "g", "there is a procedure 'g' already"),
        ("func ‸f means\nendfunc\nfunc g means\n  set h = f()\nendfunc\n", "h", "is used in g already"),
        ("func f means\n  emit tool.str.‸ToUpper(1)\nendfunc\n", "x", "tools are the host's"),
        ("func f means\n  emit ‸len(1)\nendfunc\n", "x", "is no name of this program's"),
        ("func f means\n  on error do\n    emit ‸system_error\n  endon\nendfunc\n", "x", "where an error is handled"),
        ("func f means\n  set ‸log = 1\n  emit log(log)\nendfunc\n", "x", "is called here too"),
        ("func ‸f means\nendfunc\nfunc g means\n  set f = 1\n  call f()\nendfunc\n", "x", "may be either"),
        ("func f means\n  emit ‸1\nendfunc\n", "x", "there is no name here"),
    ],
)
def test_a_name_that_would_mean_something_else_is_refused(editor: Editor, text: str, name: str, why: str) -> None:
    with pytest.raises(JsonRpcException, match=why):
        rename(editor.open(text), name)


def test_names_in_texts_that_name_procedures(editor: Editor) -> None:
    text = (
        "func greet(needs name) means\n  return name\nendfunc\n\ncommand\n"
        '  emit tool.script.Call("greet", {"name": "Ann"})\n  emit ["func:greet", "greet"]\nendcommand\n'
    )
    document = editor.open(marked(text, "greet"))
    (edits,) = rename(document, "hail").values()
    assert document.edited(edits) == text.replace("greet", "hail").replace('"hail"]', '"greet"]')
    document.change(marked(text, "name)"))
    (edits,) = rename(document, "whom").values()
    assert document.edited(edits) == text.replace("name", "whom")
    document.change(marked(text, "greet", 2))
    assert [place[1] for place in shown(document, definition(document))] == [1]


def test_placeholders_of_texts_that_are_evaluated_later(editor: Editor) -> None:
    text = 'func f means\n  set a = 1\n  set text = "{{a}}"\n  emit eval(text)\nendfunc\n'
    document = editor.open(marked(text, "a = 1"))
    (edits,) = rename(document, "b").values()
    assert document.edited(edits) == text.replace("a = 1", "b = 1").replace("{{a}}", "{{b}}")


def test_what_would_be_renamed_is_told_before(editor: Editor) -> None:
    document = editor.open(marked(TWO, "helper"))
    params = lsp.PrepareRenameParams(**document.at)
    found = editor.ask(lambda client: client.text_document_prepare_rename_async(params))
    assert isinstance(found, lsp.Range)
    assert document.piece(found) == "helper"


def test_highlights_say_what_is_read_and_written(editor: Editor) -> None:
    document = editor.open("func f means\n  set ‸a = 1\n  emit a\nendfunc\nfunc g means\n  set a = 2\nendfunc\n")
    params = lsp.DocumentHighlightParams(**document.at)
    found = editor.ask(lambda client: client.text_document_document_highlight_async(params)) or []
    kinds = [(one.range.start.line, one.kind) for one in found]
    assert kinds == [(1, lsp.DocumentHighlightKind.Write), (2, lsp.DocumentHighlightKind.Read)]


def test_tools_are_found_in_any_case(editor: Editor) -> None:
    text = 'func f means\n  emit tool.str.‸ToUpper("a")\n  set g = tool.STR.toupper\n  emit tool.str.ToLower(g)\n\n'
    document = editor.open(text)
    assert [place[1] for place in shown(document, references(document))] == [2, 3]


# --- several files ---------------------------------------------------------------------------------------------------

LIBRARY = "func shout(needs text) means\n  return text\nendfunc\n"
PROGRAM = ':: uses: lib/words.ns\nfunc main means\n  emit shout(text: "a")\nendfunc\n'


@pytest.fixture
def library(editor: Editor) -> str:
    return editor.write(LIBRARY, "lib/words.ns")


def test_definitions_in_files_that_are_used(editor: Editor, library: str) -> None:
    document = editor.open(marked(PROGRAM, "shout"), "main.ns")
    assert shown(document, definition(document), {library: LIBRARY}) == [("words.ns", 1, "shout")]
    document.change(marked(PROGRAM, "text:"))
    assert shown(document, definition(document), {library: LIBRARY}) == [("words.ns", 1, "text")]
    document.change(marked(PROGRAM, "words.ns"))
    assert [one.uri for one in definition(document)] == [library]


def test_the_text_in_the_editor_counts_and_not_the_file(editor: Editor, library: str) -> None:
    editor.open("\n\n" + LIBRARY, "lib/words.ns")
    document = editor.open(marked(PROGRAM, "shout"), "main.ns")
    assert [one.range.start.line for one in definition(document)] == [2]


@pytest.mark.parametrize("way", ["through the program", "through the library"])
def test_a_procedure_is_renamed_in_all_files(editor: Editor, library: str, way: str) -> None:
    program = editor.write(PROGRAM, "main.ns")
    unrelated = editor.write("func main means\n  emit shout()\nendfunc\nfunc shout means\nendfunc\n", "other.ns")
    if way == "through the program":
        changes = rename(editor.open(marked(PROGRAM, "shout"), "main.ns"), "yell")
    else:
        changes = rename(editor.open(marked(LIBRARY, "shout"), "lib/words.ns"), "yell")
    assert changes.keys() == {program, library}
    assert unrelated not in changes


def test_a_parameter_is_renamed_in_all_files(editor: Editor, library: str) -> None:
    program = editor.write(PROGRAM, "main.ns")
    document = editor.open(marked(LIBRARY, "text)"), "lib/words.ns")
    changes = rename(document, "word")
    assert document.edited(changes[library]) == LIBRARY.replace("text", "word")
    assert [edit.range.start.line for edit in changes[program]] == [2]


def test_a_library_finds_what_the_program_has_that_uses_it(editor: Editor) -> None:
    program = "::uses: lib.ns\nfunc main means\n  call run()\nendfunc\nfunc back means\nendfunc\n"
    uri = editor.write(program, "main.ns")
    editor.write("", "lib.ns")
    document = editor.open("func run means\n  call ‸back()\nendfunc\n", "lib.ns")
    assert shown(document, definition(document), {uri: program}) == [("main.ns", 5, "back")]


def test_paths_are_links(editor: Editor, library: str) -> None:
    document = editor.open(PROGRAM, "main.ns")
    params = lsp.DocumentLinkParams(document.identifier)
    (link,) = editor.ask(lambda client: client.text_document_document_link_async(params)) or []
    assert (document.piece(link.range), link.target) == ("lib/words.ns", library)


def test_no_file_outside_is_reached(start: Callable[..., Editor], tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.ns").write_text("func secret means\nendfunc\n")
    editor = start("--no-plugins")
    (editor.folder / "link.ns").symlink_to(outside / "secret.ns")
    text = f":: uses: link.ns, ../{outside.name}/secret.ns\nfunc main means\n  call ‸secret()\nendfunc\n"
    document = editor.open(text, "main.ns")
    assert definition(document) == []
    allowed = start("--no-plugins", "--lib", str(outside)).open(text, "main.ns")
    assert [one.uri for one in definition(allowed)] == [(outside / "secret.ns").as_uri()]
