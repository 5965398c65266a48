"""Programs that do not parse, as they are while somebody writes them: their trees have all that can be understood."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroscript.compiler.resolve import resolve
from neuroscript.limits import Limits
from neuroscript.syntax import nodes as n
from neuroscript.syntax.parser import parse
from neuroscript.syntax.tolerant import place_after, read

PROGRAMS = sorted((Path(__file__).parents[1] / "conformance").rglob("*.ns"))


def outline(block: n.Block) -> list[object]:
    """The statements by their names, with those in them."""
    rows: list[object] = []
    for statement in block:
        rows.append(type(statement).__name__)
        match statement:
            case n.If(branches=branches, orelse=orelse):
                rows += [outline(inner) for _, inner in branches] + ([outline(orelse)] if orelse is not None else [])
            case n.While(body=body) | n.ForEach(body=body) | n.OnError(body=body) | n.OnEvent(body=body):
                rows.append(outline(body))
    return rows


def body(text: str) -> list[object]:
    (procedure,) = read(f"func f means\n{text}\nendfunc\n").procedures
    return outline(procedure.body)


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("set x = 1\nset y =\nset z = 3", ["Set", "Set", "Set"]),
        ("set x = tool.\nemit 1", ["Set", "Emit"]),
        ("set x = a.\nemit 1", ["Set", "Emit"]),
        ("emit f(1,\nset y = 2", ["Emit", "Set"]),
        ('emit {"a": \nset y = 2', ["Emit", "Set"]),
        ('emit "abc\nset y = 2', ["Emit", "Set"]),
        ("emit 1 + * 2\nset y = 2", ["Emit", "Set"]),
        ("emit 1 2 3\nset y = 2", ["Emit", "Set"]),
        ("emit (1 + 2]\nset y = 2", ["Emit", "Set"]),
        ("x = 1\nemit 1", ["Set", "Emit"]),
        ("f(1)\nemit 1", ["CallStmt", "Emit"]),
        ("a.b\nemit 1", ["Emit", "Emit"]),
        ("set\nemit 1", ["Set", "Emit"]),
        ("call g\nemit 1", ["CallStmt", "Emit"]),
        ("for\nemit 1\nendfor\nemit 2", ["ForEach", ["Emit"], "Emit"]),
        ("for each x\nemit 1\nendfor\nemit 2", ["ForEach", ["Emit"], "Emit"]),
        ("if\nemit 1\nelse\nemit 2\nendif", ["If", ["Emit"], ["Emit"]]),
        ("if x\nemit 1", ["If", ["Emit"]]),
        ("if x\nwhile y\nemit 1\nendif\nemit 2", ["If", ["While", ["Emit"]], "Emit"]),
        ("endif\nemit 1", ["Emit"]),
        ("whlie x\nemit 1\nendwhile", ["While", ["Emit"]]),
        ("on\nemit 1\nendon\nemit 2", ["OnError", ["Emit"], "Emit"]),
        ("on event\nemit 1\nendon\nemit 2", ["OnEvent", ["Emit"], "Emit"]),
        ("ask\nemit 1", ["Ask", "Emit"]),
        ("promptuser 'x'\nemit 1", ["PromptUser", "Emit"]),
        ("§\nemit 1", ["Emit"]),
        (":: a: b\nemit 1\n:: c: d\nemit 2", ["Emit", "Emit"]),
    ],
)
def test_what_is_right_keeps_its_place(text: str, statements: list[object]) -> None:
    assert body(text) == statements


def test_positions_are_those_of_the_text() -> None:
    source = "func f means\n  set x = a.\n  emit total\nendfunc\n"
    set_, emit = read(source).procedures[0].body
    assert isinstance(set_, n.Set)
    assert isinstance(set_.value, n.Index)
    assert set_.value.index.span == (2, 12, 2, 12)
    assert emit.span == (3, 2, 3, 12)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("func a means\n  if x\nfunc b means\nendfunc\n", ["a", "b"]),
        ("func a(needs x\nfunc b means\nendfunc\n", ["a", "b"]),
        ("func a\n  emit 1\nendfunc\nfunc b means\nendfunc", ["a", "b"]),
        ("fucn a means\nendfunc\nfunc b means\nendfunc", ["a", "b"]),
        ("x = 1\nfunc b means\nendfunc", ["b"]),
        ("command\nemit 1\nendcommand\nfunc b means\nendfunc\n", ["b"]),
        ("func a means\nendfunc\nendfunc\nendif\nfunc b means\nendfunc\n", ["a", "b"]),
    ],
)
def test_every_procedure_is_found(text: str, names: list[str]) -> None:
    assert [procedure.name for procedure in read(text).procedures] == names


def test_procedures_and_command_blocks_in_one_file() -> None:
    program = read(":: a: b\nfunc f means\nendfunc\ncommand\n  emit 1\nendcommand\n")
    assert (len(program.procedures), len(program.commands), program.metadata) == (1, 1, [("a", "b")])


def test_the_tree_of_a_program_that_parses_is_that_of_the_parser() -> None:
    source = "func f(needs a) means\n  set x = a + 1\n  return x\nendfunc\n"
    assert read(source, "x.ns") == parse(source, "x.ns")


def test_texts_beyond_the_limits_have_an_empty_tree() -> None:
    assert read("func f means\nendfunc\n" * 2, limits=Limits(max_source=10)).procedures == []
    assert read("func f means\nemit " + "(" * 200 + "\nendfunc").procedures == []


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(PROGRAMS), st.integers(0, 2**32))
def test_every_beginning_of_every_program_is_read(path: Path, seed: int) -> None:
    source = path.read_bytes().decode("utf-8", "replace")
    text = source[: Random(seed).randrange(len(source) + 1)]
    resolve(read(text))
    place_after(text)


@pytest.mark.parametrize(
    ("text", "there", "not_there"),
    [
        ("", {"FUNC", "COMMAND", "ON", "METADATA"}, {"SET", "ENDFUNC"}),
        ("func f means\n", {"SET", "IF", "ENDFUNC"}, {"FUNC", "ENDIF", "ELSE"}),
        ("func f means\nif x\n", {"ELSE", "ENDIF"}, {"ENDFUNC"}),
        ("func f means\nif (\nwhile y\n", {"ENDWHILE"}, {"ENDIF"}),
        ("func f means\nemit f(\n", {"NAME", "NUMBER", "RPAR"}, {"SET"}),
        ("func f means\nset x", {"EQUAL", "DOT"}, {"NAME"}),
        ("func f means\nset x = ", {"NAME", "MUST", "TOOL"}, {"EQUAL"}),
        ('func f means\nask "x" ', {"WITH", "INTO"}, {"NAME"}),
    ],
)
def test_what_can_follow_is_what_the_grammar_says(text: str, there: set[str], not_there: set[str]) -> None:
    possible = place_after(text).possible
    assert there <= possible
    assert not not_there & possible
