"""Code in the manner of other languages that runs and means something else, and what is right that looks like it."""

from __future__ import annotations

import pytest

from tests.lint.test_foreign_habits import FIRST, findings

HANDLERS = {
    "RESUME\n": "on error do\nclear_error\nendon\n",
    "CONTINUE\n": "on error do\nclear_error\ncontinue\nendon\n",
}


def written_out(lines: str) -> str:
    """Lines of a body with the error handlers that stand in short."""
    for name, handler in HANDLERS.items():
        lines = lines.replace(name, handler)
    return lines


# Lines, the wrong one marked with `<<`, and what the finding on it must say.
HABITS = [
    # --- values of the turn before, names that may be unset, changes that are lost
    (
        "RESUME\nfor each x in xs\nset y = helper(x)\nemit y <<\nendfor",
        "`continue` in the handler",
    ),
    (
        "RESUME\nfor each x in xs\nset y = 10 / x\nemit ```{{y}}``` <<\nendfor",
        "tool.error.Try",
    ),
    (
        'RESUME\nfor each x in xs\nask "a" + x into r\nemit r <<\nendfor',
        "`set r = nil` before",
    ),
    (
        "RESUME\nwhile n > 0\nset n = n - 1\nset y = xs[n * 2]\nemit y <<\nendwhile",
        "tool.error.Try",
    ),
    (
        "on error do\nclear_error\ncontinue <<\nendon\nset i = 0\nwhile i < 9\nemit helper(i)\nset i = i + 1\nendwhile",
        "change 'i'",
    ),
    ("if n > 1\nset y = 2\nendif\nemit y <<", "set y = nil"),
    ("for each x in xs\nif x > 1\nset y = x\nendif\nendfor\nreturn y <<", "set y = nil"),
    ("on error do\nset bad = true\nclear_error\nendon\ncall helper(1)\nif bad <<\nemit 1\nendif", "set bad = nil"),
    ("emit y <<\nset y = 1", "set it before"),
    ("set row = m.rows[0]\nset row.done = true <<\nreturn m", "it is a copy"),
    ("set ys = tool.list.Append(xs, 1) <<\nreturn xs", "`set xs = tool.list.Append(…)`"),
    ("for each x in xs\nset sum = 0 <<\nset sum = sum + x\nendfor\nreturn sum", "before the loop"),
    ("set b = xs\nset b[0] = 9 <<\nreturn xs", "`set xs = b`"),
    # --- loops
    ("set size = len(xs)\nset i = 0\nwhile i <= size <<\nemit xs[i]\nset i = i + 1\nendwhile", "`i < len(…)`"),
    ('ask "a list" into r\nfor each line in r <<\nemit line\nendfor', "tool.str.Lines(text)"),
    ("for each i in xs\nemit xs[i] <<\nendfor", "`for each i, value in …`"),
    ("for each key in m\nemit m[key] <<\nendfor", "`for each key, value in …`"),
    ('set ages = {"a": 1}\nfor each key in ages <<\nemit key\nendfor', "gives the values, not the keys"),
    ("for each i, x in tool.list.Enumerate(xs) <<\nemit i\nemit x\nendfor", "`for each i, x in list`"),
    ("for each k, x in tool.map.Entries(m) <<\nemit k\nemit x\nendfor", "`for each k, x in map`"),
    ("for each i in tool.list.Range(0, len(xs) + 1) <<\nemit xs[i]\nendfor", "tool.list.Range(0, len(xs))"),
    ("for each i in tool.list.Range(0, len(xs) - 1) <<\nemit xs[i]\nendfor", "tool.list.Range(0, len(xs))"),
    ("emit xs[len(xs)] <<", "`len(xs) - 1`"),
    ("while 1 <<\nset n = n + 1\nendwhile", "no way out"),
    ("set i = 0\nwhile i < 10 <<\nemit i\nendwhile", "`set i = i + 1`"),
    # --- conditions
    ('if s != "a" or s != "b" <<\nemit s\nendif', "with `and`"),
    ('if s == "a" and s == "b" <<\nemit s\nendif', "with `or`"),
    ('if ["$s" == "y"] <<\nemit s\nendif', "leave the brackets out"),
    ('if "n > 1" <<\nemit s\nendif', "without quotes"),
    ('if tool.str.IndexOf(s, "a") <<\nemit s\nendif', "tool.str.Contains(text, part)"),
    ('if not tool.str.IndexOf(s, "a") <<\nemit s\nendif', "compare `>= 0`"),
    ('if typeof s == "str" <<\nemit s\nendif', '"string"'),
    ('if typeof m == "dict" <<\nemit s\nendif', "TYPE_MAP"),
    ("if n > 1 & v > 2 <<\nemit s\nendif", "`and`"),
    ("if n > 1 | v > 2 <<\nemit s\nendif", "`or`"),
    ("if not n > 1 <<\nemit s\nendif", "`not (a > b)`"),
    ("if err != nil <<\nreturn err\nendif", "`on error do`"),
    ("if n == NaN <<\nemit s\nendif", "error 41"),
    # --- calls
    ("set x = tool.error.Try(helper(1)) <<\nemit x", "`tool.error.Try(helper, …)`"),
    ("set x = tool.error.Try(tool.json.Parse(s)) <<\nemit x", "`tool.error.Try(tool.json.Parse, …)`"),
    ("set x = tool.list.Map(helper, xs) <<\nemit x", "the list comes first"),
    ("set x = tool.list.Filter(is_string, xs) <<\nemit x", "the list comes first"),
    ('set x = tool.list.Map(xs, "helper") <<\nemit x', "without quotes"),
    ("set x = tool.list.Filter(xs, is_string(n)) <<\nemit x", "`is_string` without arguments"),
    ('set x = tool.list.Contains("a", xs) <<\nemit x', "the list comes first"),
    ('set x = tool.str.Join(",", xs) <<\nemit x', "the list comes first"),
    ('set x = tool.map.Get("k", m) <<\nemit x', "the map comes first"),
    ('set x = tool.str.HasPrefix("http", s) <<\nemit x', "the whole text comes first"),
    ('set x = tool.str.Replace("a", "b", s) <<\nemit x', "the text comes first"),
    ("call tool.time.Sleep(1000) <<", "tool.time.Sleep(1)"),
    ('emit tool.str.Format("%s and %d", s, n) <<', "write `{}` for each `%`"),
    ('emit tool.str.Format("Hello {name}", s) <<', "write `{}`"),
    ("call len(xs) <<", "`set x = len(…)`"),
    ("call helper(1) <<", "`set x = helper(…)`"),
    ('call log("started") <<', "`emit text`"),
    ("set x, err = helper(1) <<\nemit x", "`on error do`"),
    ('set x, err = tool.fs.Read("a") <<\nemit x', "tool.error.Try"),
    ("set a, b = [1, 2, 3] <<\nemit a + b", "write as many"),
    ("set ys = [1]\nemit ys(0) <<", "`ys[index]`"),
    # --- operands and texts
    ("set x = s | tool.str.ToUpper <<\nemit x", "`tool.str.ToUpper(…)`"),
    ('if s == "a" or "b" <<\nendif', "`x == a or x == b`"),
    ("set x = tool.time.Now() - 3600 <<\nemit x", "tool.time.Add(moment, seconds)"),
    ('if tool.time.Now() > "2024-01-01" <<\nemit 1\nendif', "tool.time.Parse(text)"),
    ("set x = n ^ 2 <<\nemit x", "`a ** b`"),
    ("set x = 2 ^ 10 <<\nemit x", "`a ** b`"),
    ("set x = n-- <<\nemit x", "`set n = n - 1`"),
    ("set x = 5--3 <<\nemit x", "`a - -b`"),
    ('set x = {"a": 1, "a": 2} <<\nemit x', "remove one"),
    ('emit "Item " + len(xs) + 1 <<', "`text + (a + b)`"),
    ('emit "Left: " + len(xs) - 1 <<', "`text + (a - b)`"),
    ('promptuser "n?" into k\nemit k + 1 <<', "tool.str.ToNumber(k)"),
    ('ask "a" into reply\nemit reply.name <<', "tool.json.Extract(text)"),
    ("emit [1] + 2 <<", "`list + [item]`"),
    ("set ys = [0] * 10 <<\nemit ys", "tool.list.Repeat(value, count)"),
    ('set c = {"a": 1} + {"b": 2} <<\nemit c', "tool.map.Merge(map1, map2)"),
    ("set ys = [1, 2] - [1] <<\nemit ys", "tool.list.Filter(list, function)"),
    ('emit "Hello $s" <<', "`{{s}}`"),
    ('emit "Hello {s}" <<', "`{{s}}`"),
    ("set ys = [1]\nemit ys.name <<", "only maps have fields"),
    # --- words
    ("set x = if n > 1 <<", "use an `if` statement"),
    ('die "no" <<', "`fail message`"),
    ("sleep 5 <<", "tool.time.Sleep(seconds)"),
    ("retry <<", "in a `while` loop"),
    ("if n between 1 and 5 <<\nendif", "`low <= x and x <= high`"),
    ("set x = args[0] <<", "the parameters of `main`"),
    ("set x = nullptr <<", "did you mean 'nil'"),
    ('call emit_event("x", 1) <<', "tool.event.Emit(name, payload)"),
    ("set x = env.HOME <<", "tool.os.Getenv(name)"),
]

