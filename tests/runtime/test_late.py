"""General bodies that a program leaves out are made when they are called for the first time, and change nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest

from neuroscript import Interpreter, NeuroScriptError
from neuroscript.cache import memory
from neuroscript.cache.disk import SWITCH
from neuroscript.compiler.build import back_end, complete, front_end, loaded_program
from neuroscript.limits import Limits
from neuroscript.runtime import abi
from neuroscript.runtime.assertions import Probes
from neuroscript.runtime.watching import Watcher
from tests.compiler.support import watch
from tests.fuzz.routines import make_trial

PROGRAMS = sorted(Path("benchmarks/comparison/programs").glob("*.ns"))
LIBRARY = """\
func main(needs n) means
  set xs = []
  set i = 0
  while i < n
    set xs = added(xs, i)
    set i = i + 1
  endwhile
  return ratio(len(xs), 2)
endfunc

func added(needs xs, x) means
  call tool.probe.See(xs)
  set xs[len(xs)] = x
  call tool.probe.See(xs)
  return xs
endfunc

func ratio(needs whole optional part) means
  if part == nil
    return whole
  endif
  return whole / part
endfunc

func recursive(needs n) means
  if n == 0
    return 0
  endif
  return 1 + recursive(n - 1)
endfunc
"""
CHECKED = """\
func checked(needs x) means
  must x > 0
  return x * 2
endfunc
func once means
  return checked(1)
endfunc
"""
LATE = {"main", "added", "ratio", "recursive"}
CALLER = """\
func first_call(needs x) means
  return added([x], x)
endfunc

func deep(needs n) means
  if n == 0
    return ratio("six", 3)
  endif
  return deep(n - 1)
endfunc
"""


@pytest.fixture(autouse=True)
def compiles_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds what another one has made."""
    monkeypatch.setattr("neuroscript.loading._CACHE", memory.Cache())


def loaded(source: str = LIBRARY, **options: Any) -> Interpreter:
    """An interpreter that has loaded a library and compiled it, and shows what ``tool.probe.See`` gets."""
    interpreter = Interpreter(plugins=False, **options)
    watch(interpreter)
    interpreter.load(source, "library.ns")
    interpreter.loader.compile_all()
    return interpreter


def waiting(interpreter: Interpreter) -> set[str]:
    """The procedures whose general bodies have not been made."""
    functions = [value for value in interpreter.runtime.namespace.values() if isinstance(value, FunctionType)]
    return {one.__name__.partition("_")[2] for one in functions if abi.GENERAL in one.__code__.co_names}


def ending(interpreter: Interpreter, name: str, *args: Any) -> object:
    """The result of a procedure, or all that its error tells."""
    try:
        return interpreter.run(name, *args)
    except NeuroScriptError as error:
        return error.code, error.message, error.line, error.column, error.stack


def test_the_first_call_from_outside_makes_all_of_them() -> None:
    interpreter = loaded()
    assert waiting(interpreter) == LATE
    assert interpreter.run("main", 6) == 3
    assert interpreter.run("recursive", 9) == 9, "whole numbers are for the specialised body"
    assert waiting(interpreter) == LATE
    assert interpreter.run("ratio", 7.0) == 7.0
    assert waiting(interpreter) == set()
    assert interpreter.run("ratio", 7.0, 2) == 3.5


@pytest.mark.parametrize(
    "use",
    [
        "func value means\n  set f = ratio\n  return f(3)\nendfunc",
        "func value means\n  return tool.list.Map([3], ratio)\nendfunc",
        'func value means\n  return "{{ratio}}"\nendfunc\nfunc text means\n  emit ```{{ratio}}```\nendfunc',
        'on event "e" do\n  emit ratio(3)\nendon',
        (
            'on event "e" do\n  emit through(3)\nendon\n'
            "func through(needs x) means\n  return ratio(x)\nendfunc\n"
            "func straight means\n  return through(2)\nendfunc"
        ),
    ],
    ids=["variable", "tool", "text", "handler", "through another"],
)
def test_what_the_program_enters_is_made_with_it(use: str) -> None:
    interpreter = loaded(LIBRARY + use)
    assert "ratio" not in waiting(interpreter)
    assert "added" in waiting(interpreter)


