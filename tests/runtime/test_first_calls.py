"""Procedures are compiled when they are called for the first time, and nothing else tells that they are."""

from __future__ import annotations

import threading
from pathlib import Path
from random import Random
from types import FunctionType
from typing import Any

import pytest

from neuroscript import Interpreter, NeuroScriptError
from neuroscript.cache import memory
from neuroscript.compiler import deferred
from neuroscript.compiler.build import back_end, front_end, loaded_program
from neuroscript.compiler.deferred import Deferred
from neuroscript.limits import Limits
from neuroscript.runtime import abi
from tests.compiler.support import watch
from tests.fuzz.routines import make_trial
from tests.runtime.test_late import CALLER, CALLS, LIBRARY, ending, facts

PROGRAMS = sorted(Path("benchmarks/comparison/programs").glob("*.ns"))
NAMES = {"main", "added", "ratio", "recursive"}
HANDLER = 'on event "e" do\n  emit ratio(3, 2)\nendon\n'


@pytest.fixture(autouse=True)
def compiles_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds what another one has made."""
    monkeypatch.setattr("neuroscript.loading._CACHE", memory.Cache())


def loaded(source: str = LIBRARY, *, compiled: bool = False, **options: Any) -> Interpreter:
    """An interpreter that has loaded a library, compiled it as a whole or not, and a program that calls it."""
    interpreter = Interpreter(plugins=False, **options)
    watch(interpreter)
    interpreter.load(source, "library.ns")
    if compiled:
        interpreter.loader.compile_all()
    interpreter.load(CALLER, "caller.ns")
    return interpreter


def waiting(interpreter: Interpreter) -> set[str]:
    """The procedures of the library that have not been compiled."""
    functions = [interpreter.runtime.namespace[abi.PROCEDURE + name] for name in NAMES]
    return {one.__name__.removeprefix(abi.PROCEDURE) for one in functions if abi.FIRST_CALL in one.__code__.co_names}


def test_a_call_compiles_what_is_called() -> None:
    interpreter = loaded()
    assert waiting(interpreter) == NAMES
    assert interpreter.run("recursive", 9) == 9
    assert waiting(interpreter) == NAMES - {"recursive"}
    assert interpreter.run("main", 0) == 0
    assert waiting(interpreter) == {"added"}
    interpreter.loader.compile_all()
    assert waiting(interpreter) == set()


@pytest.mark.parametrize(("name", "args"), CALLS)
def test_the_first_call_ends_as_one_of_a_compiled_program(name: str, args: tuple[Any, ...]) -> None:
    for steps in (1, 2, 3, 5, None):
        limits = Limits(max_depth=100, max_steps=steps)
        compiled = ending(loaded(compiled=True, limits=limits), name, *args)
        interpreter = loaded(limits=limits)
        assert [ending(interpreter, name, *args) for _ in range(2)] == [compiled] * 2


def test_arguments_are_held_as_often_on_the_first_call() -> None:
    with Interpreter(plugins=False) as interpreter:
        seen = watch(interpreter)
        interpreter.load(LIBRARY)
        interpreter.load(CALLER)
        assert interpreter.run("first_call", 1) == [1, 1]
    assert len(set(seen.identities)) == 1, "the list is changed in place"


@pytest.mark.parametrize(
    "use",
    ["set f = ratio\n  return f(6, 4)", "return tool.list.Map([6], ratio)[0] / 4", 'return "{{ratio}}" == "" or 1.5'],
)
def test_a_procedure_that_is_a_value_is_compiled_when_that_is_called(use: str) -> None:
    interpreter = loaded(f"{LIBRARY}func value means\n  {use}\nendfunc\n")
    assert [interpreter.run("value") for _ in range(3)] == [1.5 if "{{" not in use else True] * 3


@pytest.mark.parametrize("source", [LIBRARY + HANDLER, HANDLER + LIBRARY], ids=["last", "first"])
def test_event_handlers_call_what_waits(source: str) -> None:
    emitted: list[Any] = []
    interpreter = loaded(source, emit=emitted.append)
    assert waiting(interpreter) == NAMES
    interpreter.emit_event("e")
    assert (emitted, waiting(interpreter)) == ([1.5], NAMES - {"ratio"})


def test_a_procedure_that_was_replaced_before_its_first_call_is_the_new_one() -> None:
    interpreter = loaded()
    interpreter.load("func ratio(needs whole optional part) means\n  return 7\nendfunc", replace=True)
    assert [interpreter.run("main", 4), interpreter.run("deep", 2), interpreter.run("added", [], 1)] == [7, 7, [1]]


def test_a_load_that_fails_takes_nothing_from_what_it_has_called() -> None:
    interpreter = loaded()
    with pytest.raises(NeuroScriptError, match="division"):
        interpreter.load("on event main(1 / 0 + recursive(2)) do\nendon")
    with pytest.raises(NeuroScriptError, match="division"):
        interpreter.load("on event main(recursive(2) + 1 / 0) do\nendon")
    assert [interpreter.run("recursive", 3), interpreter.run("main", 4), interpreter.run("added", [], 1)] == [3, 2, [1]]


def test_tools_are_those_of_the_load() -> None:
    with Interpreter(plugins=False) as interpreter:
        interpreter.tool("host.Say")(lambda: "then")
        interpreter.load("func main means\n  return tool.host.Say()\nendfunc")
        interpreter.tools.unregister("host.Say")
        interpreter.tool("host.Say")(lambda: "now")
        assert interpreter.run("main") == "then"


def test_many_threads_compile_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    make = Deferred._make
    monkeypatch.setattr(Deferred, "_make", lambda self, name: made.append(name) or make(self, name))
    interpreters = [loaded() for _ in range(4)]
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda one=one: results.append(one.run("main", 6)))  # type: ignore[misc]
        for one in interpreters * 2
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [3] * 8
    assert sorted(made) == ["added", "main", "ratio"]


@pytest.mark.parametrize("failure", [MemoryError, RecursionError])
def test_they_can_be_compiled_later_where_there_was_no_room(
    failure: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise failure

    interpreter = loaded()
    with monkeypatch.context() as patched:
        patched.setattr("neuroscript.compiler.codegen.generate.FunctionGenerator", fail)
        with pytest.raises(NeuroScriptError, match="out of") as raised:
            interpreter.run("recursive", 3)
    assert [frame.procedure for frame in raised.value.stack] == ["recursive"]
    assert interpreter.run("recursive", 3) == 3


def test_what_may_be_too_deep_for_python_is_an_error_of_the_load() -> None:
    deep = "if n\n" * 30 + "set n = 0\n" + "endif\n" * 30
    interpreter = loaded(LIBRARY.replace("  return 1 + rec", deep + "  return 1 + rec"))
    assert waiting(interpreter) == set()


def test_trees_are_kept_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deferred, "_MOST_KEPT", 4 * len(LIBRARY))
    interpreters = [loaded(f"{LIBRARY}# {number}\n") for number in range(8)]
    assert deferred._TREES._length <= 4 * len(LIBRARY)
    assert [one.run("main", 4) for one in interpreters] == [2] * 8
    assert waiting(interpreters[0]) == {"recursive"}


def test_a_program_whose_tree_is_gone_is_parsed_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deferred, "_MOST_KEPT", 0)
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(LIBRARY.replace("  call tool.probe.See(xs)\n", ""))
        assert interpreter.run("main", 4) == 2
        monkeypatch.setattr("neuroscript.compiler.build.front_end", None)
        assert [interpreter.run("recursive", 5), interpreter.run("added", [], 7)] == [5, [7]]


def compare(source: str, seed: int) -> int:
    """Compares the code of procedures that are compiled one by one with that of the program as a whole."""
    with Interpreter(plugins=False) as interpreter:
        units = []
        for _ in range(2):
            resolved = front_end(source, "x", interpreter.limits, {})
            own = loaded_program(resolved.program).procedures
            units.append((resolved, interpreter.loader.compilation_unit(own, load=3, defers=True)))
        whole = back_end(*units[0])
        if not deferred.can_wait(units[1][0]):
            return 0
        parts = Deferred(*units[1], lambda: front_end(source, "x", interpreter.limits, {}))
    names = [procedure.name for procedure in own]
    Random(seed).shuffle(names)
    for name in names:
        made = parts.code(name)
    assert sorted(facts(tuple(parts.codes)), key=repr) == sorted(facts(whole.codes), key=repr)
    assert set(made.calls) == set(whole.calls)
    assert (parts.start, parts.commands) == (whole.start, whole.commands)
    return len(names)


def test_the_code_is_that_of_the_program_as_a_whole() -> None:
    assert sum(compare(path.read_text(), 1) for path in PROGRAMS) > 100


def test_so_it_is_in_random_libraries() -> None:
    assert sum(compare(make_trial(Random(seed)).source, seed) for seed in range(60)) > 100


def test_what_stands_for_a_procedure_takes_its_parameters() -> None:
    [function] = [one for name, one in loaded().runtime.namespace.items() if name == "p_ratio"]
    assert isinstance(function, FunctionType)
    assert function.__code__.co_varnames[:3] == ("d", "v_whole", "v_part")
    assert function.__defaults__ == (None,)
