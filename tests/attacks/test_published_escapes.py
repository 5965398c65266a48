"""Published escapes from languages that run inside Python, as a NeuroScript program would try them.

Each test is named after the advisory and says what went wrong there.  What the languages had in common is a Python
object behind a value; here there is none, and these tests hold that fast.
"""

from __future__ import annotations

import json
import string
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from neuroscript import Interpreter, NeuroScriptError, Policy, ToolContext
from neuroscript import loading as loading_module
from neuroscript.cache import disk
from neuroscript.cache.memory import Cache
from neuroscript.stdlib import standard_registry
from neuroscript.values import ErrorValue, Function, Handle, ToolValue

from .support import body, code_of, is_exact

SECRET = "the host's secret"


class Host:
    """An object of the host's, with everything that a Python object has."""

    secret = SECRET
    module = json

    def __repr__(self) -> str:
        return SECRET


@pytest.fixture
def interpreter() -> Iterator[Interpreter]:
    with Interpreter(plugins=False, emit=lambda value: None) as made:
        yield made


def run(interpreter: Interpreter, text: str, *args: Any) -> Any:
    """What a procedure of that text gives; errors are values."""
    interpreter.load(body(text), replace=True)
    try:
        return interpreter.run("main", *args)
    except NeuroScriptError as error:
        return ErrorValue.of(error)


# What a program can get hold of: each kind of value, and what an error handler sees.
VALUES = {
    "text": '"x"',
    "a number": "1",
    "a list": "[1]",
    "a map": '{"a": 1}',
    "nil": "nil",
    "a procedure": "main",
    "a built-in": "is_string",
    "a tool": "upper",
    "an error": 'tool.error.New(1, "m")',
    "a time": "tool.time.Now()",
    "a fuzzy": "tool.math.Fuzzy(0.5)",
    "a handle": "thing",
    "bytes": "data",
}


def reached(interpreter: Interpreter, value: str, path: str) -> Any:
    """What ``path`` leads to from a value, which is either an error or nothing."""
    return run(interpreter, f"set v = {value}\nreturn v{path}")


def with_objects() -> Interpreter:
    return Interpreter(plugins=False, globals=HOSTS)


HOSTS = {"thing": Handle("thing"), "data": b"x", "upper": ToolValue("str.ToUpper")}


def refused(found: Any) -> bool:
    """Whether nothing was found: no attribute, or a key that a map has not."""
    return found is None or (type(found) is ErrorValue and found.code in (7, 8, 9))


# --- RestrictedPython -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_cve_2023_37271_frames(value: str) -> None:
    """Generators gave their frame, and that the frames of the host with all their names."""
    with with_objects() as interpreter:
        for name in ("gi_frame", "f_back", "f_globals", "f_builtins", "f_locals", "cr_frame", "ag_frame", "tb_frame"):
            for path in (f".{name}", f'["{name}"]', f".{name}.{name}", f'["{name}"]["f_globals"]'):
                assert refused(reached(interpreter, value, path)), path


def test_cve_2023_37271_frames_of_an_error(interpreter: Interpreter) -> None:
    """A traceback is a way to a frame too; an error that a handler sees has a stack of text."""
    found = run(
        interpreter,
        "on error do\n  set e = system_error\n  clear_error\nendon\nset e = nil\nset x = 1 / 0\n"
        'return [e, e.__traceback__, e["tb_frame"], e.stack[0]]',
    )
    assert is_exact(found)
    assert found[1] is None
    assert found[2] is None
    assert type(found[3]) is str


FORMATS = [
    *("{0.__class__}", "{0.__init__.__globals__}", "{0[__class__]}", "{x.__class__.__mro__}", "{!r:{0.__class__}}"),
    *("%(x)s", "%s", "${x}", "{x!r}", "{{x.__class__}}", "{0:{1}}", "\\N{DIGIT ONE}", "{__import__('os')}"),
]


@pytest.mark.parametrize("text", FORMATS)
def test_cve_2023_41039_format(interpreter: Interpreter, text: str) -> None:
    """``str.format`` and ``string.Formatter`` read attributes that the language itself refused to read."""
    interpreter.load(
        body(
            'return ["" + a, tool.str.ToString(a), tool.str.Replace("x", "x", a), tool.str.Join([a, a], a),\n'
            "  tool.regex.Escape(a) != nil, tool.json.Parse(tool.json.Stringify(a)), tool.str.Concat([a]),\n"
            '  tool.str.PadLeft("", 1, a) != nil, tool.str.Repeat(a, 1)]'
        )
    )
    plain = interpreter.run("main", text, {"x": 1})
    assert plain == [text, text, text, text * 3, True, text, text, True, text]
    assert code_of(interpreter, "return tool.time.Format(tool.time.Now(), a)", text) in (0, 41)


