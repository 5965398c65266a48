"""Attempts to reach Python, the host or other programs from inside the language."""

from __future__ import annotations

import builtins
import importlib
import keyword
import pkgutil
from collections.abc import Iterator

import pytest

import neuroscript.compiler
import neuroscript.runtime
from neuroscript import Interpreter, NeuroScriptError
from neuroscript.runtime.operators import BUILTINS
from neuroscript.values import Fuzzy, Handle

from .support import body, code_of, is_exact

KEYWORDS = (
    "acos and as asin ask atan break call clear clear_error command continue cos do each else emit endcommand endevent "
    "endfor endfunc endif endon endwhile error eval event fail false for func fuzzy if in into last len ln log means "
    "must mustbe named needs nil no not on on_error optional or promptuser return returns set sin some tan timedate "
    "tool true typeof whisper while with"
)
RESERVED = set(KEYWORDS.split())
SPECIAL = [
    *("__builtins__", "__import__", "__class__", "__name__", "__file__", "__doc__", "__loader__", "__spec__"),
    *("__dict__", "__globals__", "__code__", "__closure__", "__annotations__", "__debug__", "__main__", "__mro__"),
    *("_", "__", "___", "self", "cls", "args", "kwargs", "rt", "_rt", "ns", "_ns", "runtime", "scope", "frame"),
    *("interpreter", "context", "ctx", "limits", "budget", "state", "unset", "UNSET", "MISSING", "os", "sys", "re"),
]
FORMS = ("_{}", "__{}", "v_{}", "ns_{}", "{}_", "u_{}")


def internal_names() -> list[str]:
    """Every name of the modules that compiled programs live with, plain and as it might be mangled."""
    found = {*dir(builtins), *keyword.kwlist, *keyword.softkwlist, *SPECIAL}
    for package in (neuroscript.runtime, neuroscript.compiler):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            found.update(vars(importlib.import_module(module.name)))
    found = {name for name in found if name.isascii() and name.isidentifier() and name not in RESERVED}
    mangled = {form.format(name) for name in sorted(found)[:80] for form in FORMS}
    return sorted(found | mangled)


NAMES = internal_names()


@pytest.fixture
def interpreter() -> Iterator[Interpreter]:
    with Interpreter(plugins=False, emit=lambda value: None) as made:
        yield made


# --- names -----------------------------------------------------------------------------------------------------------


def test_no_name_of_the_implementation_is_a_name_of_a_program(interpreter: Interpreter) -> None:
    names = [name for name in NAMES if name not in BUILTINS]
    source = "\n".join(f"func read_{index}() means\n  return {name}\nendfunc" for index, name in enumerate(names))
    interpreter.load(source + "\n")
    for index, name in enumerate(names):
        with pytest.raises(NeuroScriptError) as raised:
            interpreter.run(f"read_{index}")
        assert raised.value.code == 9, name


def test_every_such_name_can_be_a_variable(interpreter: Interpreter) -> None:
    lines = [f"set {name} = {index}" for index, name in enumerate(NAMES)]
    lines += [f"must {name} == {index}" for index, name in enumerate(NAMES)]
    lines += [f"for each {name} in [1]\nendfor" for name in NAMES]
    lines += [f"set sum = {' + '.join(NAMES)}", "return sum"]
    interpreter.load(body("\n".join(lines)))
    assert interpreter.run("main") == len(NAMES)


def test_every_such_name_can_be_a_parameter_and_an_argument(interpreter: Interpreter) -> None:
    names = NAMES[:200]
    named = ", ".join(f"{name}: {index}" for index, name in enumerate(names))
    interpreter.load(
        f"func f(needs {', '.join(names)}) means\n  return {names[0]} + {names[-1]}\nendfunc\n"
        f"func main() means\n  return f({named})\nendfunc\n"
    )
    assert interpreter.run("main") == len(names) - 1


def test_every_such_name_can_be_a_procedure(interpreter: Interpreter) -> None:
    lines = [f"func {name}(needs n) means\nreturn n + {index}\nendfunc" for index, name in enumerate(NAMES)]
    lines += ["func main_of_all() means", *(f"must {name}(1) == {index + 1}" for index, name in enumerate(NAMES))]
    interpreter.load("\n".join([*lines, "return 7", "endfunc", ""]))
    assert interpreter.run("main_of_all") == 7
    assert interpreter.run("__import__", 0) == NAMES.index("__import__")


