"""The packages import one another in one direction, and only what is public.

The imports are read from the sources: those inside functions count, those under ``TYPE_CHECKING`` do not, except where
`ai_wm` is held to the public names of `neuroscript`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import neuroscript
import neuroscript.cli
import neuroscript.journal
import neuroscript.private_files
import neuroscript.user_key

ROOT = Path(__file__).parent.parent
PACKAGES = ("neuroscript", "ai_wm")

# From the ground up: a module imports from its own part and from lower rows, and nothing from a part beside it.
LAYERS = {
    "neuroscript": """
        addresses foreign_names output private_files records user_directories version
        errors limits logs program_text streaming threads
        approval cancellation error_text user_key
        values
        sandbox syntax
        tools uses inputs
        stdlib
        runtime
        compiler
        cache
        given
        highlighting lint primer session plugins asynchronous loading formatting
        checking
        journal
        interpreter
        jobs observing
        testing
        .
        language_server
        cli
        notebook
        __main__
    """,
    "neuroscript.jobs": """
        engine contents failures grants shapes
        embedded given payload programs reaching
        views
        decisions bodies
        access
        host queue_tools tools
        .
    """,
    "neuroscript.jobs.embedded": """
        clock schema values wakeups
        liveness database completion rows
        timers queueing
        attempts
        outbox
        serving
        maintenance
        engine
        .
    """,
    "neuroscript.cli": """
        status log
        parser findings
        source replies interrupts completions plugin_commands plain_files used_files error_meanings tool_modules
        report sarif shells shell_words
        settings trusted_files
        options explanation app
        configuration actions
        host
        outcomes interactive journaling run_views queueing queue_views
        observing
        . check fmt lsp primer reference run shell doctor test tools trust
        debug runs queues serve
        repl
    """,
    "neuroscript.cli.repl": """
        costs spinner
        describing evaluation
        saving
        commands
        completing
        session
        terminal
        .
    """,
    "neuroscript.testing": """
        . cases selection coverage differences
        golden
        models
        runner
        junit pytest_plugin
    """,
    "neuroscript.observing": """
        . masking breakpoints watchers bodies timeline_style dap_messages
        showing profile
        trace timeline dap_variables debugger
        timeline_page
        dap
    """,
    "neuroscript.values": """
        flat_maps holders timedate
        kinds
        numbers
        text equality
        host_conversion
        error_fields
        .
    """,
    "neuroscript.syntax": """
        . _tables placeholders source spans
        nodes
        tables
        lexer
        builder nesting
        errors
        parser
        generate tolerant
    """,
    "neuroscript.highlighting": """
        classes
        pygments_lexer textmate tree_sitter vim
        generate
        .
    """,
    "neuroscript.language_server": """
        text words
        names
        document
        context describing
        fields project
        completion diagnostics hover layout navigation semantic symbols
        fixes
        server
        .
    """,
    "neuroscript.tools": """
        arguments signatures awaiting descriptions type_names annotations coercion
        shapes type_errors
        python_types recovery
        from_function
        spec
        policy validation call_shape unknown
        registry
        .
    """,
    "neuroscript.journal": """
        accounts entries codec ids marks
        approvals payloads places segments
        failures ledger terms index
        call_budget known store
        books files
        replay
        sharing
        running
        .
    """,
    "neuroscript.runtime": """
        . abi
        errors approval
        programs services handles operators context deadlines in_place
        run_state
        containers events budget
        assertions watching
        tool_values
        runs tool_calls late
        procedures
        namespace
    """,
    "neuroscript.compiler": """
        . traversal callbacks
        error_handlers
        resolve
        unit
        analysis
        codegen
        deferred
        build nil_operands
    """,
    "ai_wm": """
        data
        support
        keys ratelimit store
        logs
        providers
        calls
        workers
        wiring
        scripts
        manager
        tools
        plugin
        reporting
        . cli
    """,
}

PUBLIC = {
    "neuroscript": neuroscript.__all__,
    "neuroscript.cli": neuroscript.cli.__all__,
    "neuroscript.journal": neuroscript.journal.__all__,
    "neuroscript.private_files": neuroscript.private_files.__all__,
    "neuroscript.user_key": neuroscript.user_key.__all__,
}
"""What `ai_wm`, and any other plugin, may import of `neuroscript`."""


# --- reading the sources ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Import:
    """One imported name: the module that it is in, or is; and the name in it, empty for a module."""

    importer: str
    line: int
    module: str
    name: str
    for_types: bool

    def __str__(self) -> str:
        what = f"{self.module}.{self.name}" if self.name else self.module
        return f"{self.importer}:{self.line} imports {what}"


@cache
def trees() -> dict[str, ast.Module]:
    """The sources of both packages by module."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


@cache
def imports() -> tuple[Import, ...]:
    """Every import of a module of ours."""
    return tuple(found for importer, tree in trees().items() for found in imports_in(importer, tree, trees()))


def imports_in(
    importer: str, tree: ast.AST, modules: dict[str, ast.Module], for_types: bool = False
) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for part in node.body:
                yield from imports_in(importer, ast.Module([part], []), modules, True)
            for part in node.orelse:
                yield from imports_in(importer, ast.Module([part], []), modules, for_types)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] in PACKAGES:
                    yield Import(importer, node.lineno, alias.name, "", for_types)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{importer}:{node.lineno} is relative"
            assert node.module is not None
            if node.module.partition(".")[0] in PACKAGES:
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    module, name = (whole, "") if whole in modules else (node.module, alias.name)
                    yield Import(importer, node.lineno, module, name, for_types)
        else:
            yield from imports_in(importer, node, modules, for_types)