HELPERS = "\nendfunc\nfunc show(needs x) means\n  emit x\nendfunc\nfunc last_one means\n"


@pytest.mark.parametrize(("lines", "cure"), HABITS)
def test_a_habit_gets_its_cure(lines: str, cure: str) -> None:
    rows = written_out(lines).split("\n")
    wrong = next(number for number, row in enumerate(rows) if row.endswith(" <<"))
    found = findings("\n".join(row.removesuffix(" <<") for row in rows))
    assert any(cure in text for text in found.get(FIRST + wrong, [])), found


def test_a_procedure_without_a_result() -> None:
    found = findings(f"set x = show(1)\nreturn x{HELPERS}")
    assert "let it `return value`" in found[FIRST][0]


RIGHT = [
    # --- after an error
    "CONTINUE\nfor each x in xs\nset y = helper(x)\nemit y\nendfor",
    "on error do\nset y = nil\nclear_error\nendon\nfor each x in xs\nset y = helper(x)\nemit y\nendfor",
    "on error do\nset k = 0\nclear_error\nendon\nfor each x in xs\nset k = 1\nset y = 1 / x\nmust k\nemit y\nendfor",
    'RESUME\nfor each x in xs\nset r = nil\nask "a" + x into r\nemit r\nendfor',
    "RESUME\nfor each x in xs\nset y = tool.error.Try(helper, x)\nemit y\nendfor",
    "RESUME\nset sum = 0\nfor each x in xs\nset sum = sum + helper(x)\nendfor\nreturn sum",
    "RESUME\nset y = helper(1)\nemit y",
    "on error do\nemit 1\nendon\nfor each x in xs\nset y = helper(x)\nemit y\nendfor",
    "on error do\nclear_error\nreturn nil\nendon\nfor each x in xs\nset y = helper(x)\nemit y\nendfor",
    'RESUME\nfor each x in xs\nset y = "item " + x\ncall helper(y)\nendfor',
    "RESUME\nfor each x in xs\nset y = x.name\ncall helper(y)\nendfor",
    "RESUME\nset i = 0\nwhile i < len(xs)\nset y = xs[i]\nset i = i + 1\ncall helper(y)\nendwhile",
    "CONTINUE\nset i = 0\nwhile i < 9\nset i = i + 1\nemit helper(i)\nendwhile",
    "on error do\nset i = 9\nclear_error\ncontinue\nendon\nset i = 0\nwhile i < 9\nemit helper(i)\nset i = 9\nendwhile",
    'RESUME\nset r = nil\nset t = 0\nwhile t < 3 and r == nil\nset t = t + 1\nask "a" into r\nendwhile\nreturn r',
    # --- set on every way, or asked for
    "if n > 1\nset y = 2\nelse\nset y = 3\nendif\nemit y",
    "if n > 1\nset y = 2\nelse\nreturn nil\nendif\nemit y",
    "if n > 1\nset y = 2\nendif\nif n > 1\nemit y\nendif",
    "if n > 1\nset y = 2\nendif\nif y != nil\nemit y\nendif",
    "if n > 1\nset y = 2\nendif\nif n <= 1\nset y = 3\nendif\nemit y",
    "set found = 0\nfor each x in xs\nif x > 1\nset y = x\nset found = 1\nendif\nendfor\nif found\nemit y\nendif",
    "set k = 0\nfor each x in xs\nif x\nset y = x\nset k = 1\nendif\nendfor\nif no k\nreturn\nendif\nemit y",
    "set done = false\nwhile not done\nif helper(1)\nset y = 1\nset done = true\nendif\nendwhile\nemit y",
    "while true\nif helper(1)\nset y = 1\nbreak\nendif\nendwhile\nemit y",
    "for each x in xs\nset y = x\nendfor\nemit y",
    "set first = true\nfor each x in xs\nif not first\nemit before\nendif\nset before = x\nset first = false\nendfor",
    "if n > 1\nset y.a = 2\nelse\nset y = {}\nendif\nemit y",
    "on error do\nset bad = true\nclear_error\nendon\nset bad = false\ncall helper(1)\nif bad\nemit 1\nendif",
    # --- changes that are kept
    "set row = m.rows[0]\nset row.done = true\nset m.rows[0] = row\nreturn m",
    "set row = m.rows[0]\nset row.done = true\nreturn row",
    "set ys = tool.list.Append(xs, 1)\nreturn xs + ys",
    "for each x in xs\nset sum = 0\nfor each y in x\nset sum = sum + y\nendfor\nemit sum\nendfor",
    'for each x in xs\nset line = ""\nset line = line + x\nemit line\nendfor',
    "set b = xs\nset b[0] = 9\nreturn b",
    "set before = n\nset n = n + 1\nreturn n - before",
    # --- loops
    "for each i in tool.list.Range(0, len(xs))\nemit xs[i]\nendfor",
    "for each i in tool.list.Range(0, len(xs) - 1)\nemit xs[i] + xs[i + 1]\nendfor",
    "for each pair in tool.list.Enumerate(xs)\nemit pair[0]\nendfor",
    "for each x in xs\nemit m[x]\nendfor",
    "for each key in tool.map.Keys(m)\nemit m[key]\nendfor",
    "for each key, value in m\nemit key + m[key] + value\nendfor",
    "set xs[len(xs)] = 1\nreturn xs",
    "set i = 0\nwhile i < 10\nset i = i + 1\nendwhile",
    "set i = 0\nwhile i < 10\nif helper(1)\nbreak\nendif\nendwhile",
    "set state = {}\nwhile len(state) < 3\nset state[len(state)] = 1\nendwhile",
    # --- conditions
    'if s == "a" or s == "b"\nemit s\nendif',
    'if s != "a" and s != "b"\nemit s\nendif',
    'if s != "a" or n != "b"\nemit s\nendif',
    'if tool.str.IndexOf(s, "a") >= 0\nemit s\nendif',
    'if typeof s == "string" or typeof s == TYPE_LIST\nemit s\nendif',
    "if n & 1\nemit s\nendif",
    "if not (n > 1)\nemit s\nendif",
    # --- calls
    "set x = tool.error.Try(helper, 1)\nreturn x",
    "set x = tool.list.Map(xs, helper)\nreturn x",
    'set x = tool.list.Map(xs, "name")\nreturn x',
    'set x = tool.str.Contains("aeiou", s)\nreturn x',
    'set x = tool.str.HasPrefix("http://x", "http")\nreturn x',
    "call tool.time.Sleep(60)",
    'emit tool.str.Format("{} {:>8.2f} {1} {{literal}}", s, n)',
    "set f = helper\nreturn f(1)",
    "set a, b = helper([1, 2])\nreturn a + b",
    "set a, b = tool.list.Pop(xs)\nreturn a + b",
    # --- operands and texts
    "set x = 6 ^ 3\nreturn x",
    "set x = n ^ v\nreturn x",
    'emit "Item " + (len(xs) + 1)',
    'emit "Item " + len(xs) + "."',
    'emit "a" + n + v',
    'promptuser "n?" into k\nset number = tool.str.ToNumber(k)\nemit number + 1',
    'promptuser "n?" into k\nemit "hello " + k',
    'emit "costs $5 or {5}"',
    'emit "{x} and $y"',
    "set t = 'Hello {s}'\nreturn tool.str.Replace(t, \"{s}\", s)",
    "set x = 5 -- a comment\nreturn x",
    "set x = n -- n\nreturn x",
    "set x = xs + [1]\nreturn x",
    "set x = tool.time.Add(tool.time.Now(), -3600)\nreturn x",
]


@pytest.mark.parametrize("lines", RIGHT)
def test_what_is_right_gets_no_finding(lines: str) -> None:
    assert findings(written_out(lines)) == {}