@pytest.mark.parametrize("name", ["__import__", "open", "exec", "print", "getattr", "globals", "compile", "vars"])
def test_no_builtin_of_python_can_be_called(interpreter: Interpreter, name: str) -> None:
    assert code_of(interpreter, f'return {name}("os")') == 2


def test_a_host_global_may_have_any_name() -> None:
    values = {name: index for index, name in enumerate(NAMES)}
    with Interpreter(plugins=False, globals=values) as interpreter:
        interpreter.load(body(f"return [{', '.join(NAMES)}]"))
        assert interpreter.run("main") == list(range(len(NAMES)))
        assert code_of(interpreter, f"set {NAMES[0]} = 1") == 43


@pytest.mark.parametrize(
    "name",
    ["а", "ｅｍｉｔ", "ſet", "naïve", "µ", "x\u200d", "x\u0301", "变量", "ﬁ", "𝐱", "x·y", "℘", "²", "ªx"],
)
def test_identifiers_are_ascii(interpreter: Interpreter, name: str) -> None:
    assert code_of(interpreter, f"set {name} = 1") == 15
    assert code_of(interpreter, f"emit {name}") == 15
    assert code_of(interpreter, f"return {name}(1)") == 15


def test_a_name_may_be_very_long(interpreter: Interpreter) -> None:
    name = "x" * 200_000
    interpreter.load(body(f"set {name} = 1\nset {name}1 = 2\nreturn {name} + {name}1"))
    assert interpreter.run("main") == 3


def test_names_that_normalise_to_one_stay_two(interpreter: Interpreter) -> None:
    interpreter.load(body('set m["ﬁ"] = 1\nset m["fi"] = 2\nset m["\u212b"] = 3\nset m["Å"] = 4\nreturn len(m)'))
    assert interpreter.run("main") == 4


# --- attributes ------------------------------------------------------------------------------------------------------

ATTRIBUTES = ["__class__", "__dict__", "__globals__", "__call__", "__init__", "__code__", "call", "format", "append"]
HOST = {"g_bytes": b"x", "g_handle": Handle("thing"), "g_fuzzy": Fuzzy(0.5)}
VALUES = [*('"text"', "1", "1.5", "true", "nil", "[]", "known", "tool.time.Now()"), *HOST]


@pytest.mark.parametrize("attribute", ATTRIBUTES)
@pytest.mark.parametrize("value", VALUES)
def test_values_have_no_attributes(value: str, attribute: str) -> None:
    with Interpreter(plugins=False, globals=HOST) as interpreter:
        interpreter.load("func known() means\nendfunc\n")
        assert code_of(interpreter, f"set v = {value}\nreturn v.{attribute}") == 7
        assert code_of(interpreter, f'set v = {value}\nreturn v["{attribute}"]') == 7
        assert code_of(interpreter, f"set v = {value}\nreturn ```{{{{v.{attribute}}}}}```") == 7
        assert code_of(interpreter, f"set v = {value}\nreturn v.{attribute}()") == 7


@pytest.mark.parametrize("attribute", ["__class__", "details", "with_traceback", "__cause__", "fields", "args"])
def test_fields_of_errors_are_data(interpreter: Interpreter, attribute: str) -> None:
    handler = "on error do\nclear_error\nendon\nset x = nil"
    interpreter.load(body(f'set e = tool.error.New(7, "m")\n{handler}\nset x = e.{attribute}\nreturn [typeof x, x]'))
    assert interpreter.run("main") == ["nil", None]


@pytest.mark.parametrize("key", ["__class__", "__proto__", "constructor", "__dict__", "__len__", "keys", ""])
def test_keys_of_maps_are_data(interpreter: Interpreter, key: str) -> None:
    first = f'set m = {{"n": 1}}\nmust m["{key}"] == nil\nset m["{key}"] = 5'
    interpreter.load(body(f'{first}\nset k["{key}"]["{key}"] = 6\nreturn [m, k]'))
    assert interpreter.run("main") == [{"n": 1, key: 5}, {key: {key: 6}}]


# --- text that is no code --------------------------------------------------------------------------------------------

TEXTS = [
    *("{0.__class__}", "%s %(x)s %x", "{x.__class__}", "${x}", "{}", "{!r}", "f'{x}'", "__import__('os').system('id')"),
    *("\\x00", "{{ __import__('os') }}", "{{x()}}", "{{x + 1}}", "{{''.__class__}}", "{{x.__class__()}}"),
    *("{{x[0:1]}}", "{{x[y]}}", "{{x..y}}", "{{x[}}", "{{tool.str.ToUpper(x)}}", "{{1}}", "{{x!r}}", "{{x:>9}}"),
]