def test_the_sources_are_read() -> None:
    source = """
import neuroscript.values
if TYPE_CHECKING:
    from neuroscript import Interpreter
else:
    from neuroscript import errors
def f():
    try:
        from neuroscript.syntax.parser import parse as p, _run
    except ImportError:
        import json
"""
    found = list(imports_in("m", ast.parse(source), trees()))
    assert [(one.module, one.name, one.for_types) for one in found] == [
        ("neuroscript.values", "", False),
        ("neuroscript", "Interpreter", True),
        ("neuroscript.errors", "", False),
        ("neuroscript.syntax.parser", "parse", False),
        ("neuroscript.syntax.parser", "_run", False),
    ]
    assert len(trees()) > 150
    assert len(imports()) > 500


# --- circles and layers -----------------------------------------------------------------------------------------------


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected parts of a graph that have more than one node, by Tarjan's algorithm."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in sorted(graph.get(node, ())):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            start = stack.index(node)
            part = stack[start:]
            del stack[start:]
            if len(part) > 1 or node in graph.get(node, ()):
                found.append(sorted(part))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set(), "e": {"e"}}) == [["b", "c"], ["e"]]


def test_no_modules_import_one_another_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for one in imports():
        if not one.for_types:
            graph.setdefault(one.importer, set()).add(one.module)
    assert circles(graph) == []


def rows_of(package: str) -> list[list[str]]:
    """The layers of a package, each with the full names of its parts."""
    lines = LAYERS[package].split("\n")
    return [
        [package if part == "." else f"{package}.{part}" for part in line.split()] for line in lines if line.strip()
    ]


def part_of(module: str, package: str) -> str:
    """The direct part of a package that a module is or is in."""
    return ".".join(module.split(".")[: package.count(".") + 2])


@pytest.mark.parametrize("package", LAYERS)
def test_every_part_of_a_package_has_its_layer(package: str) -> None:
    parts = {part_of(module, package) for module in trees() if f"{module}.".startswith(f"{package}.")}
    listed = [part for row in rows_of(package) for part in row]
    assert sorted(listed) == sorted(parts)
    assert len(rows_of(package)) > 2


@pytest.mark.parametrize("package", LAYERS)
def test_nothing_is_imported_from_above_or_beside(package: str) -> None:
    rank = {part: number for number, row in enumerate(rows_of(package)) for part in row}
    wrong = []
    for one in imports():
        importer, target = part_of(one.importer, package), part_of(one.module, package)
        if importer == target or one.for_types or not {importer, target} <= rank.keys():
            continue
        if rank[target] >= rank[importer]:
            wrong.append(str(one))
    assert wrong == []


# --- private names ----------------------------------------------------------------------------------------------------


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def own(module: str) -> str:
    """The part of one of the two packages that may use the private names in it: `neuroscript.syntax`."""
    return ".".join(module.split(".")[:2])


def test_no_private_name_is_imported_by_another_part() -> None:
    wrong = [
        str(one)
        for one in imports()
        if own(one.importer) != own(one.module) and any(map(is_private, [*one.module.split("."), one.name]))
    ]
    assert wrong == []


def names_made_in(tree: ast.AST) -> Iterator[str]:
    """The names that a module gives to something: functions, classes, variables, attributes, slots."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name


def test_no_private_attribute_is_used_that_another_part_made() -> None:
    """Which object an attribute is of is not known; whose name it is, is.  Those of Python's named tuples and syntax
    trees are public."""
    made: dict[str, set[str]] = {}
    for module, tree in trees().items():
        made.setdefault(own(module), set()).update(filter(is_private, names_made_in(tree)))
    wrong = []
    for module, tree in trees().items():
        elsewhere = {name for part, names in made.items() if part != own(module) for name in names}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in elsewhere - made[own(module)] - {"_fields", "_replace"}:
                wrong.append(f"{module}:{node.lineno} uses {ast.unparse(node)}")
    assert wrong == []


# --- between the packages ---------------------------------------------------------------------------------------------


def test_neuroscript_knows_nothing_of_ai_wm() -> None:
    wrong = [str(one) for one in imports() if own(one.importer).startswith("neuroscript") and one.module[:5] == "ai_wm"]
    for module, tree in trees().items():
        if module.partition(".")[0] == "neuroscript":
            for node in ast.walk(tree):  # a module may be named in a string, to be imported later
                if isinstance(node, ast.Constant) and re.fullmatch(r"ai_wm(\.\w+)*(:\w+)?", str(node.value)):
                    wrong.append(f"{module}:{node.lineno} names {node.value}")
    assert wrong == []


def test_ai_wm_imports_the_public_names_of_neuroscript_alone() -> None:
    wrong = [
        str(one)
        for one in imports()
        if one.importer.partition(".")[0] == "ai_wm"
        and one.module.partition(".")[0] == "neuroscript"
        and one.name not in PUBLIC.get(one.module, ())
    ]
    assert wrong == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_docstring_is_whole_text(package: str) -> None:
    """Python 3.13 refuses a module with a docstring that holds half of a character."""
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                (ast.get_docstring(node, clean=False) or "").encode()
