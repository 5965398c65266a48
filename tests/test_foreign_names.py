"""Cures for names of other languages: each is code that can be written as it stands."""

from __future__ import annotations

import re

import pytest

from neuroscript import Interpreter
from neuroscript import foreign_names as names
from neuroscript.errors import NotFoundError

_WORDS = (
    "value, text, number, number1, number2, list, list1, list2, map1, map2, function, key, default, item, index, "
    "start, end, low, high, digits, part, prefix, suffix, separator, width, template, old, new, pattern, size, "
    "initial, path, newpath, name, message, code, seconds, time, layout, question, condition, prompt, text1, "
    "text2, length, payload, a_map"
)
_STATEMENTS = ("emit", "fail", "must", "set", "promptuser", "ask", "for")
_TABLES = (names._FUNCTIONS, names._QUALIFIED, names._METHODS)
CURES = sorted({code for table in _TABLES for codes in table.values() for code in codes})


@pytest.fixture(scope="module")
def interpreter() -> Interpreter:
    return Interpreter(plugins=False)


@pytest.mark.parametrize("code", CURES)
def test_a_cure_is_right_code(interpreter: Interpreter, code: str) -> None:
    code = re.sub(r"\bmap\b(?!\.)", "a_map", code)
    line = code if code.startswith(_STATEMENTS) else f"set result = {code}"
    if line.startswith("for"):
        line += "\n  endfor"
    source = f"func main(needs {_WORDS}) means\n  {line}\nendfunc\n"
    assert interpreter.check(source, "cure.ns") == []


@pytest.mark.parametrize("table", [names._FUNCTIONS, names._METHODS, names._NOTES])
def test_names_are_written_in_the_form_that_is_looked_up(table: dict[str, object]) -> None:
    assert [name for name in table if name != names._plain(name)] == []


def test_qualified_names_are_of_known_modules() -> None:
    modules = {name.partition(".")[0] for name in names._QUALIFIED}
    assert modules <= set(names._MODULES) | {"system"}


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("int", "write `tool.str.ToNumber(text)` or `tool.math.Truncate(number)`"),
        ("parse_int", "write `tool.str.ToNumber(text)`"),
        ("startsWith", "write `tool.str.HasPrefix(text, prefix)`"),
        ("fetch", "no standard tool reaches the network"),
        ("require", "there are no imports"),
        ("frobnicate", ""),
    ],
)
def test_a_function(name: str, cure: str) -> None:
    found = names.function_cure(name)
    assert found.startswith(cure)
    assert bool(found) == bool(cure)


def _is_tool(name: str) -> str:
    return "shop.Find" if name.lower() == "shop.find" else ""


@pytest.mark.parametrize(
    ("name", "member", "called", "cure"),
    [
        ("None", "", False, "did you mean 'nil'?"),
        ("json", "loads", True, "write `tool.json.Parse(text)`"),
        ("JSON", "parse", True, "write `tool.json.Parse(text)`"),
        ("os", "environ", False, "write `tool.os.Getenv(name)`"),
        ("math", "cbrt", True, "there are no modules: a tool is called as `tool.math.Name(…)`"),
        ("shop", "find", True, "write `tool.shop.Find(…)`"),
        # A name of one's own that is misspelt, or not set yet.
        ("date", "year", False, ""),
        ("list", "", False, ""),
        ("shop", "find", False, ""),
        ("shop", "other", True, ""),
    ],
)
def test_a_name_that_is_not_set(name: str, member: str, called: bool, cure: str) -> None:
    assert names.name_cure(name, member, called=called, tool=_is_tool) == cure


def unknown(interpreter: Interpreter, tool: str) -> str:
    """What is said of a tool that does not exist."""
    with pytest.raises(NotFoundError) as caught:
        interpreter.tools.lookup(tool)
    return caught.value.message


@pytest.mark.parametrize(
    ("tool", "part"),
    [
        ("list.Size", "; write `len(value)`"),
        ("list.Add", "; did you mean"),
        ("str.Upper", "; write `tool.str.ToUpper(text)`"),
        ("string.Upper", "; write `tool.str.ToUpper(text)`"),
        ("strings.ToUpper", "; did you mean tool.str.ToUpper?"),
        ("math.Sum", "; write `tool.list.Sum(list)`"),
        ("map.Contains", "; write `tool.map.Has(map, key)`"),
        ("http.Get", "; no standard tool reaches the network"),
        ("ReadFile", "; write `tool.fs.Read(path)`"),
        ("SplitString", "; write `tool.str.Split(…)`"),
        ("JoinStrings", "; write `tool.str.Join(…)`"),
        ("ListAppend", "; write `tool.list.Append(…)`"),
        ("StringLength", "; write `tool.str.Length(…)`"),
        ("ToUppr", "; did you mean tool.str.ToUpper?"),
        ("Frobnicate", "; the groups are"),
        ("ExecuteCommand", "; no standard tool runs other programs"),
        ("list", "tool.list is a group of tools: name one of them, as in tool.list.All"),
    ],
)
def test_a_tool_that_does_not_exist(interpreter: Interpreter, tool: str, part: str) -> None:
    assert part in unknown(interpreter, tool)


def test_groups_of_the_host_keep_their_own_names() -> None:
    with Interpreter(plugins=False) as interpreter:
        interpreter.tool("http.Fetch")(lambda path: path)
        assert unknown(interpreter, "http.Fetsh").endswith("did you mean tool.http.Fetch?")
        assert "write" not in unknown(interpreter, "http.Push")