@pytest.mark.parametrize("text", TEXTS)
def test_text_stays_text(interpreter: Interpreter, text: str) -> None:
    interpreter.load(body('set x = "v"\nset y = 0\nreturn [a, "" + a, eval(a)]'))
    assert interpreter.run("main", text) == [text, text, text]


def test_placeholders_are_replaced_once(interpreter: Interpreter) -> None:
    texts = 'eval("{{x}}"), ```{{x}}{{y}}```, eval(eval("{{x}}"))'
    interpreter.load(body(f'set x = "{{{{y}}}}"\nset y = "{{{{x}}}}"\nreturn [{texts}]'))
    assert interpreter.run("main") == ["{{y}}", "{{y}}{{x}}", "{{x}}"]


@pytest.mark.parametrize("text", ["%s", "%d", "{}", "{0}"])
def test_percent_is_arithmetic(interpreter: Interpreter, text: str) -> None:
    assert code_of(interpreter, f'return "{text}" % 5') == 7


@pytest.mark.parametrize(
    "name", ["str.__class__", "str.ToUpper.__call__", "__class__.__init__", "str.__init__.__globals__", "os.system"]
)
def test_tools_are_found_by_their_names_alone(interpreter: Interpreter, name: str) -> None:
    assert code_of(interpreter, f'return tool.{name}("id")') == 3


# --- handles and errors ----------------------------------------------------------------------------------------------


def test_a_handle_cannot_be_made_from_text() -> None:
    handle = Handle("thing")
    with Interpreter(plugins=False, globals={"real": handle}) as interpreter:

        @interpreter.tool("test.Take")
        def take(item: Handle) -> str:
            "Takes a handle."
            return item.kind

        assert code_of(interpreter, "return tool.test.Take(real)") == 0
        for forged in ('"" + real', '"<handle thing>"', "0", '{"kind": "thing"}', "[real]", "nil", "```{{real}}```"):
            assert code_of(interpreter, f"return tool.test.Take({forged})") == 4, forged


def test_a_handle_shows_nothing_of_what_it_stands_for() -> None:
    with Interpreter(plugins=False) as interpreter:
        handle = interpreter.handles.create("thing", "the secret")
        interpreter.load(body('return ["" + a, typeof a, a == b, tool.json.Stringify([1]), {"h": a}]'))
        text, kind, same, _, held = interpreter.run("main", handle, interpreter.handles.create("thing", "the secret"))
        assert (text, kind, same) == ("<handle thing>", "handle", False)
        assert held["h"] is handle
        assert "secret" not in repr(handle)


def test_a_handle_of_another_interpreter_opens_nothing() -> None:
    with Interpreter(plugins=False) as first, Interpreter(plugins=False) as second:
        handle = first.handles.create("thing", "the secret")
        with pytest.raises(NeuroScriptError) as raised:
            second.handles.get(handle, "thing")
        assert raised.value.code in (7, 19)


FAILING = [
    *("call nobody()", "set x = unknown", "set x = 1 / 0", "set x = [1][5]", "set x = text - 1"),
    *("set x = tool.str.ToUpper(5)", "set x = tool.json.Parse(text)", "set x = tool.fs.Read(text)"),
    *("set x = 2 ** 10 ** 9", "set m.y = main\nset m.y.z = 1", "set x = main(1, 2, 3)", "set x = 5\ncall x()"),
    *("for each c in 5\nendfor", "set x = nil.a", "set a, b = [1]", "set x = ln(0)", "must nil", "fail main"),
]


def test_errors_show_nothing_of_python(interpreter: Interpreter) -> None:
    handler = "on error do\nset out[len(out)] = system_error\nclear_error\nendon"
    lines = "\n".join(FAILING)
    interpreter.load(f"func main(needs text) means\nset out = []\n{handler}\n{lines}\nreturn out\nendfunc\n")
    errors = interpreter.run("main", "\x00../../etc")
    assert len(errors) == len(FAILING)
    for error in errors:
        assert is_exact(error)
        shown = str(error)
        for leak in ("Traceback", "object at 0x", ".py", "<class", "lambda", "NoneType", "dict", "RecursionError"):
            assert leak not in shown, shown
