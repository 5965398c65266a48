"""Findings as they are published while somebody types, and the fixes that are offered for them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from lsprotocol import types as lsp

from neuroscript import Interpreter, Policy
from neuroscript.lint.rules import RULES, example_program
from tests.language_server.conftest import Editor, Opened


def fixes(document: Opened, number: int = 0) -> dict[str, str]:
    """The titles of the fixes of a finding, each with the text that it makes."""
    finding = document.findings[number]
    params = lsp.CodeActionParams(document.identifier, finding.range, lsp.CodeActionContext([finding]))
    made = {}
    for action in document.editor.ask(lambda client: client.text_document_code_action_async(params)) or []:
        assert isinstance(action, lsp.CodeAction)
        assert action.edit is not None
        ((uri, edits),) = (action.edit.changes or {}).items()
        assert uri == document.uri
        made[action.title] = document.edited(list(edits))
    return made


def host() -> Interpreter:
    """The interpreter that the server's options describe; the examples of some rules need such a one."""
    return Interpreter(globals={"region": None}, policy=Policy(deny=("fs.Delete",)))


def body(text: str) -> str:
    return f"func main means\n{text}\nendfunc\n"


# --- publishing ------------------------------------------------------------------------------------------------------


def test_findings_come_when_a_document_is_opened_and_changed(editor: Editor) -> None:
    document = editor.open(body("  set total = 1\n  emit totl"))
    (found,) = document.findings
    assert found.message == "'totl' is never set; did you mean 'total'? (never-set)"
    assert (found.code, found.source, found.severity) == ("NS105", "neuroscript", lsp.DiagnosticSeverity.Warning)
    assert document.piece(found.range) == "totl"
    document.change(body("  set total = 1\n  emit total"))
    assert document.findings == []
    document.change(body("  set total = 1\n  emit total +"))
    assert [one.code for one in document.findings] == [15]


def test_findings_go_when_a_document_is_closed(editor: Editor) -> None:
    document = editor.open(body("  emit totl"))
    assert len(document.findings) == 1
    document.close()
    assert editor.wait_for(lambda: editor.published.get((document.uri, None))) == []


@pytest.mark.parametrize(("words", "piece"), [("'é𝄞' + \U0001d11e", "\U0001d11e"), ("'é𝄞' + x", "x")])
def test_places_count_as_the_editor_does(editor: Editor, words: str, piece: str) -> None:
    document = editor.open(body(f"  emit {words}"))
    assert document.piece(document.findings[-1].range) == piece


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_every_finding_of_every_rule_has_its_place(editor: Editor, rule: object) -> None:
    """The findings are those of `Interpreter.check`, with ranges in which there is something."""
    program = example_program(rule.wrong)  # type: ignore[attr-defined]
    document = editor.open(program)
    with host() as interpreter:
        wanted = [(one.line, one.rule or int(one.code)) for one in interpreter.check(program)]
    assert [(one.range.start.line + 1, one.code) for one in document.findings] == wanted
    assert all(document.piece(one.range).strip() for one in document.findings)


def test_dead_code_is_shown_as_such(editor: Editor) -> None:
    document = editor.open(body("  return 1\n  emit 2"))
    assert [list(one.tags or ()) for one in document.findings] == [[lsp.DiagnosticTag.Unnecessary]]


def test_a_note_is_no_warning(editor: Editor) -> None:
    document = editor.open("func helper means\n  call other()\nendfunc\n")
    assert [one.severity for one in document.findings] == [lsp.DiagnosticSeverity.Information]


def test_errors_in_used_files_stand_at_the_entry(editor: Editor) -> None:
    uri = editor.write("func f means\n  emit 1 +\nendfunc\n", "lib.ns")
    document = editor.open(":: uses: lib.ns\n" + body("  call f()"), "main.ns")
    note, found = document.findings
    assert note.severity is lsp.DiagnosticSeverity.Information
    assert document.piece(found.range) == "lib.ns"
    assert found.message.startswith("lib.ns, line 2: found the end of the line, expected an expression")
    (related,) = found.related_information or []
    assert (related.location.uri, related.location.range.start.line) == (uri, 1)


def test_a_used_file_counts_as_it_stands_in_the_editor(editor: Editor) -> None:
    editor.write("func f means\nendfunc\n", "lib.ns")
    library = editor.open("func f means\nendfunc\n", "lib.ns")
    program = editor.open(":: uses: lib.ns\n" + body("  call f(1)\n  call g()"), "main.ns")
    assert [one.code for one in program.findings] == ["NS204", "NS203"]
    del editor.published[program.uri, program.version]
    library.change("func f(needs a) means\nendfunc\nfunc g means\nendfunc\n")
    assert program.findings == []


def test_a_missing_file_is_told(editor: Editor) -> None:
    document = editor.open(":: uses: gone.ns\n" + body("  emit 1"), "main.ns")
    assert [(one.message[:25], document.piece(one.range)) for one in document.findings] == [
        ("there is no file 'gone.ns", "gone.ns")
    ]


