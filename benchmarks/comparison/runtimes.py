"""One adapter for each runtime: it loads a program, and gives a function that runs it.

What a program needs of the host is given in the way that the runtime's own documentation shows.  Parsing, compiling and
making contexts happen here, before any clock starts.
"""

from __future__ import annotations

import ast
import copy
import importlib
import json
import operator
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from comparison.clocks import with_children
from comparison.work import HOST, TOOLS, Work, text
from neuroscript import Interpreter, ToolSpec

Runner = Callable[[Any], Any]
JSON_FOR_LUA = Path(__file__).parent / "libraries" / "json.lua"


@dataclass(frozen=True, slots=True)
class Runtime:
    """A language inside Python.

    ``load`` gets the work, the text of its program and a stack for what must be closed, and gives the function, whose
    results ``plain`` turns into values of Python.  ``clock`` is the processor's time of this process, unless others
    work for it.
    """

    name: str
    package: str
    module: str
    suffix: str
    load: Callable[[Work, str, ExitStack], Runner]
    plain: Callable[[Any], Any] = lambda result: result
    clock: Callable[[], float] = process_time

    @property
    def version(self) -> str:
        """The installed version of its package."""
        return version(self.package)

    def runner(self, work: Work, stack: ExitStack) -> Runner:
        """Loads a program.

        Raises:
            ModuleNotFoundError: the package is not installed.
        """
        return self.load(work, text(work.name, self.suffix), stack)


def _neuroscript(work: Work, source: str, stack: ExitStack) -> Runner:
    interpreter = stack.enter_context(Interpreter(plugins=False))
    for name, function in TOOLS.items():
        interpreter.tools.register(ToolSpec.from_function(name, function), function)
    interpreter.load(source, f"{work.name}.ns")
    return lambda argument: interpreter.run(work.name, argument)


def _cpython(work: Work, source: str, stack: ExitStack) -> Runner:
    names: dict[str, Any] = dict(HOST)
    exec(compile(source, f"{work.name}.py", "exec"), names)
    function: Runner = names[work.name]
    return function


def _restricted(work: Work, source: str, stack: ExitStack) -> Runner:
    package = importlib.import_module("RestrictedPython")
    guards = importlib.import_module("RestrictedPython.Guards")
    utilities = importlib.import_module("RestrictedPython.Utilities")
    iteration = importlib.import_module("RestrictedPython.Eval")

    def imported(name: str, *_: object) -> Any:
        if name not in ("json", "re", "functools"):
            raise ImportError(name)
        return importlib.import_module(name)

    names: dict[str, Any] = dict(HOST)
    names["__builtins__"] = {
        **package.safe_builtins,
        **utilities.utility_builtins,
        "range": range,  # the package's own stops at 1,000
        **{function.__name__: function for function in _BUILT_IN},
        "__import__": imported,
    }
    names |= {
        "_getiter_": iteration.default_guarded_getiter,
        "_iter_unpack_sequence_": guards.guarded_iter_unpack_sequence,
        "_unpack_sequence_": guards.guarded_unpack_sequence,
        "_getitem_": iteration.default_guarded_getitem,
        "_write_": guards.full_write_guard,
        "_getattr_": guards.safer_getattr,
        "_inplacevar_": _in_place,
    }
    tree = ast.fix_missing_locations(_SpelledOut().visit(ast.parse(source)))
    exec(package.compile_restricted(tree, f"{work.name}.py", "exec"), names)
    function: Runner = names[work.name]
    return function


_BUILT_IN: tuple[Any, ...] = (list, dict, sorted, enumerate, map, filter, reversed, min, max, sum)
_IN_PLACE = {"+=": operator.iadd, "-=": operator.isub, "*=": operator.imul}


def _in_place(sign: str, value: Any, more: Any) -> Any:
    return _IN_PLACE[sign](value, more)


class _SpelledOut(ast.NodeTransformer):
    """Writes ``a[b] += c`` as ``a[b] = a[b] + c``, as RestrictedPython requires it."""

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        if not isinstance(node.target, ast.Subscript):
            return node
        target = copy.deepcopy(node.target)
        value = ast.Subscript(target.value, target.slice, ast.Load())
        return ast.copy_location(ast.Assign([node.target], ast.BinOp(value, node.op, node.value)), node)


