"""What a new user of the interpreter gets wrong, and what he is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from neuroscript import (
    Interpreter,
    Limits,
    NeuroScriptError,
    NeuroScriptSyntaxError,
    NotFoundError,
    StateError,
    ToolRegistry,
)

LIBRARY = "func main(optional x) means\n  return x\nendfunc\n"
SCRIPT = 'command\n  emit "ran"\nendcommand\n'


@pytest.fixture
def emitted() -> list[Any]:
    return []


@pytest.fixture
def interpreter(emitted: list[Any]) -> Interpreter:
    return Interpreter(plugins=False, emit=emitted.append)


# --- tools ------------------------------------------------------------------------------------------------------------


def test_a_tool_without_a_name_has_that_of_its_function(interpreter: Interpreter) -> None:
    @interpreter.tool
    def price(item: str) -> int:
        """Give the price."""
        return len(item)

    @interpreter.tool()
    async def later(item: str) -> str:
        return item

    @interpreter.tool(capabilities=("net",))
    def fetch(item: str) -> str:
        return item

    interpreter.load('func main means\n  return [tool.host.Price("tea"), tool.host.later("x")]\nendfunc\n')
    assert interpreter.run("main") == [3, "x"]
    assert price("four") == 4
    assert interpreter.tools.lookup("host.price").spec.description == "Give the price."
    assert interpreter.tools.lookup("host.fetch").spec.capabilities == ("net",)


def test_a_registry_names_them_so_too() -> None:
    registry = ToolRegistry()

    @registry.tool
    def price(item: str) -> int:
        return len(item)

    assert registry.call("host.price", "tea") == 3


@pytest.mark.parametrize("name", ["<lambda>", "a__b", "größe"])
def test_a_function_that_cannot_name_a_tool_is_refused(interpreter: Interpreter, name: str) -> None:
    def function() -> None: ...

    function.__name__ = name
    with pytest.raises(NeuroScriptError, match=r'give it a name: @interpreter\.tool\("group\.Name"\)') as raised:
        interpreter.tool(function)
    assert (raised.value.code, name in raised.value.message) == (41, True)


# --- programs ---------------------------------------------------------------------------------------------------------


def test_running_a_procedure_of_a_command_script_says_how_it_is_run(
    interpreter: Interpreter, emitted: list[Any]
) -> None:
    interpreter.load(SCRIPT, "job.ns")
    with pytest.raises(NotFoundError, match=r"job\.ns is a command script: run_commands\(\) runs it, as execute\(\)"):
        interpreter.run("main")
    interpreter.run_commands()
    assert emitted == ["ran"]


@pytest.mark.parametrize(
    ("source", "use"), [(LIBRARY, r"run\('main'\)"), ('on event "x" do\nendon\n', "emit_event")], ids=["run", "event"]
)
def test_executing_a_library_says_what_to_do_instead(interpreter: Interpreter, source: str, use: str) -> None:
    with pytest.raises(StateError, match=rf"lib\.ns is a library: .* use load\(…\), then {use}") as raised:
        interpreter.execute(source, "lib.ns")
    assert raised.value.code == 19
    assert interpreter.procedures() == []
    assert interpreter.programs == ()


def test_an_empty_program_is_executed(interpreter: Interpreter) -> None:
    interpreter.execute("")
    interpreter.execute("# nothing yet\n")


def test_a_path_is_read(interpreter: Interpreter, tmp_path: Path, emitted: list[Any]) -> None:
    library, script = tmp_path / "lib.ns", tmp_path / "job.ns"
    library.write_text(LIBRARY)
    script.write_text(SCRIPT)
    assert interpreter.check(library) == []
    assert interpreter.load(library) == ["main"]
    assert interpreter.programs[0].name == str(library)
    interpreter.execute(script)
    assert emitted == ["ran"]
    library.write_text("func other means\n  set = 1\nendfunc\n")
    with pytest.raises(NeuroScriptSyntaxError) as raised:
        interpreter.load(library)
    assert raised.value.file == str(library)
    with pytest.raises(NotFoundError, match=r"there is no file '.*missing\.ns'") as missing:
        interpreter.load(tmp_path / "missing.ns")
    assert missing.value.code == 22


@pytest.mark.parametrize("wrong", [5, None, ["a"]])
def test_what_is_no_program_is_refused(interpreter: Interpreter, wrong: Any) -> None:
    for use in (interpreter.load, interpreter.execute, interpreter.check):
        with pytest.raises(TypeError, match="a program is text, bytes or a path, not"):
            use(wrong)


USES: dict[str, Callable[[Interpreter], Any]] = {
    "load": lambda closed: closed.load(LIBRARY, replace=True),
    "load_file": lambda closed: closed.load_file(__file__),
    "execute": lambda closed: closed.execute(SCRIPT),
    "run": lambda closed: closed.run("main"),
    "call": lambda closed: closed.call(closed.runtime.function("main")),
    "a function value": lambda closed: closed.runtime.function("main").call(),
    "run_commands": lambda closed: closed.run_commands(),
    "emit_event": lambda closed: closed.emit_event("x"),
    "session": lambda closed: closed.session(),
}


@pytest.mark.parametrize("use", USES)
def test_a_closed_interpreter_refuses(interpreter: Interpreter, use: str) -> None:
    interpreter.load(LIBRARY)
    session = interpreter.session()
    interpreter.close()
    interpreter.close()
    with pytest.raises(StateError, match="the interpreter is closed; make another one") as raised:
        USES[use](interpreter)
    assert raised.value.code == 19
    with pytest.raises(StateError, match="the interpreter is closed"):
        session.evaluate("1")


def test_what_is_called_at_the_end_may_still_use_the_interpreter(interpreter: Interpreter) -> None:
    interpreter.load(LIBRARY)
    results: list[Any] = []
    interpreter.on_close(lambda: results.append(interpreter.run("main", 7)))
    interpreter.close()
    assert results == [7]


# --- limits and globals -----------------------------------------------------------------------------------------------


def test_limits_may_be_a_map() -> None:
    made = Interpreter(plugins=False, limits={"max_steps": 3, "max_wall_seconds": 1.5})
    assert made.limits == Limits(max_steps=3, max_wall_seconds=1.5)
    with pytest.raises(ValueError, match="there is no limit 'max_step'; the limits are max_steps, max_seconds"):
        Interpreter(limits={"max_step": 3})
    with pytest.raises(ValueError, match=r"Limits\.max_steps must be a number"):
        Interpreter(limits={"max_steps": "3"})
    with pytest.raises(TypeError, match=r"limits takes a Limits or a map of its fields, .* not int"):
        Interpreter(limits=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a b", "1a", "", "größe", "a-b", 5])
def test_a_global_has_a_name_that_a_program_can_write(name: Any) -> None:
    with pytest.raises(NeuroScriptError, match=r"a global cannot be called .*: names are letters") as raised:
        Interpreter(plugins=False, globals={name: 1})
    assert raised.value.code == 41


@pytest.mark.parametrize("name", ["set", "while", "true", "endfunc"])
def test_a_global_is_no_reserved_word(name: str) -> None:
    with pytest.raises(NeuroScriptError, match=f"'{name}', which is a reserved word; {name}_value would do"):
        Interpreter(plugins=False, globals={name: 1})


# --- values -----------------------------------------------------------------------------------------------------------


@dataclass
class Order:
    o: Any


BAD: dict[str, tuple[Any, str]] = {
    "whole": (object(), ""),
    "item": ([1, object()], "[1]: "),
    "field": ({"a": object()}, "a: "),
    "nested": ({"orders": [{"o": object()}]}, "orders[0].o: "),
    "dataclass": ({"orders": [Order(object())]}, "orders[0].o: "),
    "tuple": ((1, {"x": (object(),)}), "[1].x[0]: "),
    "key": ({"a b": {"c": [object()]}}, '["a b"].c[0]: '),
    "number key": ({1: object()}, '["1"]: '),
    "deep": ([[[[object()]]]], "[0][0][0][0]: "),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_value_names_its_path(interpreter: Interpreter, what: str) -> None:
    value, path = BAD[what]
    bad = f"{path}a object cannot be a value of a script"
    interpreter.load(LIBRARY + "func get means\n  return tool.host.bad()\nendfunc\n")
    interpreter.tool("host.bad")(lambda: value)
    for expected, use in {
        "argument 1: ": lambda: interpreter.run("main", value),
        "argument 'x': ": lambda: interpreter.run("main", x=value),
        "the global 'g': ": lambda: Interpreter(plugins=False, globals={"g": value}),
        "the payload: ": lambda: interpreter.emit_event("x", value),
        "": lambda: interpreter.run("get"),
    }.items():
        with pytest.raises(NeuroScriptError) as raised:
            use()
        assert (raised.value.code, raised.value.message) == (7, expected + bad)


def test_a_number_out_of_range_names_its_path_too(interpreter: Interpreter) -> None:
    interpreter.load(LIBRARY)
    with pytest.raises(NeuroScriptError) as raised:
        interpreter.run("main", {"a": [1.0, float("inf")]})
    assert (raised.value.code, raised.value.message) == (
        41,
        "argument 1: a[1]: inf is not a number of the language",
    )
