"""A procedure that is defined anew is called anew by everybody, whatever they were compiled with."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroscript import Interpreter, NeuroScriptError
from neuroscript.limits import Limits
from neuroscript.stdlib import standard_registry
from neuroscript.syntax.parser import parse
from tests.oracle.walker import Walker

from .support import procedure

RECURSIVE = "if n <= 0\n  return 0\nendif\nreturn {} f(n - 1)"
LOOP = "set t = 0\nset i = 0\nwhile i < n\n  set t = t + i\n  set i = i + 1\nendwhile\nreturn {}"
# Some are specialised and some are not, some give what others do not, and some cannot be called like the others.
DEFINITIONS = {
    "counts": procedure(RECURSIVE.format("1 +"), "f", "(needs n)"),
    "doubles": procedure(RECURSIVE.format("2 *"), "f", "(needs n)"),
    "grows": procedure("if n <= 0\n  return 4611686018427387904\nendif\nreturn f(n - 1) * 1024", "f", "(needs n)"),
    "sums": procedure(LOOP.format("t"), "f", "(needs n)"),
    "lists": procedure(LOOP.format("[t, n]"), "f", "(needs n)"),
    "joins": procedure('return "f" + n', "f", "(needs n)"),
    "halves": procedure("if n <= 0\n  return 0.5\nendif\nreturn f(n - 1) / 2", "f", "(needs n)"),
    "nothing": procedure("set x = n", "f", "(needs n)"),
    "handles": procedure("on error do\n  clear_error\nendon\nset x = n / 0\nreturn n", "f", "(needs n)"),
    "optional": procedure("if n <= 0\n  return k\nendif\nreturn f(n - 1, n)", "f", "(needs n optional k)"),
    "another name": procedure("if m <= 0\n  return 7\nendif\nreturn f(m - 1)", "f", "(needs m)"),
    "two": procedure("if n <= 0\n  return m\nendif\nreturn f(n - 1, m + 1)", "f", "(needs n, m)"),
    "other order": procedure("if n <= 0\n  return m\nendif\nreturn f(m - 1, n - 1)", "f", "(needs m, n)"),
    "none": procedure("return 5", "f", "()"),
}
CALLS = (
    "f(3)",
    "f(n)",
    "f(n - 1)",
    "f(n: 4)",
    "f(n: 2, m: 3)",
    "f(2, 3)",
    "f(2.0)",
    "f()",
    "f(m: 1)",
    "g(3)",
    "[f(2)]",
    "f(n) + f(2)",
    "f(3) * 2 - 1",
    "PLUS(f(n))",
    "PLUS([f(3), 1])",
)
PLUS = procedure("if is_list(x)\n  return x[0] + x[1]\nendif\nreturn x + 1", "PLUS", "(needs x)")
CALLER = "set g = f\nif n > 90\n  return {name}(n - 1)\nendif\nreturn {call}"


def callers(prefix: str) -> str:
    """Procedures that call ``f`` in all ways; they are specialised too."""
    made = (
        procedure(CALLER.format(name=f"{prefix}{number}", call=call), f"{prefix}{number}", "(needs n)")
        for number, call in enumerate(CALLS)
    )
    return "".join((*made, PLUS)).replace("PLUS", f"{prefix}plus")


def result(run: Any, name: str, *args: Any) -> Any:
    """A result with its type, or the code of the error."""
    try:
        found = run(name, *args)
    except NeuroScriptError as error:
        return "error", int(error.code)
    return type(found), found


class Both:
    """An interpreter and the tree walker, that get the same programs."""

    def __init__(self) -> None:
        self.interpreter = Interpreter(plugins=False, emit=lambda value: None)
        self.session = self.interpreter.session()
        self.walker = Walker(tools=standard_registry())

    def load(self, source: str, *, typed: bool = False) -> None:
        """Loads a program, or types it in a session."""
        if typed:
            self.session.evaluate(source)
        else:
            self.interpreter.load(source, replace=True)
        self.walker.load(parse(source, "x.ns", Limits()), replace=True)

    def fail(self, source: str) -> None:
        """Loads a program that defines procedures and then fails: all is as it was."""
        with pytest.raises(NeuroScriptError):
            self.interpreter.load(source + "on event 1 / 0 do\nendon\n", replace=True)

    def compare(self, prefixes: list[str]) -> None:
        """Calls everybody."""
        names = [f"{prefix}{number}" for prefix in prefixes for number in range(len(CALLS))]
        for name in (*names, "f"):
            for args in ((3,), (2.0,), (2, 3)) if name == "f" else ((3,), (95,)):
                expected = result(self.walker.run, name, *args)
                assert result(self.interpreter.run, name, *args) == expected, (name, args)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(DEFINITIONS)), st.integers(0, 3)), min_size=1, max_size=6))
def test_any_order_of_definitions(steps: list[tuple[str, int]]) -> None:
    both = Both()
    prefixes: list[str] = []
    both.load(DEFINITIONS["counts"])
    for number, (name, way) in enumerate(steps):
        source = DEFINITIONS[name]
        if way == 0:  # callers that are compiled together with it call its specialised body
            prefixes.append(f"c{number}_")
            source += callers(prefixes[-1])
        if way == 3:
            both.fail(source)
        else:
            both.load(source, typed=way == 1)
        both.compare(prefixes)


@pytest.mark.parametrize("before", DEFINITIONS)
@pytest.mark.parametrize("after", DEFINITIONS)
def test_each_definition_after_each_other(before: str, after: str) -> None:
    both = Both()
    both.load(DEFINITIONS[before] + callers("c"))
    both.compare(["c"])
    both.load(DEFINITIONS[after])
    both.compare(["c"])
    both.load(DEFINITIONS[before])
    both.compare(["c"])


def test_a_program_that_is_compiled_again_keeps_its_other_procedures() -> None:
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(DEFINITIONS["counts"] + callers("c"), "old.ns")
        interpreter.load(procedure("return 100", "c0", "(needs n)"), replace=True)
        interpreter.load(DEFINITIONS["joins"], replace=True)
        assert interpreter.run("c0", 1) == 100
        assert interpreter.run("c11", 3) == "f3f2"
        with pytest.raises(NeuroScriptError) as raised:
            interpreter.run("c12", 3)
    assert (raised.value.file, raised.value.line) == ("old.ns", 96)


def test_procedures_that_are_values_are_those_compiled_again() -> None:
    with Interpreter(plugins=False, emit=lambda value: None) as interpreter:
        interpreter.load(DEFINITIONS["counts"] + procedure("return f(n) + 1", "next", "(needs n)"))
        session = interpreter.session()
        session.evaluate("set g = next")
        assert session.evaluate("g(3)") == 4
        assert session.evaluate("tool.list.Map([1, 2], next)") == [2, 3]
        interpreter.load(DEFINITIONS["joins"], replace=True)
        assert session.evaluate("g(3)") == "f31"
        assert session.evaluate("tool.list.Map([1, 2], next)") == ["f11", "f21"]


def test_event_handlers_and_commands_call_the_new_one() -> None:
    seen: list[Any] = []
    with Interpreter(plugins=False, emit=seen.append) as interpreter:
        handler = 'on event "e" do\n  emit f(3)\nendon\n'
        interpreter.load(DEFINITIONS["counts"] + handler)
        session = interpreter.session()
        session.evaluate("set old = f")
        for name in ("counts", "joins", "sums"):
            interpreter.load(DEFINITIONS[name], replace=True)
            interpreter.emit_event("e")
            session.evaluate("emit f(3)\nemit old(3)")
    assert seen == [3, 3, 3, "f3", "f3", "f3", 3, 3, 3]


def test_a_replaced_procedure_is_called_with_the_new_signature_only() -> None:
    with Interpreter(plugins=False) as interpreter:
        main = procedure("set n = 3\nreturn f(\n  n)", "main", "()")
        interpreter.load(DEFINITIONS["counts"] + main, "old.ns")
        interpreter.load(DEFINITIONS["two"], "new.ns", replace=True)
        with pytest.raises(NeuroScriptError, match=r"f\(\) needs 'm'; it is f\(n, m\)") as raised:
            interpreter.run("main")
        assert [str(frame) for frame in raised.value.stack] == ["main (old.ns:9:10)"]
        assert interpreter.run("f", 2, 5) == 7


def test_errors_in_the_new_one_name_its_file() -> None:
    failing = procedure("if n == 0\n  return 1 / n\nendif\nreturn 1 + f(n - 1)", "f", "(needs n)")
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(DEFINITIONS["counts"] + procedure("return f(1)", "main", "()"), "old.ns")
        interpreter.load(failing, "new.ns", replace=True)
        with pytest.raises(NeuroScriptError) as raised:
            interpreter.run("main")
    assert [str(frame) for frame in raised.value.stack] == ["f (new.ns:3:14)", "f (new.ns:5:14)", "main (old.ns:8:10)"]


def test_a_procedure_is_not_replaced_while_it_may_be_running() -> None:
    with Interpreter(plugins=False) as interpreter:

        @interpreter.tool("host.Load")
        def load(text: str) -> list[str]:
            return interpreter.load(text, "new.ns", replace=True)

        text = "if n <= 0\n  return 0\nendif\nif n == 2\n  call tool.host.Load(text)\nendif\nreturn 1 + f(n - 1, text)"
        interpreter.load(procedure(text, "f", "(needs n, text)"))
        with pytest.raises(
            NeuroScriptError, match="procedure 'f' cannot be replaced while a run is going on"
        ) as raised:
            interpreter.run("f", 3, DEFINITIONS["two"])
        assert raised.value.code == 43
        assert [frame.line for frame in raised.value.stack] == [6, 8]
        assert interpreter.run("f", 3, procedure("return 1", "another")) == 3
        assert interpreter.run("f", 1, "") == 1


def test_a_cached_program_is_specialised_for_itself() -> None:
    for _ in range(2):
        with Interpreter(plugins=False) as interpreter:
            interpreter.load(DEFINITIONS["counts"] + callers("c"))
            interpreter.load(DEFINITIONS["doubles"], replace=True)
            interpreter.load(DEFINITIONS["grows"], replace=True)
            assert interpreter.run("f", 1) == 2**72
            assert interpreter.run("c0", 1) == 2**92