CALLS: list[tuple[str, tuple[Any, ...]]] = [
    ("ratio", (1, 2)),
    ("ratio", (1.5,)),
    ("ratio", ("six", 3)),
    ("ratio", (1, 0)),
    ("ratio", (None, 1)),
    ("ratio", ()),
    ("ratio", (1, 2, 3)),
    ("recursive", (3.0,)),
    ("recursive", (10**40,)),
    ("recursive", ("x",)),
    ("recursive", (2.5,)),
    ("added", ([1], 2)),
    ("added", ({}, 2)),
    ("added", (7, 2)),
    ("first_call", (1,)),
    ("deep", (5,)),
    ("deep", (98,)),
    ("deep", (99,)),
]


@pytest.mark.parametrize(("name", "args"), CALLS)
def test_the_first_call_ends_as_the_second_one_does(name: str, args: tuple[Any, ...]) -> None:
    interpreter = loaded(limits=Limits(max_depth=100))
    interpreter.load(CALLER, "caller.ns")
    first = ending(interpreter, name, *args)
    assert ending(interpreter, name, *args) == first


@pytest.mark.parametrize(("name", "args"), CALLS)
def test_the_first_call_takes_as_many_steps(name: str, args: tuple[Any, ...]) -> None:
    for steps in range(1, 9):
        interpreter = loaded(limits=Limits(max_depth=100, max_steps=steps))
        interpreter.load(CALLER, "caller.ns")
        first = ending(interpreter, name, *args)
        assert ending(interpreter, name, *args) == first


def test_arguments_are_held_as_often_on_the_first_call() -> None:
    with Interpreter(plugins=False) as interpreter:
        seen = watch(interpreter)
        interpreter.load(LIBRARY)
        interpreter.load(CALLER)
        assert interpreter.run("first_call", 1) == [1, 1]
        assert interpreter.run("first_call", 1) == [1, 1]
    assert len(seen.identities) == 4
    assert seen.identities[0] == seen.identities[1], "the list is changed in place, on the first call too"
    assert seen.identities[2] == seen.identities[3]


def test_many_threads_make_them_once() -> None:
    interpreter = loaded()
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(interpreter.run("ratio", 6.0, 4))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [1.5] * 8


def test_they_are_made_where_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    interpreter = loaded()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert interpreter.run("ratio", 6.0, 4) == 1.5


