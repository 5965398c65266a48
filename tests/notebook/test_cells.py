"""Cells and lines of NeuroScript in a shell of IPython: what they show, keep, take and give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from neuroscript.notebook.cell_error import CellError
from tests.notebook.conftest import Notebook

PLAIN, HTML = "text/plain", "text/html"


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "value", "plain"),
    [
        ("1 + 1", 2, "2"),
        ("1.5", 1.5, "1.5"),
        ("true", True, "true"),
        ("1 > 2", False, "false"),
        ('"a\\nb"', "a\nb", '"a\\nb"'),
        ('[1, nil, "a"]', [1, None, "a"], '[1, nil, "a"]'),
        ('{"a": true}', {"a": True}, '{"a": true}'),
        ('[{"a": 1}]', [{"a": 1}], "a\n─\n1"),
    ],
)
@pytest.mark.parametrize("form", ["%neuroscript {}", "%%neuroscript\n{}", "%%neuroscript\nset unused = 1\n{}"])
def test_a_value_is_pythons_and_shown_as_the_language_writes_it(
    notebook: Notebook, form: str, expression: str, value: Any, plain: str
) -> None:
    done = notebook.run(form.replace("{}", expression))
    assert (done.value, type(done.value)) == (value, type(value))
    assert [shown[PLAIN] for shown in done.shown] == [plain]
    assert notebook.run("_").value == value


def test_what_is_nothing_shows_nothing(notebook: Notebook) -> None:
    for cell in ("%%neuroscript\nset x = 1", "%neuroscript nil", "%%neuroscript\n# a comment", "%neuroscript"):
        done = notebook.run(cell)
        assert (done.value, done.shown, done.printed) == (None, [], "")


def test_a_line_may_be_assigned(notebook: Notebook) -> None:
    assert notebook.run("%neuroscript set x = [1]").shown == []
    assert notebook.run('rows = %neuroscript [{"x": x}]\nrows[0]["x"] + [2]').value == [1, 2]


def test_values_of_python_are_shown_as_python_writes_them(notebook: Notebook) -> None:
    notebook.run("class Own(list):\n    def _repr_html_(self): return 'own'\n\nimport collections")
    for expression in ("true", "1", '"a"', "[1]", '{"a": 1}', "1.5"):
        notebook.run(f"%neuroscript {expression}")
    for python in ("True", "'a'", "[True, None]", "{'a': True}", "[{'a': 1}]", "collections.OrderedDict(a=1)", "1.5"):
        (shown,) = notebook.run(python).shown
        assert shown == {PLAIN: repr(eval(python, notebook.shell.user_ns))}
    assert notebook.run("Own([1])").shown == [{PLAIN: "[1]", HTML: "own"}]
    assert notebook.run("x = %neuroscript [true]\n[x, True]").shown == [{PLAIN: "[[true], True]"}]


def test_emitted_text_is_printed_and_tables_are_shown(notebook: Notebook) -> None:
    done = notebook.run('%%neuroscript\nemit "one"\nemit [{"<b>": "two"}]\nemit [1, "three"]')
    assert done.printed == 'one\n[1, "three"]\n'
    assert [shown[PLAIN] for shown in done.shown] == ["<b>\n───\ntwo"]
    assert "<b>" not in done.shown[0][HTML]
    assert "&lt;b&gt;" in done.shown[0][HTML]


def test_control_characters_are_shown_and_not_obeyed(notebook: Notebook) -> None:
    for cell in ('%%neuroscript\nemit "\\x1b[2J"', '%neuroscript [{"a": "\\x1b[2J"}]', '%neuroscript fail "\\x1b[2J"'):
        done = notebook.attempt(cell)
        everything = done.printed + done.told + str(done.shown)
        assert "\x1b" not in everything
        assert "\\x1b[2J" in everything.replace("\\\\", "\\")


# --- the session ------------------------------------------------------------------------------------------------------


def test_variables_and_procedures_stay_until_a_reset(notebook: Notebook) -> None:
    notebook.run("%%neuroscript\nset x = 2\nfunc double(needs a) means\n  return a * 2\nendfunc")
    assert notebook.run("%neuroscript double(x)").value == 4
    assert notebook.run("%neuroscript --reset typeof x").value == "nil"
    assert "double" in notebook.attempt("%neuroscript double(1)").printed


def test_the_session_has_the_options_of_its_first_cell(notebook: Notebook, tmp_path: Path) -> None:
    notebook.run('%%neuroscript --sandbox files --max-steps 1000\ncall tool.fs.Write("a.txt", "hello")')
    assert (tmp_path / "files" / "a.txt").read_text() == "hello"
    assert notebook.run('%neuroscript tool.fs.Read("a.txt")').value == "hello"
    assert notebook.run('%neuroscript --max-steps 1000 --sandbox files tool.fs.Read("a.txt")').value == "hello"
    assert notebook.run('%neuroscript --reset tool.fs.Read("a.txt")').value == "hello"
    assert "37" in notebook.attempt("%%neuroscript\nwhile true\nendwhile").printed
    assert "--reset" in notebook.attempt("%neuroscript --sandbox other 1").printed
    assert not (tmp_path / "other").exists()
    notebook.run('%neuroscript --reset --sandbox other call tool.fs.Write("b.txt", "")')
    assert (tmp_path / "other" / "b.txt").exists()


def test_without_a_directory_files_are_refused(notebook: Notebook) -> None:
    assert "--sandbox DIR" in notebook.attempt('%neuroscript tool.fs.Read("a.txt")').printed


def test_a_reset_that_fails_keeps_the_session(notebook: Notebook, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    notebook.run("%neuroscript set x = 1")
    assert "not a directory" in notebook.attempt("%neuroscript --reset --sandbox file x").printed
    assert notebook.run("%neuroscript x").value == 1


def test_a_project_file_that_is_not_trusted_only_narrows(notebook: Notebook, tmp_path: Path) -> None:
    (tmp_path / "neuroscript.toml").write_text('[run]\nsandbox = "."\n[policy]\ndeny = ["str.*"]\n')
    done = notebook.attempt('%neuroscript tool.str.ToUpper("a")')
    assert "error 10" in done.printed
    assert "is not trusted; ignored: run.sandbox" in done.told


def test_an_extension_that_is_unloaded_leaves_nothing(notebook: Notebook) -> None:
    shell = notebook.shell
    notebook.run("%neuroscript [true]")
    matchers = len(shell.Completer.custom_matchers)
    notebook.run("%unload_ext neuroscript")
    assert len(shell.Completer.custom_matchers) == matchers - 1
    assert "neuroscript" not in shell.magics_manager.magics["cell"]
    assert notebook.run("[True]").shown == [{PLAIN: "[True]"}]
    notebook.run("%load_ext neuroscript\n%neuroscript set x = 1")
    assert notebook.run("%neuroscript x").value == 1


# --- variables in and out ---------------------------------------------------------------------------------------------


def test_variables_go_in_and_out_by_name(notebook: Notebook) -> None:
    notebook.run('prices = {"apple": (1, 2)}\nfactor = 3')
    notebook.run(
        "%%neuroscript -i prices --in factor -o total --out=names\n"
        "set total = prices.apple[1] * factor\nset names = []\nset names[0] = prices\nset prices.apple = 0"
    )
    assert notebook.run("total, names").value == (6, [{"apple": [1, 2]}])
    assert notebook.run("prices").value == {"apple": (1, 2)}


def test_a_reply_goes_in_again(notebook: Notebook) -> None:
    notebook.run("from neuroscript.notebook.showing import ShownReply\nreply = ShownReply('é')")
    assert notebook.run("%neuroscript -i reply [typeof reply, reply]").value == ["string", "é"]


def test_variables_of_a_function_go_in(notebook: Notebook) -> None:
    notebook.run("def f(x):\n    return get_ipython().run_line_magic('neuroscript', '-i x x + 1')")
    assert notebook.run("f(4)").value == 5


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("%%neuroscript -i pricse\nemit 1", "-i pricse: there is no Python variable 'pricse'; did you mean 'prices'?"),
        ("%%neuroscript -i odd\nemit 1", "-i odd: "),
        ("%%neuroscript -i if\nemit 1", "-i if: there is no Python variable 'if'"),
        ("%%neuroscript -o totl\nset total = 1", "-o totl: the program has no variable 'totl'; did you mean 'total'?"),
        ("%%neuroscript -o\nemit 1", "expected one argument (%neuroscript --help lists the options)"),
        ("%%neuroscript --sand x\nemit 1", "there is no option --sand; did you mean '--sandbox'?"),
        ("%%neuroscript emit 1\nemit 1", "has options alone, and the program stands below it, not 'emit 1'"),
        ("%%neuroscript --sandbox 'a\nemit 1", "the options cannot be read: no closing quotation"),
        ("%%neuroscript --max-steps many\nemit 1", "a whole number of 0 or more, or none, is wanted, not 'many'"),
    ],
)
def test_wrong_options_are_told_in_one_line(notebook: Notebook, cell: str, told: str) -> None:
    notebook.run("prices = 1\nodd = object()")
    done = notebook.attempt(cell)
    assert isinstance(done.error, CellError)
    assert told in done.printed
    assert done.printed.count("\n") == 1


def test_help_is_printed(notebook: Notebook) -> None:
    done = notebook.run("%neuroscript --help")
    assert done.printed.startswith("usage: %%neuroscript [options]")
    for option in ("-i NAME", "-o NAME", "--reset", "--sandbox DIR", "--max-cost AMOUNT"):
        assert option in done.printed


# --- errors -----------------------------------------------------------------------------------------------------------


def test_an_error_shows_the_line_and_no_traceback(notebook: Notebook) -> None:
    notebook.run("%%neuroscript\nfunc share(needs whole, parts) means\n  return whole / parts\nendfunc")
    done = notebook.attempt("%%neuroscript\nset a = 1\nshare(a, 0)")
    assert done.printed == (
        "In [2]:3:16: error 14 (DIVISION_BY_ZERO): division by zero\n"
        "  3 |   return whole / parts\n"
        "    |                ^\n"
        "  in share (In [2]:3:16)\n"
        "  in command (In [3]:3:1)\n"
    )
    assert isinstance(done.error, CellError)
    assert str(done.error) == "error 14 (DIVISION_BY_ZERO): division by zero"
    assert done.error.error is not None
    assert done.error.error.code == 14
    assert notebook.run("%neuroscript a").value == 1


def test_nothing_of_a_cell_runs_that_does_not_parse(notebook: Notebook) -> None:
    done = notebook.attempt("%%neuroscript\nemit 1\nset = 2")
    assert done.printed.startswith("In [2]:3:5: error: found `=`")
    assert done.printed.count("\n") == 3


def test_without_a_client_that_answers_questions_are_errors(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        if len(asked) == 1:
            return "me"
        raise EOFError

    monkeypatch.setattr("builtins.input", answer)
    assert notebook.run('%%neuroscript\npromptuser "\\x1bwho? " into who\nwho').value == "me"
    assert asked == ["\\x1bwho? "]
    assert "nobody is there to ask" in notebook.attempt('%neuroscript promptuser "? " into who').printed


# --- completions ------------------------------------------------------------------------------------------------------


def completed(notebook: Notebook, text: str) -> set[str]:
    """What the text before a `|` may become."""
    from IPython.core.completer import provisionalcompleter

    place = text.index("|")
    text = text.replace("|", "")
    with provisionalcompleter():
        found = list(notebook.shell.Completer.completions(text, place))
    return {text[: one.start].rpartition("\n")[2] + one.text for one in found}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("%%neuroscript\nwhi|", {"while", "whisper"}),
        ("%%neuroscript\nemit len|", {"emit len"}),
        ("%%neuroscript\ntool.str.toup|", {"tool.str.ToUpper"}),
        ("%%neuroscript --reset\nset greeting = 1\nemit gree|\nset greetings = 2", {"emit greeting", "emit greetings"}),
        ("%%neuroscript\nkept.al|", {"kept.alpha"}),
        ("%%neuroscript\nproc|", {"procedure_of_mine"}),
        ("%neuroscript kep|", {"%neuroscript kept"}),
        ("x = %neuroscript -o kept kep|", {"x = %neuroscript -o kept kept"}),
        ("%%neuroscript\nimpor|", {"impor"}),
        ("%%neuroscript\nemit |", {"emit "}),
    ],
)
def test_words_are_completed_in_cells(notebook: Notebook, text: str, wanted: set[str]) -> None:
    notebook.run("%%neuroscript\nset kept = {'alpha': 1}\nfunc procedure_of_mine means\nendfunc")
    assert completed(notebook, text) == wanted


def test_python_is_completed_as_ever(notebook: Notebook) -> None:
    assert "import" in completed(notebook, "impor|")
    assert any(name.endswith("%neuroscript") for name in completed(notebook, "%neurosc|"))
