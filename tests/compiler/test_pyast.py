"""The builders of Python trees: nodes without dictionaries, and each at the innermost place that it comes from."""

from __future__ import annotations

import ast
from collections.abc import Callable

import pytest

from neuroscript import Interpreter
from neuroscript.compiler.analysis.analyse import ProgramAnalysis
from neuroscript.compiler.codegen import generate as stage
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.resolve import Body

INNER, OUTER = (2, 3, 2, 9), (1, 0, 4, 1)

BUILT: list[Callable[[], ast.AST]] = [
    lambda: py.name("a"),
    lambda: py.const("text"),
    lambda: py.call("f", py.name("a")),
    lambda: py.call("f", py.name("a"), key=py.const(1)),
    lambda: py.bind("a", py.const(1)),
    lambda: py.either(py.name("a"), py.const(1), py.const(2)),
    lambda: py.compare(py.const(1), "<", py.name("a"), "is not", py.const(None)),
    lambda: py.both(py.name("a"), py.name("b")),
    lambda: py.some(py.name("a"), py.negated(py.name("b"))),
    lambda: py.binary(py.name("a"), "+", py.const(1)),
    lambda: py.attribute(py.item(py.name("a"), py.const(0)), "b"),
    lambda: py.when(py.name("a"), [py.assign("b", py.const(1))], [py.run("f")]),
    lambda: ast.Dict([py.const("k"), None], [py.name("a"), py.name("b")]),
    lambda: ast.JoinedStr([py.const("a"), ast.FormattedValue(py.name("b"), -1, None)]),
    lambda: py.item(py.name("a"), ast.Slice(py.const(1), None, None)),
    lambda: ast.Return(ast.Tuple([py.name("a")], py.LOAD)),
]


def position(node: ast.AST) -> tuple[int, ...]:
    return tuple(getattr(node, name) for name in ("lineno", "col_offset", "end_lineno", "end_col_offset"))


def positioned(tree: ast.AST) -> list[ast.AST]:
    return [node for node in ast.walk(tree) if node._attributes]


@pytest.mark.parametrize("build", BUILT)
def test_every_node_gets_its_position_once(build: Callable[[], ast.AST]) -> None:
    tree = build()
    py.place(tree, INNER)
    assert {position(node) for node in positioned(tree)} == {INNER}
    py.place(tree, OUTER)
    assert {position(node) for node in positioned(tree)} == {INNER}


@pytest.mark.parametrize("build", [build for build in BUILT if isinstance(build(), ast.expr)])
def test_a_node_around_placed_ones_leaves_them_where_they_are(build: Callable[[], ast.expr]) -> None:
    inner = build()
    py.place(inner, INNER)
    outer = py.run("f", py.name("before"), inner)
    py.place(outer, OUTER)
    inside = {id(node) for node in positioned(inner)}
    for node in positioned(outer):
        assert position(node) == (INNER if id(node) in inside else OUTER)


@pytest.mark.parametrize("build", BUILT)
def test_a_built_tree_is_the_one_that_python_parses(build: Callable[[], ast.AST]) -> None:
    tree = build()
    py.place(tree, INNER)
    statement = ast.Expr(tree) if isinstance(tree, ast.expr) else tree
    assert isinstance(statement, ast.stmt)
    function = py.function("made", ["a", "b"], [], [statement])
    py.place(function, OUTER)
    compile(ast.Module([function], []), "made.ns", "exec")
    assert ast.unparse(ast.parse(ast.unparse(function))) == ast.unparse(function)


def test_the_commonest_nodes_have_no_dictionary() -> None:
    added, called = py.binary(py.name("a"), "+", py.const(1)), py.call("add", py.name("a"), py.const(1))
    tree = py.assign("x", py.either(py.kind_is(py.name("a"), "int"), added, called))
    py.place(tree, INNER)
    kinds = {type(node) for node in positioned(tree)}
    assert all(set(kind._attributes) <= set(kind.__dict__["__slots__"]) for kind in kinds)


def test_the_trees_of_a_body_are_gone_when_python_compiles_its_last_version(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies: list[Body] = []
    left: list[int] = []
    versions, code = ProgramAnalysis.versions, stage._code

    def seen(self: ProgramAnalysis, body: Body) -> object:
        bodies.append(body)
        return versions(self, body)

    def compiled(function: list[ast.stmt], name: str) -> object:
        left.append(len(bodies[-1].block))
        return code(function, name)

    monkeypatch.setattr(ProgramAnalysis, "versions", seen)
    monkeypatch.setattr(stage, "_code", compiled)
    interpreter = Interpreter(plugins=False)
    interpreter.load("func main(needs a) means\n  set b = a + 1  # alone in this test\n  return b\nendfunc\n")
    assert left == []
    assert interpreter.run("main", 41) == 42
    assert left == [0]