@pytest.mark.parametrize("failure", [MemoryError, RecursionError])
def test_they_can_be_made_later_where_there_was_no_room(
    failure: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise failure

    interpreter = loaded()
    with monkeypatch.context() as patched:
        patched.setattr("neuroscript.compiler.deferred.Deferred.general", fail)
        with pytest.raises(NeuroScriptError, match="out of") as raised:
            interpreter.run("ratio", 6.0, 4)
    assert [frame.procedure for frame in raised.value.stack] == ["ratio"]
    assert interpreter.run("ratio", 6.0, 4) == 1.5


def test_code_that_is_watched_leaves_none_out() -> None:
    with Interpreter(plugins=False) as interpreter:
        interpreter.loader.watch(Watcher())
        interpreter.load(LIBRARY)
        assert waiting(interpreter) == set()


def test_they_are_not_watched_if_the_program_was_not() -> None:
    told: list[str] = []

    class Told(Watcher):
        def begin(self, frame: FrameType, file: str, line: int) -> None:
            told.append(file)

    interpreter = loaded()
    interpreter.loader.watch(Told())
    assert interpreter.run("ratio", 1.5) == 1.5
    assert told == []


def test_they_have_no_probes_that_the_program_was_loaded_without() -> None:
    interpreter = loaded("func main(needs x) means\n  return checked(x)\nendfunc\n" + CHECKED)
    interpreter.loader.probe(Probes())
    with pytest.raises(NeuroScriptError) as raised:
        interpreter.run("checked", -1.5)
    assert raised.value.message == "must does not hold: x > 0 is false"


def test_they_are_those_of_the_program_as_it_was_loaded() -> None:
    source = (
        "func main(needs x) means\n  return shown(x)\nendfunc\n"
        "func shown(needs x) means\n  return tool.host.Say(x) + limit + late(x)\nendfunc\n"
    )
    with Interpreter(plugins=False, globals={"limit": 5}) as interpreter:
        interpreter.tool("host.Say")(lambda x: x)
        interpreter.load(source)
        interpreter.load(
            "func late(needs x) means\n  return x * 100\nendfunc\nfunc more means\n  return late(1)\nendfunc"
        )
        assert interpreter.run("main", 1) == 106
        assert interpreter.run("shown", 1.0) == 106


def test_a_procedure_that_is_replaced_is_the_new_one() -> None:
    interpreter = loaded()
    interpreter.load("func ratio(needs whole optional part) means\n  return 7\nendfunc", replace=True)
    assert [interpreter.run("main", 4), interpreter.run("ratio", 1.5), interpreter.run("added", [], 1)] == [7, 7, [1]]
    assert waiting(interpreter) <= {"recursive"}


def test_a_load_that_fails_leaves_none_behind() -> None:
    interpreter = loaded()
    event = 'on event missing("x") do\nendon\n'
    with pytest.raises(NeuroScriptError):
        interpreter.load(
            LIBRARY.replace("main", "other").replace("added", "more").replace("ratio", "part") + event, "b"
        )
    assert [*interpreter.loader.late_bodies] == [1]
    assert interpreter.run("ratio", 1.5) == 1.5


def test_those_that_were_made_are_found_in_both_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SWITCH)
    folder = tmp_path / "cache"
    assert loaded(cache=folder).run("main", 4) == 2
    found = loaded(cache=folder)
    assert waiting(found) == LATE
    assert found.run("ratio", 1.5) == 1.5
    assert waiting(loaded(cache=folder)) == set(), "in memory"
    monkeypatch.setattr("neuroscript.loading._CACHE", memory.Cache())
    monkeypatch.setattr("neuroscript.compiler.build.front_end", None)
    kept = loaded(cache=folder)
    assert waiting(kept) == set(), "on disk"
    assert [kept.run("ratio", 2.5), kept.run("main", 4)] == [2.5, 2]


def test_another_interpreter_takes_those_that_one_has_made(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = loaded(), loaded()
    assert one.run("ratio", 1.5) == 1.5
    monkeypatch.setattr("neuroscript.compiler.build.front_end", None)
    assert other.run("ratio", 2.5) == 2.5


def facts(codes: tuple[CodeType, ...]) -> Iterator[tuple[str, object]]:
    """All that the functions of modules consist of, each with its name."""
    for code in codes:
        consts = [constant if type(constant) is not CodeType else None for constant in code.co_consts]
        if code.co_name != "<module>":
            parts = code.co_code, code.co_names, code.co_varnames, repr(consts), [*code.co_positions()]
            yield code.co_qualname, parts
        yield from facts(tuple(constant for constant in code.co_consts if type(constant) is CodeType))


def compare(source: str) -> int:
    """Compares the bodies that are made late with those of a program that leaves none out; gives their number."""
    with Interpreter(plugins=False) as interpreter:
        units = []
        for defers in (False, True):
            resolved = front_end(source, "x", interpreter.limits, {})
            own = loaded_program(resolved.program).procedures
            units.append((resolved, interpreter.loader.compilation_unit(own, load=3, defers=defers)))
        whole = back_end(*units[0])
        partly = back_end(*units[1])
        again = complete(front_end(source, "x", interpreter.limits, {}), units[0][1], partly)
    late = list(facts(again.general))
    assert {function for function, *_ in late if "." not in function} == {abi.PROCEDURE + name for name in partly.late}
    eager = list(facts(whole.codes))
    assert all(one in eager for one in late)
    # Second bodies may differ: where no first ones are looked at, nothing that those store counts.
    found = [*late, *(one for one in facts(partly.codes) if not abi.is_late(one[0]))]
    assert sorted(name for name, _ in found) == sorted(name for name, _ in eager)
    assert again.calls == whole.calls
    return len(partly.late)


def test_they_are_those_that_a_program_would_have_had() -> None:
    assert len(PROGRAMS) > 30
    assert sum(compare(path.read_text()) for path in PROGRAMS) > 30


def test_so_they_are_in_random_libraries() -> None:
    assert sum(compare(make_trial(Random(seed)).source) for seed in range(60)) > 30