def test_files_that_change_on_disk_are_read_again(editor: Editor) -> None:
    uri = editor.write("func f means\nendfunc\n", "lib.ns")
    document = editor.open(":: uses: lib.ns\n" + body("  call f()"), "main.ns")
    assert document.findings == []
    assert editor.wait_for(lambda: editor.registered or None) == ["workspace/didChangeWatchedFiles"]
    del editor.published[document.uri, document.version]
    editor.write("func f(needs a) means\nendfunc\n", "lib.ns")
    change = lsp.DidChangeWatchedFilesParams([lsp.FileEvent(uri, lsp.FileChangeType.Changed)])
    editor.tell(lambda client: client.workspace_did_change_watched_files(change))
    assert [one.code for one in document.findings] == ["NS204"]


# --- configuration ---------------------------------------------------------------------------------------------------

TOOLS = """\
print("loaded")

def register(interpreter):
    @interpreter.tool("shop.Price")
    def price(item: str) -> float:
        \"\"\"The price of an item.\"\"\"
        return 1.0
"""


def test_tools_of_the_host(start: Callable[..., Editor], tmp_path: object) -> None:
    folder = start("--no-plugins").folder
    (folder / "tools.py").write_text(TOOLS)
    editor = start("--no-plugins", "--tools", "tools.py")
    assert editor.open(body('  emit tool.shop.Price("a")')).findings == []
    assert editor.open(body('  emit tool.shop.Price("a", 1)')).messages != []


def test_a_project_file_narrows(start: Callable[..., Editor]) -> None:
    editor = start("--no-plugins")
    editor.write('[policy]\ndeny = ["str.ToUpper"]\n', "strict/neuroscript.toml")
    text = body('  emit tool.str.ToUpper("a")')
    assert [one.code for one in editor.open(text, "strict/main.ns").findings] == ["NS202"]
    assert editor.open(text, "main.ns").findings == []


def test_a_broken_project_file_is_told(start: Callable[..., Editor]) -> None:
    editor = start("--no-plugins")
    editor.write("[policy]\nallwo = []\n", "neuroscript.toml")
    assert editor.open(body("  emit 1"), "main.ns").findings == []
    (message,) = editor.wait_for(lambda: editor.shown or None)
    assert "[policy] has no setting 'allwo'; did you mean 'allow'?" in message


# --- fixes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "title", "mended"),
    [
        ("  set total = 1\n  emit totl", "Change to total", "  set total = 1\n  emit total"),
        ('  emit tool.str.ToUper("a")', "Change to tool.str.ToUpper", '  emit tool.str.ToUpper("a")'),
        ('  emit tool.str.ToUper("a")', "Change to tool.str.ToLower", '  emit tool.str.ToLower("a")'),
        ("  call mian()", "Change to main", "  call main()"),
        (
            "  emit tool.time.Parts(tool.time.Now()).yaer",
            "Change to year",
            "  emit tool.time.Parts(tool.time.Now()).year",
        ),
        (
            '  emit tool.time.Parts(tool.time.Now())["yaer"]',
            'Change to "year"',
            '  emit tool.time.Parts(tool.time.Now())["year"]',
        ),
        (
            "  set xs = [1]\n  call tool.list.Append(xs, 9)\n  emit xs",
            "Keep it: set xs = …",
            "  set xs = [1]\n  set xs = tool.list.Append(xs, 9)\n  emit xs",
        ),
        ("  set a = 1\n  emit not a == 2", "Change to a != 2", "  set a = 1\n  emit a != 2"),
        ("  set a = 1\n  emit not a == 2", "Change to not (a == 2)", "  set a = 1\n  emit not (a == 2)"),
        (
            '  set name = "x"\n  emit "Hello {{name}}"',
            "Make it a raw string, in which placeholders are replaced",
            '  set name = "x"\n  emit ```Hello {{name}}```',
        ),
        ("  set xs = [1]\n  emit xs.length", "Change to len(xs)", "  set xs = [1]\n  emit len(xs)"),
        ("  set xs = [1]\n  emit xs[-1]", "Change to len(xs) - 1", "  set xs = [1]\n  emit xs[len(xs) - 1]"),
        ("  set x = 3\n  emit x ^ 2", "Change to **", "  set x = 3\n  emit x ** 2"),
        ('  set s = "b"\n  emit "a" . s', "Join with +", '  set s = "b"\n  emit "a" + s'),
        ('  emit tool.list.Map([1], "main")', "Change to main", "  emit tool.list.Map([1], main)"),
        ('  set x = 1\n  emit typeof x == "int"', 'Change to "number"', '  set x = 1\n  emit typeof x == "number"'),
        ("  emit 1 # ns: ignore NS105", "Remove the comment", "  emit 1"),
        ("  emit 1 # ns: ignore NS9999", "", ""),
        ("  set means = 2", "Rename to means_value", "  set means_value = 2"),
        ("  x = 1", "Put `set` before it", "  set x = 1"),
        ("  main()", "Put `call` before it", "  call main()"),
        ("  if true then\n  endif", "Leave `then` out", "  if true\n  endif"),
        ("  on error\n    clear_error\n  endon", "Add `do`", "  on error do\n    clear_error\n  endon"),
        ("  for x in [1]\n  endfor", "Add `each`", "  for each x in [1]\n  endfor"),
        ("  if true\n  elif false\n  endif", "Change to else if", "  if true\n  else if false\n  endif"),
        ("  foreach x in [1]\n  endfor", "Change to for each", "  for each x in [1]\n  endfor"),
        ("  if last = 1\n  endif", "Change to ==", "  if last == 1\n  endif"),
        ("  set x = 1\n  x += 2", "Change to set x = x + …", "  set x = 1\n  set x = x + 2"),
        ("  if true\n    emit 1", "Add `endif`", "  if true\n    emit 1\n  endif"),
        ("  print 1", "Change to emit", "  emit 1"),
        ("  print(1)", "Change to emit", "  emit (1)"),
    ],
)
def test_what_mends_a_finding(editor: Editor, text: str, title: str, mended: str) -> None:
    found = fixes(editor.open(body(text)))
    if title:
        assert found[title] == body(mended)
        return
    assert not any(each.startswith("Change") for each in found)