def test_cve_2023_41039_the_tool_that_formats(interpreter: Interpreter) -> None:
    """The one tool that takes Python's format specifications takes nothing else of them."""
    templates = ("{0.__class__}", "{0[a]}", "{x}", "{0!r}", "{0:{1}}", "{0.real}", "{:{}}", "{0.__init__.__globals__}")
    for template in templates:
        assert code_of(interpreter, "return tool.str.Format(a, b, b)", template, 5) == 4, template


def test_cve_2024_47532_objects_in_exceptions(interpreter: Interpreter) -> None:
    """``AttributeError.obj`` and ``NameError.name`` gave the object that an attribute was missing of."""

    @interpreter.tool("test.Fall")
    def fall(how: str) -> str:
        "Raises an exception that has an object of the host's."
        if how == "attribute":
            return str(Host().missing)  # type: ignore[attr-defined]
        if how == "format":
            return string.Formatter().vformat("{0.missing}", (Host(),), {})
        if how == "key":
            raise KeyError(Host())
        raise NeuroScriptError(1001, "own", details={"host": Host(), "list": [Host()]})

    for how in ("attribute", "format", "key", "details"):
        found = run(
            interpreter,
            f"set e = nil\non error do\n  set e = system_error\n  clear_error\nendon\nset x = tool.test.Fall({how!r})\n"
            "return [e, e.obj, e.name, e.args, e.__cause__, e.__context__]".replace("'", '"'),
        )
        assert is_exact(found), how
        assert found[1:] == [None] * 5
        assert found[0]["code"] == (1001 if how == "details" else 21)
        if how == "details":
            assert found[0]["host"] == "<Host>"
            assert SECRET not in json.dumps(found)


def test_cve_2025_22153_groups_of_exceptions(interpreter: Interpreter) -> None:
    """``except*`` handed a group of exceptions to a check that expected one, and the group was let through."""

    @interpreter.tool("test.Group")
    def group(kind: str) -> str:
        "Raises a group of exceptions."
        inner = ValueError("inner")
        raise ExceptionGroup(kind, [inner, ExceptionGroup("more", [KeyError(Host())])])

    found = run(
        interpreter,
        "set e = nil\non error do\n  set e = system_error\n  clear_error\nendon\n"
        'set x = tool.test.Group("outer")\nreturn [e, e.exceptions, typeof e, e.code]',
    )
    assert is_exact(found)
    assert found[1:] == [None, "map", 21]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit, type("Own", (BaseException,), {})])
def test_cve_2025_22153_what_no_handler_may_see(interpreter: Interpreter, kind: type[BaseException]) -> None:
    """An error handler that swallowed the host's own interruption would never be left."""

    @interpreter.tool("test.Interrupt")
    def interrupt() -> str:
        "Raises what is not for programs."
        raise kind

    interpreter.load(body("on error do\n  clear_error\nendon\nwhile true\n  set x = tool.test.Interrupt()\nendwhile"))
    with pytest.raises(kind):
        interpreter.run("main")


# --- asteval ----------------------------------------------------------------------------------------------------------

PLACEHOLDERS = [
    *("{{x.__class__}}", "{{x.__class__.__subclasses__}}", '{{x["__class__"]}}', "{{main.__globals__}}"),
    *("{{x.mro}}", "{{thing.kind}}", "{{thing.__dict__}}", "{{x.format}}"),
]


@pytest.mark.parametrize("text", PLACEHOLDERS)
def test_cve_2025_24359_what_stands_in_braces(text: str) -> None:
    """An f-string's value went through ``str.format``, which a value could steer to read attributes."""
    with with_objects() as interpreter:
        found = run(interpreter, f'set x = "v"\nreturn eval({json.dumps(text)})')
        assert refused(found), found
        found = run(interpreter, f'set x = "v"\nreturn ```{text}```')
        assert refused(found), found


SPECIFICATIONS = ["{{x:>{{y}}}}", "{{x!r}}", "{{x:{y.__class__}}}", "{{{{x}}.__class__}}", "{x.__class__}"]


@pytest.mark.parametrize("text", SPECIFICATIONS)
def test_cve_2025_24359_specifications_are_none(interpreter: Interpreter, text: str) -> None:
    """A format specification may itself hold a replacement, which was formatted in turn."""
    found = run(interpreter, f'set x = "v"\nset y = 5\nreturn eval({json.dumps(text)})')
    assert found == text.replace("{{y}}", "5").replace("{{x}}", "v")


