"""Wrong lines whose neighbours are right: each gets its cure named on its own line, the neighbours get no finding."""

from __future__ import annotations

import pytest

from neuroscript import Interpreter
from tests.lint.test_foreign_habits import FIRST, findings
from tests.lint.test_silent_habits import written_out

# Lines, the wrong one marked with `<<`, and what the finding on it must say.
WRONG = [
    # --- arguments
    ('set x = tool.str.Replace(",", ";", s) <<\nreturn x', "the text comes first"),
    ('set x = tool.regex.Match("hello world", "^h") <<\nreturn x', "the pattern comes first"),
    ("set x = tool.list.Concat(xs, 3) <<\nset x = tool.list.Concat(xs, [3])\nreturn x", "write `[number]`"),
    ("set x = tool.map.Merge({}, {}, [1]) <<\nset x = tool.map.Merge({}, {})\nreturn x", "tool.map.Merge(maps…)"),
    ('set x = tool.math.Max([1, 2]) <<\nset x = tool.math.Max(1, "2")\nreturn x', "`tool.list.Max(list)`"),
    # --- values of the turn before, and names without a value
    (
        "RESUME\nset acc = []\nfor each x in xs\nset row.n = tool.str.ToNumber(x)\nset acc = acc + [row] <<\nendfor",
        "`continue` in the handler",
    ),
    ('RESUME\nfor each x in xs\nset k["p"] = tool.str.ToNumber(x)\nemit k.p <<\nendfor', "tool.error.Try"),
    ('for each w in ["a", "b"]\nset k = k + 1 <<\nendfor', "before the loop, such as `set k = 0`"),
    ('while n > 1\nset n = n - 1\nset k = k + "a" <<\nendwhile', 'before the loop, such as `set k = ""`'),
    ("for each x in xs\nif x > 1\nset k = k + [x] <<\nendif\nendfor", "before the loop, such as `set k = []`"),
    ("for each x in xs\nif x > best <<\nset best = x\nendif\nendfor\nreturn best", "before the loop"),
    ("set ys = []\nset ys = ys + 1 <<\nreturn ys", "`list + [item]`"),
    # --- conditions
    ('set p = tool.str.IndexOf(s, "x")\nif p <<\nemit 1\nendif', "compare `>= 0`"),
    ('set p = tool.str.IndexOf(s, "x")\nif not p <<\nemit 1\nendif', "tool.str.Contains(text, part)"),
    ("while false <<\nemit 1\nendwhile", "never runs"),
    ('set k = n > 1\nif k == "true" <<\nemit 1\nendif', "write the condition alone"),
    ("set r = tool.json.Parse(s)\nif is_error(r) <<\nemit 1\nendif", "tool.error.Try(function, …)"),
    ('ask "a" into r\nif is_error(r) <<\nemit 1\nendif', "tool.error.Try(function, …)"),
    ('set name = m.user and m.user.name <<\nemit "hello " + name', "tool.map.Get(map, key, default)"),
    ("set name = m.nick or m.name <<\nreturn tool.str.ToUpper(name)", "tool.map.Get(map, key, default)"),
    # --- loops
    ("set i = len(s)\nwhile i > 0\nemit s[i] <<\nset i = i - 1\nendwhile", "`set i = len(…) - 1`"),
    # --- results
    ("set x, err = tool.json.Parse(s) <<\nreturn x", "tool.error.Try(function, …)"),
    ("set x, ok = m[s] <<\nreturn x", "tool.map.Has(map, key)"),
    ('emit s > "out.txt" <<', "tool.fs.Write(path, text)"),
    ("while n < len(xs)\nemit xs[n + 1] <<\nset n = n + 1\nendwhile", "`len(xs) - 1`"),
    ("for each i in tool.list.Range(0, len(xs))\nemit xs[i + 1] <<\nendfor", "`len(xs) - 1`"),
    ("set size = len(xs)\nreturn xs[size] <<", "`size - 1`"),
    ('for each f in "a b c" <<\nemit f\nendfor', "tool.str.Split(text, separator)"),
    ('set text = tool.fs.Read("a")\nfor each l in text <<\nemit l\nendfor', "tool.str.Lines(text)"),
    # --- values that are nil, texts or error values
    ("set k = {}\nfor each x in xs\nset k[x] = k[x] + 1 <<\nendfor\nreturn k", "tool.map.Get(k, x, 0) + …"),
    ("set k = {}\nfor each x in xs\nset k[x] = k[x] + [1] <<\nendfor\nreturn k", "tool.map.Get(k, x, []) + …"),
    ('set k = "5"\nset k = k + 1 <<\nreturn k', "tool.str.ToNumber(k)"),
    ("set r = tool.error.Try(tool.json.Parse, s)\nreturn r.name <<", "`if is_error(r)`"),
    ("set r = tool.error.Try(tool.str.ToNumber, s)\nreturn r + 1 <<", "`must r`"),
    ("for each i in tool.list.Range(0, xs.length) <<\nemit i\nendfor", "`len(xs)`"),
    ("set x = xs.length - 1 <<\nreturn x", "`len(xs)`"),
    ('set x = tool.list.Filter(xs, "x > 2") <<\nreturn x', "define a procedure with `func`"),
    # --- keys
    ('ask "a" with {"schema": {"properties": {"name": {}}}} into y\nreturn y.nmae <<', "did you mean 'name'"),
    (
        'ask "a" with {"schema": {"items": {"properties": {"tag": {}}}}} into k\nfor each z in k\nemit z.x <<\nendfor',
        "the keys are tag",
    ),
    ('set r = tool.json.Parse(s)\nif typeof r == "error" <<\nemit 1\nendif', "tool.error.Try(function, …)"),
    ('return s - "a" <<', "`-` takes numbers"),
    ("set r = tool.error.Try(tool.time.Parts, v)\nreturn r.yaer <<", "did you mean 'year'"),
    # --- signs of other languages
    ("if [ n -gt 2 ] <<\nendif", "for `-gt` write `>`; a condition stands without brackets"),
    ('if [ -z "$s" ] <<\nendif', "for `-z` write"),
    ("if n -eq 1 <<\nendif", "for `-eq` write `==`"),
    ("emit 'it''s' <<", "`\\'`"),
    ("[1, 2].each do |x| <<", "`for each item in items`"),
    ('must n "msg" <<', "`fail message`"),
    ("for each x in xs\ncontinue 2 <<\nendfor", "the innermost loop alone"),
    ("emit xs[#xs] <<", "a length is `len(x)`"),
    # --- operands
    ('set k = "ten"\nreturn k - 2 <<', "tool.str.ToNumber(text)"),
    ('set k = "ten"\nreturn 2 * k <<', "tool.str.ToNumber(text)"),
    ('set k = "ten"\nif k > 5 <<\nemit k\nendif', "tool.str.ToNumber(text)"),
    ('emit "Left: " + n - 1 <<', "`text + (a - b)`"),
    ('emit "Item " + n + len(xs) + 1 <<', "`text + (a + b)`"),
    ('emit "Total: " + n * 2 + 1 <<', "`text + (a + b)`"),
    ('set total = ""\nfor each x in xs\nset total = total - x <<\nendfor\nreturn total', "`set total = 0`"),
    ("set total = nil\nfor each x in xs\nset total = total + 1 <<\nendfor\nreturn total", "`set total = 0`"),
    ("set all = nil\nfor each x in xs\nset all = all + [x] <<\nendfor\nreturn all", "`set all = []`"),
    ('set k = {}\nset k = k + {"a": 1} <<\nreturn k', "tool.map.Merge"),
    # --- texts that are to be added
    ('set k = 0\nfor each x in tool.str.Split(s, ",")\nset k = k + x <<\nendfor\nreturn k', "tool.str.ToNumber(x)"),
    ('set parts = tool.str.Split(s, ",")\nreturn parts[0] + 1 <<', "tool.str.ToNumber(parts[0])"),
    ('set k = 0\npromptuser "n?" into x\nset k = k + x <<\nreturn k', "tool.str.ToNumber(x)"),
    # --- fields of moments and of texts
    ("set now = tool.time.Now()\nemit now.year <<", "tool.time.Parts(now).year"),
    ('set text = tool.fs.Read("a.json")\nreturn text.name <<', "tool.json.Parse(text)"),
    ("set text = tool.json.Stringify(m)\nreturn text.name <<", "tool.json.Parse(text)"),
    # --- conditions that are always the same
    ('if len(s) == "" <<\nemit 1\nendif', "`len(x) == 0`"),
    ("if len(xs) != nil <<\nemit 1\nendif", "`len(x) != 0`"),
    ('if tool.fs.Exists(s) == "true" <<\nemit 1\nendif', "write the condition alone"),
    ('if typeof n == "string" and typeof n == "number" <<\nemit 1\nendif', "with `or`"),
    ('set k = tool.fs.Read("n.txt")\nset k = k + 1 <<\nreturn k', "tool.str.ToNumber(k)"),
    ("if n > 10 and n < 5 <<\nemit 1\nendif", "with `or`"),
    ("if n < 10 or n > 5 <<\nemit 1\nendif", "with `and`"),
    ("if m.age >= 18 and 10 > m.age <<\nemit 1\nendif", "with `or`"),
    ("if len(xs) < 0 <<\nemit 1\nendif", "`len(x) == 0`"),
    ("if len(xs) >= 0 <<\nemit 1\nendif", "`len(x) > 0`"),
    ("if n > 5\nemit 1\nelse if n > 10 <<\nemit 2\nendif", "put the narrower condition first"),
    ("if n <= 5\nemit 1\nelse if n == 3 <<\nemit 2\nendif", "put the narrower condition first"),
    ('if s == "a"\nemit 1\nelse if s == "a" <<\nemit 2\nendif', "put the narrower condition first"),
    ('if tool.str.ToLower(s) == "Yes" <<\nemit 1\nendif', 'compare with "yes"'),
    ('if "yes" == tool.str.ToUpper(s) <<\nemit 1\nendif', 'compare with "YES"'),
    # --- procedures where their results are meant
    ("if helper <<\nemit 1\nendif", "`helper(…)`"),
    ("while not is_string <<\nemit 1\nbreak\nendwhile", "`is_string(…)`"),
    ("if n and tool.fs.Exists <<\nemit 1\nendif", "`tool.fs.Exists(…)`"),
    ("must helper <<", "`helper(…)`"),
    ("return helper + 1 <<", "`helper(…)`"),
    ("if helper == 1 <<\nemit 1\nendif", "`helper(…)`"),
    # --- values that a tool does not take
    ("if len(s > 3) <<\nemit 1\nendif", "`len(x) > …`"),
    ('if tool.str.ToUpper(s == "A") <<\nemit 1\nendif', "`tool.str.ToUpper(…) == …`"),
    ("emit len(n - 1) <<", "tool.str.ToString(number)"),
    ("emit tool.str.ToUpper(5) <<", "tool.str.ToString(number)"),
    ("emit tool.str.ToUpper([s]) <<", "tool.str.Join"),
    ("emit tool.json.Parse({}) <<", "leave `tool.json.Parse` out"),
    ('emit tool.list.Sum("1,2") <<', "tool.str.Split(text, separator)"),
    ('emit tool.list.Sort(xs, "price") <<', 'tool.list.SortBy(list, "key")'),
    ('set all = {}\nset all = tool.list.Append(all, "a") <<\nreturn all', "`set all = []`"),
    ('set all = ""\nfor each x in xs\nset all = tool.list.Append(all, x) <<\nendfor\nreturn all', "`set all = []`"),
    ("set all = nil\nset all = tool.map.Set(all, s, 1) <<\nreturn all", "`set all = {}`"),
    ("set xs = tool.list.Pop(xs) <<\nreturn xs", "`set xs, item = tool.list.Pop(xs)`"),
    ("on error do\nemit system_error.msg <<\nendon\ncall tool.json.Parse(s)", "`message`"),
    # --- turns of a loop
    ("for each x in xs\nset found = x == n <<\nendfor\nreturn found", "`break`"),
    (
        "for each x in xs\nif x == n\nset k = true\nelse\nset k = false <<\nendif\nendfor\nreturn k",
        "leave the `else` out",
    ),
    (
        "for each x in xs\nif x == n\nreturn true\nelse\nreturn false <<\nendif\nendfor",
        "put `return false` after the loop",
    ),
    ("set k = 0\nfor each x in xs\nset k = k + x\nreturn k <<\nendfor", "put `return k` after the loop"),
    ("set i = 9\nwhile i > 0\nemit i\nset i = i + 1 <<\nendwhile", "`set i = i - 1`"),
    ("set i = 0\nwhile i < len(xs)\nemit xs[i]\nset i = i - 1 <<\nendwhile", "`set i = i + 1`"),
    (
        "set i = 0\nwhile i < len(xs)\nset x = xs[i]\nif x == n\ncontinue <<\nendif\nset i = i + 1\nendwhile",
        "change 'i' before `continue`",
    ),
    ("while k < 3 <<\nset k = k + 1\nendwhile", "`set k = 0`"),
    ("while len(xs) > 0 <<\nemit xs[0]\nendwhile", "tool.list.Slice(xs, 1, len(xs))"),
    ("for each i in tool.list.Range(10, 0) <<\nemit i\nendfor", "tool.list.Range(10, 0, -1)"),
    ("for each i in tool.list.Range(len(xs) - 1, 0) <<\nemit i\nendfor", "tool.list.Range(len(x) - 1, -1, -1)"),
    # --- fields of lists
    ("for each x in xs\nemit x\nendfor\nemit xs.first <<", "`xs[0]`"),
    ("emit len(xs)\nreturn xs.last <<", "`xs[len(xs) - 1]`"),
    ("emit xs[0]\nreturn xs.length <<", "`len(xs)`"),
    ("emit s.len <<", "`len(s)`"),
    ('emit tool.str.Split(s, ",").last <<', "list[len(list) - 1]"),
    ('set text = tool.fs.Read("a.json")\nemit text["name"] <<', "tool.json.Parse(text)"),
    ('emit m.fetch("a") <<', "tool.map.Get(map, key, default)"),
    ("emit s:upper() <<", "tool.str.ToUpper(text)"),
    # --- arguments
    ('emit tool.str.Replace(s, "[0-9]+", "") <<', "tool.regex.Replace(pattern, text, replacement)"),
    (r'emit tool.str.Split(s, "\\s+") <<', "tool.regex.Split(pattern, text)"),
    ('if tool.str.Contains(s, "^abc$") <<\nemit 1\nendif', "tool.regex.Match(pattern, text)"),
    ("emit tool.list.Slice(xs, 1, -1) <<", "`len(x) - 1`"),
    ("emit tool.str.Substring(s, 3, -2) <<", "`len(x) - start - 2`"),
    ("emit tool.list.Map(xs, helper(1)) <<", "`helper` without arguments"),
    ('emit tool.str.Format("{} {}", s) <<', "write one for each field"),
    ('emit tool.str.Format("{1} {2}", s, n) <<', "the first argument is `{0}`"),
    ('emit tool.str.Format("{}", s, n) <<', "write `{}` for each"),
]

