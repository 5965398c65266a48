"""Statements and definitions: the tree of each."""

from __future__ import annotations

from neuroscript.syntax import nodes
from neuroscript.syntax.parser import parse
from tests.syntax.shapes import shape, statement


def test_assignments() -> None:
    simple = statement("set x = 1")
    assert (simple.targets[0].name, simple.targets[0].path, simple.must) == ("x", [], False)
    deep = statement('set m.key[0]["k"].for = must f()')
    assert [shape(step) for step in deep.targets[0].path] == ["'key'", "0", "'k'", "'for'"]
    assert deep.must
    several = statement("set a, b.c, d[0] = xs")
    assert [target.name for target in several.targets] == ["a", "b", "d"]
    assert several.targets[1].span == (2, 7, 2, 10)


def test_simple_statements() -> None:
    assert shape(statement("call f(1)").call) == "f(1)"
    assert statement("return").values == []
    assert list(map(shape, statement("return 1, a, [2]").values)) == ["1", "a", "[2]"]
    assert statement("fail").value is None
    assert shape(statement('fail "x" + 1').value) == "('x' + 1)"
    whisper = statement("whisper self, [1]")
    assert (shape(whisper.target), shape(whisper.value)) == ("self", "[1]")
    assert not statement("must x").check
    assert statement("mustbe is_string(x)").check
    assert isinstance(statement("clear_error"), nodes.ClearError)


def test_the_forms_of_ask() -> None:
    short = statement('ask "p"')
    assert (short.who, shape(short.prompt), short.config, short.into) == (None, "'p'", None, None)
    full = statement('ask w, "p" with {"n": 1} into x.y[0]')
    assert (shape(full.who), shape(full.config)) == ("w", "{'n': 1}")
    assert (full.into.name, list(map(shape, full.into.path))) == ("x", ["'y'", "0"])
    person = statement('promptuser "p" into x')
    assert (shape(person.prompt), person.into.name) == ("'p'", "x")


def test_branches() -> None:
    plain = statement("if a\nemit 1\nendif")
    assert (len(plain.branches), plain.orelse) == (1, None)
    full = statement("if a\nemit 1\nelse if b\nelse if c\nemit 3\nelse\nemit 4\nemit 5\nendif")
    assert [shape(condition) for condition, _ in full.branches] == ["a", "b", "c"]
    assert [len(block) for _, block in full.branches] == [1, 0, 1]
    assert len(full.orelse) == 2
    assert statement("if a\nelse\nendif").orelse == []


def test_loops() -> None:
    loop = statement("for each item in xs.all\nbreak\ncontinue\nendfor")
    assert (loop.name, shape(loop.collection)) == ("item", "xs['all']")
    assert loop.name_span == (2, 9, 2, 13)
    assert [type(inner) for inner in loop.body] == [nodes.Break, nodes.Continue]
    assert statement("while true\nendwhile").body == []


def test_handlers() -> None:
    for head in ("on error do", "on_error means"):
        handler = statement(f"{head}\nclear_error\nendon")
        assert isinstance(handler, nodes.OnError)
        assert len(handler.body) == 1
    event = statement('on event "a" + b named "n" as e do\nendon')
    assert (shape(event.event), event.named, event.variable) == ("('a' + b)", "n", "e")
    old = statement("on event x as e\nendevent")
    assert (old.named, old.variable) == (None, "e")
    assert statement('clear event named "n"').named == "n"
    assert shape(statement('clear event "x"').event) == "'x'"


def test_an_error_handler_in_an_event_handler_in_an_error_handler_is_no_error() -> None:
    inner = 'on event "x" do\non error do\nendon\nendon'
    assert isinstance(statement(f"on error do\n{inner}\nendon"), nodes.OnError)


def test_signatures() -> None:
    first, second, third = parse(
        "func f(returns x, y needs a, b\n optional c) means\nendfunc\n"
        "func g needs a means\nendfunc\n"
        "func h means\nendfunc"
    ).procedures
    assert [[p.name for p in names] for names in (first.needs, first.optional, first.returns)] == [
        ["a", "b"],
        ["c"],
        ["x", "y"],
    ]
    assert first.signature == "f(a, b, c?)"
    assert [p.name for p in second.needs] == ["a"]
    assert third.signature == "h()"


def test_a_program_in_parts() -> None:
    program = parse(
        "# a library\n\n:: title: T\n:: url: https://x.y # z\n:: long: one \\\ntwo\n\n"
        'func f() means\n\n  :: param:a: "x"\n'
        '  # note\n  :: n.b-c_d:\n  emit 1\nendfunc on event "x" do\nendon\n\nfunc g() means\nendfunc'
    )
    assert program.metadata == [("title", "T"), ("url", "https://x.y # z"), ("long", "one two")]
    assert [procedure.name for procedure in program.procedures] == ["f", "g"]
    assert program.procedures[0].metadata == [("param:a", '"x"'), ("n.b-c_d", "")]
    assert [shape(handler.event) for handler in program.handlers] == ["'x'"]
    assert program.commands == []


def test_command_scripts() -> None:
    program = parse(":: a: b\ncommand\n  :: c: d\n  emit 1\nendcommand\n\ncommand\nendcommand")
    assert program.metadata == [("a", "b")]
    assert [(block.metadata, len(block.body)) for block in program.commands] == [([("c", "d")], 1), ([], 0)]


def test_an_empty_file_is_an_empty_library() -> None:
    for text in ("", "\n\n", "# nothing", "\ufeff", b"\xef\xbb\xbf:: a: b", "  \\"):
        program = parse(text)
        assert (program.procedures, program.handlers, program.commands) == ([], [], [])