# --- simpleeval -------------------------------------------------------------------------------------------------------

OBJECTS: dict[str, Callable[[], Any]] = {
    "a module": lambda: json,
    "an object": Host,
    "a class": lambda: Host,
    "a function": lambda: len,
    "a method": lambda: [].append,
    "a module in a list": lambda: [json],
    "a module in a map": lambda: {"a": {"b": json}},
    "a namespace": lambda: types.SimpleNamespace(a=json),
    "a generator of objects": lambda: iter([Host()]),
}


@pytest.mark.parametrize("make", OBJECTS.values(), ids=OBJECTS)
def test_cve_2026_32640_objects_of_the_host(make: Callable[[], Any], interpreter: Interpreter) -> None:
    """Names that a host gave led from object to object to modules, and from there anywhere."""
    with pytest.raises(NeuroScriptError) as caught:
        Interpreter(plugins=False, globals={"thing": make()})
    assert caught.value.code == 7
    assert SECRET not in caught.value.message

    @interpreter.tool("test.Give")
    def give() -> Any:
        "Gives what is no value."
        return make()

    interpreter.load(body("return tool.test.Give()"))
    with pytest.raises(NeuroScriptError) as caught:
        interpreter.run("main")
    assert caught.value.code == 7


INDIRECT = [
    "return tool.list.Map([a], reader)",
    "set f = reader\nreturn f(a)",
    'set m = {"f": reader}\nset f = m.f\nreturn f(a)',
    "return apply(reader, a)",
    "return reader(a)",
    "return tool.test.Call(reader, a)",
    "return tool.list.Map([a], tool.fs.Read)",
    "set f = tool.FS.READ\nreturn f(a)",
    'call tool.script.LoadScript("func sly(needs x) means\\nreturn tool.fs.Read(x)\\nendfunc", "n")\nreturn sly(a)',
    "return tool.fs.Read(a)",
]


@pytest.mark.parametrize("text", INDIRECT)
def test_cve_2026_32640_functions_that_are_not_allowed(tmp_path: Path, text: str) -> None:
    """A function that was refused by name could be handed, as a value, to one that was allowed and called it."""
    (tmp_path / "x").write_text(SECRET)
    reader, policy = {"reader": ToolValue("FS.read")}, Policy(deny=("fs.*",))
    with Interpreter(plugins=False, sandbox=tmp_path, policy=policy, globals=reader) as interpreter:

        @interpreter.tool("test.Call")
        def call(ctx: ToolContext, function: Function, value: Any) -> Any:
            "Calls a function for a program."
            return ctx.call(function, value)

        apply = "func apply(needs f, x) means\n  return f(x)\nendfunc\n"
        try:
            interpreter.load(body(text) + apply)
            found = interpreter.run("main", "x")
        except NeuroScriptError as error:
            found = int(error.code)
        assert found in (10, 15) if "reader" not in text else found == 10, found


# --- jinja2 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["format", "format_map", "__mod__", "__format__", "join", "translate", "encode"])
def test_cve_2016_10745_and_cve_2019_10906_methods_of_text(interpreter: Interpreter, method: str) -> None:
    """``str.format`` could be called on any text; ``format_map`` was found three years later."""
    for text in (f'return "{{0}}".{method}(a)', f'set s = "{{0.__class__}}"\nreturn s.{method}(a)'):
        assert code_of(interpreter, text, 1) in (7, 15)
    assert code_of(interpreter, f'set s = "x"\nset f = s["{method}"]\nreturn f(a)', 1) == 7
    assert code_of(interpreter, f"return tool.str.{method}(a)", "{0.__class__}") in (3, 4)


def test_cve_2024_56326_a_method_that_is_kept(interpreter: Interpreter) -> None:
    """A reference to ``format`` was kept in a variable and handed to a filter that called it, past the check."""

    @interpreter.tool("test.Filter")
    def apply(ctx: ToolContext, function: Function, text: str) -> Any:
        "Calls what it is given, as a host's filter would."
        return ctx.call(function, text)

    for kept in ('"{0.__class__}".format', '["x"].append', "main.call", "tool.str.ToUpper.function", '"x"["format"]'):
        assert code_of(interpreter, f"set f = {kept}\nreturn tool.test.Filter(f, a)", "x") in (3, 7, 9, 15), kept


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_cve_2025_27516_attributes_by_name(value: str) -> None:
    """The filter ``attr`` looked an attribute up by a name that was put together while the template ran."""
    with with_objects() as interpreter:
        for name in ('"__cl" + "ass__"', '"__" + "dict" + "__"', '"for" + "mat"', '"__init__"'):
            assert refused(reached(interpreter, value, f"[{name}]")), name
            found = run(interpreter, f"set v = {value}\nreturn tool.map.Get(v, {name})")
            assert found is None or found.code in (4, 9), name
            found = run(interpreter, f"set v = {value}\nreturn tool.list.Get(v, {name})")
            assert found is None or found.code in (4, 9), name