RIGHT = [
    # --- values of this turn, and names with a value
    "RESUME\nfor each x in xs\nset row = {}\nset row.n = tool.str.ToNumber(x)\nemit row\nendfor",
    "RESUME\nfor each x in xs\nset row.n = tool.str.ToNumber(x)\nemit row.m\nendfor",
    "RESUME\nset k = {}\nfor each x in xs\nset k[x] = tool.str.ToNumber(x)\nendfor\nreturn k",
    'RESUME\nset k = {"sum": 0}\nfor each x in xs\nset k.sum = k.sum + tool.str.ToNumber(x)\nemit k.sum\nendfor',
    (
        "set first = true\nfor each x in xs\nif first\nset best = x\nset first = false\nelse if x > best\n"
        "set best = x\nendif\nendfor\nreturn best"
    ),
    (
        "set first = true\nfor each x in xs\nif first or x > best\nset best = x\nset first = false\nendif\nendfor\n"
        "return best"
    ),
    "for each x in xs\nif best == nil or x > best\nset best = x\nendif\nendfor\nreturn best == nil",
    "for each x in xs\nif k == nil\nset k = 0\nendif\nset k = k + 1\nendfor",
    # --- arguments
    'set user = "ann"\nreturn tool.str.Replace("/u/{user}/p", "{user}", user)',
    'return tool.regex.Match("^[a-z]+", "^h")',
    # --- operands
    'set k = "10"\nreturn k - 2',
    'set k = "10"\nset j = k\nif j > 5\nemit j * 2\nendif',
    'return tool.str.Substring("2024-05-01", 0, 4) - 1',
    'return "1" + 2 - 3',
    'promptuser "n?" into k\nreturn k - 1',
    "set k = ```{{n}}```\nreturn k - 1",
    'emit "v" + 1 + 2',
    'emit "-" * 20 + 1',
    'emit "n: " + n * 2 + " items"',
    'set k = ""\nfor each x in tool.str.Split(s, ",")\nset k = k + x\nendfor\nreturn k',
    'set k = 0\nfor each x in tool.str.Split(s, ",")\nset k = k + tool.str.ToNumber(x)\nendfor\nreturn k',
    'set k = 0\nfor each x in tool.str.Split(s, ",")\nset k = k + x * 2 - 1\nendfor\nreturn k',
    'set parts = tool.str.Split(s, ",")\nset parts[0] = 5\nreturn parts[0] + 1',
    'set k = nil\nfor each x in xs\nset k = k + "a"\nendfor\nreturn k',
    "set k = nil\nset k.a = 1\nreturn k",
    "set now = tool.time.Parts(tool.time.Now())\nemit now.year",
    # --- ranges, and functions as values
    "if n > 5 and n < 10\nemit 1\nendif",
    "if n < 5 or n > 10\nemit 1\nendif",
    "if n < 5 or n > 5\nemit 1\nendif",
    "if n >= 5 and n <= 5\nemit 1\nendif",
    "if n > 5 and v < 3\nemit 1\nendif",
    "if len(xs) > 0 and len(xs) <= 1\nemit 1\nendif",
    "if n > 10\nemit 1\nelse if n > 5\nemit 2\nelse if n == 5\nemit 3\nendif",
    "if n < 0\nemit 1\nelse if n <= 0\nemit 2\nelse if n >= 0\nemit 3\nendif",
    'if tool.str.ToLower(s) == "yes"\nemit 1\nendif',
    "set f = helper\nif f == helper\nemit f(1)\nendif",
    "set f = nil\nif f\nemit f(1)\nendif\nset f = helper",
    "set k = {}\nset k = tool.map.Set(k, s, 1)\nreturn k",
    "set k = []\nset k.a = 1\nset k = tool.map.Set(k, s, 1)\nreturn k",
    "set xs, item = tool.list.Pop(xs)\nreturn item",
    # --- fields, patterns and templates
    "for each x in xs\nemit x\nendfor\nemit m.first + m.last",
    "for each x in m\nemit x\nendfor\nemit m.first + m.name",
    'set k = {"first": 1}\nemit len(k)\nemit k.first',
    "set m.a = 1\nemit len(m)\nemit m.last",
    'if tool.str.Contains(s, "[x]")\nemit 1\nendif',
    'emit tool.str.Replace(s, "a-b", "^")',
    "emit tool.list.Slice(xs, 1, len(xs) - 1)",
    'emit tool.str.Format("{1} {0} {1}", s, n)',
    "set fs = tool.list.Map(xs, helper(tool.str.ToUpper))\nreturn fs",
    "set fs = tool.list.Map(xs, helper(v))\nreturn fs",
    "for each i in tool.list.Range(10, 0, -1)\nemit i\nendfor",
    # --- turns of a loop
    "set k = false\nfor each x in xs\nset k = x == n\nif k\nbreak\nendif\nendfor\nreturn k",
    "set k = false\nfor each x in xs\nset k = k or x == n\nendfor\nreturn k",
    "for each x in xs\nset k = x == n\nemit k\nendfor\nreturn k",
    "for each x in xs\nif x == n\nset k = true\nelse\nset k = false\nendif\nemit k\nendfor",
    "for each x in xs\nif x == n\nreturn true\nendif\nendfor\nreturn false",
    "for each x in xs\nif x == nil\ncontinue\nendif\nif x\nreturn true\nelse\nreturn false\nendif\nendfor",
    "for each x in xs\nreturn x\nendfor\nreturn nil",
    "set i = 0\nwhile i < 9\nset i = i + 1\nif i == 3\ncontinue\nendif\nemit i\nendwhile",
    "set i = 0\nwhile i < 9\nif helper(i)\ncontinue\nendif\nset i = i + 1\nendwhile",
    "set i = 0\nwhile i < 9\nif n > 3\nset n = n - 1\ncontinue\nendif\nset i = i + 1\nendwhile",
    "set i = 9\nwhile i > 0\nif helper(i)\nset i = 0\nendif\nset i = i + 1\nendwhile",
    "set i = 9\nwhile i > 0\nset i = i + 1\nif i > 20\nbreak\nendif\nendwhile",
    # --- loops
    "for each i, pair in tool.map.Entries(m)\nemit i + pair[0]\nendfor",
    "for each i, pair in tool.list.Zip(xs, xs)\nset a, b = pair\nemit a + b + i\nendfor",
    "for each i in tool.list.Range(0, len(xs) - 1)\nemit xs[i]\nendfor\nemit xs[len(xs) - 1]",
    'set next = {"a": "b", "b": "c"}\nfor each v in next\nemit next[v]\nendfor',
    "set i = len(s)\nwhile i > 0\nset i = i - 1\nemit s[i]\nendwhile",
    'while n <= len(s)\nif n == len(s) or s[n] == ","\nemit n\nendif\nset n = n + 1\nendwhile',
    # --- conditions
    "set r = tool.error.Try(tool.json.Parse, s)\nif is_error(r)\nemit 1\nendif",
    "set r = nil\nif n\nset r = helper(n)\nendif\nif is_error(r)\nemit 1\nendif",
    'set active = m.user and m.user.active\nemit "active: " + active',
    "set either = m.a or m.b\nif either\nemit 1\nendif",
    'if n == "true"\nemit 1\nendif',
    'emit s > "m"',
    "for each i in tool.list.Range(0, len(xs))\nif i + 1 < len(xs)\nemit xs[i + 1]\nendif\nendfor",
    "while n < len(xs)\nset n = n + 1\nif n > 2\nbreak\nendif\nendwhile",
    "set size = len(xs)\nset xs[size] = 1\nreturn xs",
    # --- values that are set, numbers or no error values
    "set k = {}\nfor each x in xs\nif no k[x]\nset k[x] = 0\nendif\nset k[x] = k[x] + 1\nendfor\nreturn k",
    'set k = {}\nfor each x in xs\nset k[x] = k[x] + "a"\nendfor\nreturn k',
    'set k = "5"\nset j = k - 0\nreturn j + 1',
    "set r = tool.error.Try(tool.json.Parse, s)\nmust r\nreturn r.name",
    "set r = tool.error.Try(tool.json.Parse, s)\nreturn r",
    # --- keys
    'ask "a" with {"schema": {"properties": {"name": {}}}} into y\nreturn y.name',
    'ask "a" with {"schema": {"properties": {"a": {}}, "additionalProperties": true}} into y\nreturn y.note',
    "set r = tool.error.Try(tool.time.Parts, v)\nreturn r.message",
    # --- texts
    'set name = "a"\nemit "Use {name} in a template"',
    'emit "regex a{n}"',
]