def _starlark(work: Work, source: str, stack: ExitStack) -> Runner:
    starlark = importlib.import_module("starlark")
    module = starlark.Module()
    for name, function in HOST.items():
        module.add_callable(name, function)
    names = starlark.Globals.extended_by([starlark.LibraryExtension.Json])
    starlark.eval(module, starlark.parse(f"{work.name}.star", source), names)
    frozen = module.freeze()
    return lambda argument: frozen.call(work.name, argument)


def _lua(module: str) -> Callable[[Work, str, ExitStack], Runner]:
    def load(work: Work, source: str, stack: ExitStack) -> Runner:
        runtime = importlib.import_module(module).LuaRuntime(unpack_returned_tuples=True)
        names = runtime.globals()
        names["add"], names["greet"], names["search"] = HOST["add"], HOST["greet"], HOST["search"]
        # Tables are Lua's; a host takes them apart and makes new ones itself.
        names["price"] = lambda line: runtime.table_from(HOST["price"](line))
        names["model"] = lambda messages: runtime.table_from(
            HOST["model"]([dict(message) for message in messages.values()]), recursive=True
        )
        runtime.execute(JSON_FOR_LUA.read_text(encoding="utf-8"))
        runtime.execute(source)
        function: Runner = names[work.name]
        return function

    return load


def _plain_table(result: Any) -> Any:
    """A list or a dictionary of a table of Lua's; what else there is stays."""
    if not hasattr(result, "items"):
        return result
    found = {key: _plain_table(value) for key, value in result.items()}
    return list(found.values()) if list(found) == list(range(1, len(found) + 1)) else found


def _quickjs(work: Work, source: str, stack: ExitStack) -> Runner:
    context = importlib.import_module("quickjs").Context()
    for name in ("add", "greet", "search"):
        context.add_callable(name, HOST[name])
    # Objects cross as JSON, which is all that the package offers.
    context.add_callable("price", lambda line: context.parse_json(json.dumps(HOST["price"](json.loads(line.json())))))
    context.add_callable("model", lambda given: context.parse_json(json.dumps(HOST["model"](json.loads(given.json())))))
    context.eval(source)
    function: Runner = context.get(work.name)
    return function


def _plain_object(result: Any) -> Any:
    return json.loads(result.json()) if hasattr(result, "json") else result


def _monty(work: Work, source: str, stack: ExitStack) -> Runner:
    pool = stack.enter_context(importlib.import_module("pydantic_monty").Monty())
    # A checkout may call its host 1,000 times, unless told otherwise.
    session = stack.enter_context(pool.checkout(limits={"max_suspensions": 100_000_000}))
    session.feed_run(source)
    call = f"{work.name}(argument)"
    return lambda argument: session.feed_run(call, inputs={"argument": argument}, external_lookup=HOST)


def _asteval(work: Work, source: str, stack: ExitStack) -> Runner:
    interpreter = importlib.import_module("asteval").Interpreter(
        user_symbols=HOST, use_numpy=False, config={"import": True}
    )
    interpreter(source, raise_errors=True)
    function: Runner = interpreter.symtable[work.name]
    return function


RUNTIMES = (
    Runtime("CPython", "neuroscript", "neuroscript", ".py", _cpython),
    Runtime("NeuroScript", "neuroscript", "neuroscript", ".ns", _neuroscript),
    Runtime("RestrictedPython", "RestrictedPython", "RestrictedPython", ".py", _restricted),
    Runtime("starlark-pyo3", "starlark-pyo3", "starlark", ".star", _starlark),
    Runtime("Lua 5.4", "lupa", "lupa.lua54", ".lua", _lua("lupa.lua54"), _plain_table),
    Runtime("LuaJIT", "lupa", "lupa.luajit21", ".lua", _lua("lupa.luajit21"), _plain_table),
    Runtime("quickjs", "quickjs", "quickjs", ".js", _quickjs, _plain_object),
    Runtime("pydantic-monty", "pydantic-monty", "pydantic_monty", ".py", _monty, clock=with_children),
    Runtime("monty (wall)", "pydantic-monty", "pydantic_monty", ".py", _monty, clock=perf_counter),
    Runtime("asteval", "asteval", "asteval", ".py", _asteval),
)