NAMES = [
    "x'); import os; open('pwned', 'w') #",
    'x"\nopen("pwned", "w")\n#',
    '"""\nopen("pwned", "w")\n"""',
    "{open('pwned', 'w')}",
    "x\\",
    "x\0y",
    "x\ud800y",
    "'''",
    "\n\n  open('pwned', 'w')",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_cve_2024_56201_names_within_compiled_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The name of a template was written into an f-string of the code that it was compiled to, and ran there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(disk.SWITCH, raising=False)
    quoted = json.dumps(name.encode(errors="replace").decode())
    lines = [
        f":: title: {name}" if name.isprintable() and name[-1] != "\\" else "",
        "func main() means",
        f"  on event {quoted} as e do",
        f"    emit {quoted}",
        "  endon",
        f"  set m[{quoted}] = {quoted}",
        f"  call tool.event.Emit({quoted})",
        f'  return m[{quoted}] + "{{{{m}}}}"',
        "endfunc",
    ]
    text = "\n".join(lines)
    for cache in (False, tmp_path / "cache", tmp_path / "cache"):
        monkeypatch.setattr(loading_module, "_CACHE", Cache())
        with Interpreter(plugins=False, cache=cache, emit=lambda value: None) as interpreter:
            interpreter.load(text, name)
            assert interpreter.run("main") == json.loads(quoted) + "{{m}}"
            interpreter.load("func broken means\n  fail 1\nendfunc\n", name)
            with pytest.raises(NeuroScriptError):
                interpreter.run("broken")
            loading = f"return tool.script.LoadScript({json.dumps('func sly means' + chr(10) + 'endfunc')}, a)"
            assert code_of(interpreter, loading, name) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["cache", "cache.key"]


# --- smolagents -------------------------------------------------------------------------------------------------------

PATHS = [
    *("math._generators", "math._shared", "math.math.exp", "math.random._os.system", "math.Random.__globals__"),
    *("fs.os.system", "fs.hashlib", "fs._sandbox", "os.os.system", "os.environ", "os.Getenv.__globals__"),
    *("json.json.loads", "json._decoder", "regex.re2.compile", "regex._compile", "str.re.compile", "time.datetime"),
    *("Meta.json.loads", "script.load_script", "error.NeuroScriptError", "io.print_values", "event.SOURCE"),
    *("__builtins__.open", "builtins.open", "sys.modules", "neuroscript.stdlib", "str.__class__"),
]


@pytest.mark.parametrize("path", PATHS)
def test_cve_2025_5120_modules_behind_what_is_allowed(interpreter: Interpreter, path: str) -> None:
    """An allowed module had others as attributes: ``random._os`` was ``os``."""
    assert code_of(interpreter, f"return tool.{path}(a)", "id") == 3
    assert code_of(interpreter, f"set f = tool.{path}\nreturn f(a)", "id") in (3, 15)
    with pytest.raises(NeuroScriptError) as caught:
        standard_registry().call(path, "id")
    assert caught.value.code == 3


BUILT = [
    'set n = "__cla" + "ss__"\nreturn v[n]',
    'set n = tool.str.Join(["__", "class", "__"], "")\nreturn v[n]',
    'set n = tool.str.Reverse("__ssalc__")\nreturn v[n]',
    'set n = tool.str.FromHex("5f5f636c6173735f5f")\nreturn v[n]',
    'set n = eval("__{{w}}__")\nreturn v[n]',
    "set n = ```__{{w}}__```\nreturn v[n]",
    'for each n in ["__class__", "__init__"]\n  set x = v[n]\nendfor\nreturn x',
    'return eval("{{v.__" + w + "__}}")',
    'set k["v"] = v\nreturn k["v"]["__class__"]',
    "return tool.map.Keys(v)",
]


@pytest.mark.parametrize("value", ['"x"', "1", "main", "upper", "thing", "tool.time.Now()"])
@pytest.mark.parametrize("text", BUILT)
def test_cve_2025_9959_names_that_are_put_together(value: str, text: str) -> None:
    """Names with two underscores were looked for in the text of the program, and so were made while it ran."""
    with with_objects() as interpreter:
        found = run(interpreter, f'set w = "class"\nset v = {value}\n{text}')
        assert type(found) is ErrorValue
        assert found.code in (4, 7)
