"""Compiled programs that are kept: the same circumstances give the same code, and other ones do not."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from neuroscript import Function, Interpreter, Limits, NeuroScriptError, Policy
from neuroscript.cache import memory as cache_module
from neuroscript.cache.memory import Cache, Entry
from neuroscript.syntax import nodes

SOURCE = """
func cached_main(needs a) means
  set NAME2 = 5
  return [helper(a), tool.str.ToUpper("x"), NAME2]
endfunc
func helper(needs a) means
  return is_int(a)
endfunc
"""


def code_of(interpreter: Interpreter, name: str = "p_cached_main") -> Any:
    return interpreter.runtime.namespace[name].__code__


def loaded(source: str = SOURCE, **options: Any) -> Interpreter:
    interpreter = Interpreter(plugins=False, **options)
    interpreter.load(source, "cached.ns")
    return interpreter


def test_a_program_is_compiled_once_for_interpreters_alike() -> None:
    first, second = loaded(), loaded()
    assert code_of(first) is code_of(second)
    assert first.run("cached_main", 1) == second.run("cached_main", 1) == [True, "X", 5]


@pytest.mark.parametrize(
    "options",
    [
        {"globals": {"HOST": 1}},
        {"globals": {"is_int": Function("is_int", lambda x: "host")}},
        {"limits": Limits(max_items=5)},
        {"policy": Policy(deny=("str.*",))},
    ],
)
def test_other_circumstances_give_other_code(options: dict[str, Any]) -> None:
    assert code_of(loaded()) is not code_of(loaded(**options))


def test_a_global_of_the_same_name_is_seen() -> None:
    assert loaded().run("cached_main", 1)[0] is True
    assert loaded(globals={"is_int": Function("is_int", lambda x: "host")}).run("cached_main", 1)[0] == "host"
    with pytest.raises(NeuroScriptError) as raised:
        loaded(globals={"NAME2": 1}).run("cached_main", 1)
    assert raised.value.code == 43


def test_a_tool_that_was_exchanged_is_called() -> None:
    loaded()
    interpreter = Interpreter(plugins=False)
    interpreter.tools.unregister("str.ToUpper")
    interpreter.tool("str.ToUpper")(lambda text: "mine")
    interpreter.load(SOURCE, "cached.ns")
    assert interpreter.run("cached_main", 1)[1] == "mine"
    assert loaded().run("cached_main", 1)[1] == "X"


def test_a_tool_with_another_spec_is_linked_anew() -> None:
    source = "func main means\n  return tool.host.Tool(1)\nendfunc\n"
    for number in range(2):
        interpreter = Interpreter(plugins=False)

        if number:

            @interpreter.tool("host.Tool")
            def text(x: str) -> str:
                return x
        else:

            @interpreter.tool("host.Tool")
            def whole(x: int) -> int:
                return x

        interpreter.load(source, "linked.ns")
        if number:
            with pytest.raises(NeuroScriptError) as raised:
                interpreter.run("main")
            assert raised.value.code == 4
        else:
            assert interpreter.run("main") == 1


def test_the_name_belongs_to_the_code() -> None:
    for name in ("one.ns", "two.ns"):
        interpreter = Interpreter(plugins=False)
        interpreter.load("func main means\n  return 1 / 0\nendfunc\n", name)
        with pytest.raises(NeuroScriptError) as raised:
            interpreter.run("main")
        assert raised.value.file == name


def test_a_failing_program_is_not_kept() -> None:
    source = "func cached_main means\n  return 1\nendfunc\nfunc cached_main means\nendfunc\n"
    for _ in range(2):
        with pytest.raises(NeuroScriptError) as raised:
            loaded(source)
        assert raised.value.code == 42


def test_what_is_kept_is_bounded() -> None:
    kept = Cache()
    interpreter = loaded()
    [program] = interpreter.programs
    for number in range(1000):
        kept.keep(number, Entry(program, None, {}, 100))  # type: ignore[arg-type]
    assert len(kept._entries) <= cache_module._ENTRIES
    for number in range(20):
        kept.keep((number,), Entry(program, None, {}, 200_000))  # type: ignore[arg-type]
    assert sum(entry.length for entry in kept._entries.values()) <= cache_module._LONGEST


def test_the_tree_is_not_kept_when_all_procedures_have_been_called() -> None:
    gc.collect()
    before = sum(isinstance(one, nodes.Node) for one in gc.get_objects())
    interpreter = loaded("# not seen before\n" + SOURCE)
    [program] = interpreter.programs
    assert [procedure.name for procedure in program.procedures] == ["cached_main", "helper"]
    assert interpreter.run("cached_main", 1) == [True, "X", 5]
    gc.collect()
    assert sum(isinstance(one, nodes.Node) for one in gc.get_objects()) <= before