@pytest.mark.parametrize("end", ["`", "\\u0000", "\\u202e", "\\r", "```"])
def test_no_raw_string_is_made_of_a_text_that_none_can_show(editor: Editor, end: str) -> None:
    document = editor.open(body(f'  set n = 1\n  emit "{{{{n}}}}{end}"'))
    assert "NS308" in [one.code for one in document.findings]
    assert not any("raw string" in title for title in fixes(document))


@pytest.mark.parametrize("header", ["func main()", "func main", "func main(needs a)", "func main needs a"])
def test_the_header_gets_its_word(editor: Editor, header: str) -> None:
    assert fixes(editor.open(f"{header}\n  emit 1\nendfunc\n")) == {
        "Add `means`": f"{header} means\n  emit 1\nendfunc\n"
    }


def test_the_last_end_is_put_in(editor: Editor) -> None:
    assert fixes(editor.open("func main means\n  emit 1")) == {"Add `endfunc`": "func main means\n  emit 1\nendfunc\n"}


def test_a_key_that_uses_a_file(editor: Editor) -> None:
    editor.write("func f means\nendfunc\n", "lib.ns")
    document = editor.open(":: include: lib.ns\n" + body("  call f()"), "main.ns")
    assert fixes(document)["Change to uses"].startswith(":: uses: lib.ns\n")


@pytest.mark.parametrize("rule", [r for r in RULES.values() if r.code < "NS4"], ids=lambda rule: rule.name)
def test_every_rule_can_be_silenced_and_no_fix_breaks_a_program(editor: Editor, rule: object) -> None:
    program = example_program(rule.wrong)  # type: ignore[attr-defined]
    document = editor.open(program, "main.ns")
    numbers = [i for i, one in enumerate(document.findings) if one.code == rule.code]  # type: ignore[attr-defined]
    for title, text in fixes(document, numbers[0]).items():
        with host() as interpreter:
            left = [one for one in interpreter.check(text) if one.line >= 1]
        rules = [one.rule for one in left]
        assert not any(one.code == 15 for one in left), title
        assert rule.code not in rules, title  # type: ignore[attr-defined]
        assert "NS402" not in rules, title


def test_silencing_stands_above_a_statement_over_several_lines(editor: Editor) -> None:
    document = editor.open(body('  set x = tool.str.Join([\n    totl,\n    "b"\n  ], "")\n  emit x'))
    assert fixes(document)["Silence NS105 here"] == body(
        '  # ns: ignore NS105\n  set x = tool.str.Join([\n    totl,\n    "b"\n  ], "")\n  emit x'
    )


def test_findings_in_used_files_get_no_fixes(editor: Editor) -> None:
    editor.write('func f means\n  emit tool.str.ToUper("a")\nendfunc\n', "lib.ns")
    document = editor.open(":: uses: lib.ns\n" + body("  call f()"), "main.ns")
    assert "did you mean tool.str.ToUpper" in document.messages[0]
    assert fixes(document) == {}


def test_findings_of_others_get_no_fixes(editor: Editor) -> None:
    document = editor.open(body("  emit totl"))
    finding = lsp.Diagnostic(document.findings[0].range, "did you mean 'x'?", source="another")
    params = lsp.CodeActionParams(document.identifier, finding.range, lsp.CodeActionContext([finding]))
    assert not editor.ask(lambda client: client.text_document_code_action_async(params))