@pytest.mark.parametrize(("lines", "cure"), WRONG)
def test_a_wrong_line_gets_its_cure(lines: str, cure: str) -> None:
    rows = written_out(lines).split("\n")
    wrong = next(number for number, row in enumerate(rows) if row.endswith(" <<"))
    found = findings("\n".join(row.removesuffix(" <<") for row in rows))
    assert any(cure in text for text in found.get(FIRST + wrong, [])), found


@pytest.mark.parametrize("lines", RIGHT)
def test_what_is_right_gets_no_finding(lines: str) -> None:
    assert findings(written_out(lines)) == {}


ELSEWHERE = [
    (
        (
            "func bump() means\nset counter = counter + 1 <<\nendfunc\n"
            "func main() means\nset counter = 0\ncall bump()\nemit counter\nendfunc"
        ),
        "that of main is another variable: take it as a parameter, and `return`",
    ),
    (
        "func show() means\nemit counter <<\nendfunc\nfunc main() means\nset counter = 0\ncall show()\nendfunc",
        "that of main is another variable: take it as a parameter",
    ),
    ('on event "x" do\nset seen = seen + 1 <<\nemit seen\nendon', "begins without variables each time"),
]


@pytest.mark.parametrize(("lines", "cure"), ELSEWHERE)
def test_a_variable_of_another_body(lines: str, cure: str) -> None:
    rows = lines.split("\n")
    wrong = next(number for number, row in enumerate(rows, 1) if row.endswith(" <<"))
    with Interpreter(plugins=False) as interpreter:
        found = interpreter.check("".join(row.removesuffix(" <<") + "\n" for row in rows))
    assert any(cure in one.message for one in found if one.line == wrong), found
