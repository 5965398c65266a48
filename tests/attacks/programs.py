"""Programs that try to use more than their share while they run.

Each ends in error 37 or 38, which no handler of its own may catch, or in 41; some may also end as if nothing were,
where an implementation is cleverer than the attack.  In the texts ``; `` stands for the end of a line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

FINE, INVALID, EXHAUSTED, NESTED, NUMBER = 0, 15, 37, 38, 41
LIMITED = (EXHAUSTED, NESTED)


@dataclass(frozen=True, slots=True)
class Attack:
    """A program, the codes it may end in (0: no error), and the limits it runs under where not the default ones.

    ``quick`` ones run in every test run, the others with the slow tests.
    """

    name: str
    source: str
    codes: tuple[int, ...] = LIMITED
    limits: dict[str, Any] = field(default_factory=dict)
    quick: bool = False


def library(text: str) -> str:
    """A program text from a short one."""
    return "\n".join(line.strip() for line in text.split(";")) + "\n"


def main(body: str, before: str = "") -> str:
    """A library whose ``main`` runs ``body`` under an error handler that would go on whatever happens."""
    handler = "on error do; emit system_error_code; clear_error; endon"
    return library(f'{before}; func main() means; {handler}; {body}; emit "went on"; endfunc')


def forever(body: str, first: str = "") -> str:
    """A loop without end."""
    return f"{first}; while true; {body}; endwhile"


ENDLESS = [
    Attack("while", main(forever("set x = 1")), quick=True),
    Attack("while-empty", main("while true; endwhile"), quick=True),
    Attack("while-continue", main(forever("continue"))),
    Attack("while-nested", main(forever("while true; break; endwhile"))),
    Attack("for-in-while", main(forever("for each c in [1, 2, 3]; endfor"))),
    Attack("long-string", main('set s = "x" * 16000000; for each c in s; endfor')),
    Attack("handler-loop", main(forever("fail 1")), limits={"max_seconds": 1.0}),
    Attack(
        "handler-itself",
        library("func main() means; on error do; while true; endwhile; endon; fail 1; endfunc"),
    ),
    Attack(
        "event-loop",
        main(forever('call tool.event.Emit("e", 1)'), 'on event "e" do; fail "x"; endon'),
        limits={"max_seconds": 1.0},
    ),
    Attack("map-loop", main(forever("for each v in m; endfor", 'set m = {"a": 1, "b": 2}'))),
    Attack("function-loop", main(forever("call f()"), "func f() means; endfunc")),
]

RECURSION = [
    Attack("recursion", main("call f()", "func f() means; call f(); endfunc"), quick=True),
    Attack(
        "mutual-recursion",
        main(
            "call a(1)",
            "func a(needs n) means; return b([n]); endfunc; func b(needs n) means; return a(n[0]); endfunc",
        ),
        quick=True,
    ),
    Attack("main-again", main("call main()")),
    Attack("function-value", main("set f = g; call f(f)", "func g(needs h) means; return h(h); endfunc")),
    Attack(
        "handler-recursion",
        library("func main() means; on error do; call main(); clear_error; endon; fail 1; endfunc"),
        quick=True,
    ),
    Attack(
        "event-itself",
        main('call tool.event.Emit("e", 1)', 'on event "e" do; call tool.event.Emit("e", 1); endon'),
        quick=True,
    ),
    Attack(
        "event-ping-pong",
        main(
            'call tool.event.Emit("a", 1)',
            'on event "a" do; call tool.event.Emit("b", 1); endon; '
            'on event "b" do; call tool.event.Emit("a", 1); endon',
        ),
    ),
    Attack(
        "event-handler-registers",
        main(
            'call tool.event.Emit("e", 1)',
            'on event "e" do; on event "e" do; endon; call tool.event.Emit("e", 1); endon',
        ),
    ),
    Attack(
        "map-callback",
        main(
            "call f([1])",
            "func f(needs x) means; return tool.list.Map(x, g); endfunc; func g(needs x) means; return f([x]); endfunc",
        ),
    ),
    Attack(
        "tree",
        main("call f(0)", "func f(needs n) means; if n < 400; call f(n + 1); call f(n + 1); endif; endfunc"),
        limits={"max_seconds": 1.0},
    ),
    Attack(
        "big-frames",
        main("call f(0)", "func f(needs n) means; set xs[900000] = n; return f(n + 1); endfunc"),
        quick=True,
    ),
]

GROWTH = [
    Attack("string-doubling", main(forever("set s = s + s", 'set s = "ab"')), quick=True),
    Attack("string-times", main(forever("set s = s * 2", 'set s = "ab"'))),
    Attack("string-huge", main('set s = "x" * 10 ** 9'), quick=True),
    Attack("string-huger", main('set s = "x" * 2 ** 4000'), quick=True),
    Attack("string-empty-times", main('set s = "" * 2 ** 4000'), codes=(FINE,)),
    Attack("string-append", main(forever('set s = s + "0123456789012345678901234567890123456789"', 'set s = ""'))),
    Attack("string-prepend", main(forever('set s = "0123456789" + s', 'set s = ""')), limits={"max_seconds": 1.0}),
    Attack("strings-kept", main(forever("set xs[len(xs)] = s + len(xs)", 'set xs = []; set s = "x" * 1000000'))),
    Attack("strings-kept-small", main(forever("set xs[len(xs)] = s + len(xs)", 'set xs = []; set s = "x" * 300'))),
    Attack("list-append", main(forever("set xs[len(xs)] = 1", "set xs = []")), quick=True),
    Attack("list-tool-append", main(forever("set xs = tool.list.Append(xs, 1)", "set xs = []"))),
    Attack("list-far", main("set xs[10 ** 9] = 1"), quick=True),
    Attack("list-farther", main("set xs[10 ** 300] = 1"), quick=True),
    Attack("list-far-many", main(forever("set xs[i][900000] = 1; set i = i + 1", "set i = 0")), quick=True),
    Attack(
        "list-of-copies",
        main(forever("set keep[i] = xs; set keep[i][0] = i; set i = i + 1", "set i = 0; set xs[20000] = 1")),
    ),
    Attack(
        "list-of-small-copies",
        main(forever("set keep[i] = xs; set keep[i][0] = i; set i = i + 1", "set i = 0; set xs[50] = 1")),
    ),
    Attack("list-of-literals", main(forever("set xs[len(xs)] = [1, 2, 3, 4]", "set xs = []"))),
    Attack("list-of-maps", main(forever('set xs[len(xs)] = {"a": 1}', "set xs = []"))),
    Attack("list-of-numbers", main(forever("set xs[len(xs)] = 2 ** 4000 + len(xs)", "set xs = []"))),
    Attack("list-of-doubles", main(forever("set xs[len(xs)] = len(xs) + 0.5", "set xs = []"))),
    Attack("for-grows", main(forever("for each x in xs; set xs[len(xs)] = x; endfor", "set xs = [1]"))),
    Attack("map-keys", main(forever('set m["k" + i] = i; set i = i + 1', "set i = 0; set m = {}"))),
    Attack(
        "map-long-keys", main(forever("set m[s + i] = i; set i = i + 1", 'set i = 0; set s = "k" * 1000; set m = {}'))
    ),
    Attack("map-of-maps", main(forever('set m["k" + i]["j"]["l"] = i; set i = i + 1', "set i = 0"))),
    Attack(
        "variables-in-frames",
        main("call f(0)", 'func f(needs n) means; set s = "x" * 4000000 + n; return f(n + 1); endfunc'),
    ),
    Attack("emit-flood", main(forever("emit s", 'set s = "x" * 1000000')), quick=True),
    Attack("emit-small", main(forever('emit "0123456789"')), limits={"max_seconds": 1.0}),
    Attack("whisper-flood", main(forever("whisper self, s + i; set i = i + 1", 'set i = 0; set s = "x" * 1000000'))),
    Attack("whisper-small", main(forever("whisper self, i; set i = i + 1", "set i = 0")), limits={"max_seconds": 1.0}),
    Attack("event-handlers", main(forever('on event "e" do; endon')), limits={"max_seconds": 1.0}),
    Attack("eval-doubling", main(forever('set s = eval("{{s}}{{s}}")', 'set s = "ab"')), quick=True),
    Attack("eval-many", main('set s = "x" * 1000000; set t = eval("{{s}}" * 1000000)')),
    Attack("raw-doubling", main(forever("set s = ```{{s}}{{s}}```", 'set s = "ab"'))),
    Attack("text-of-list", main(forever('set s = "" + [s, s]', 'set s = "ab"'))),
    Attack(
        "fail-message",
        main(forever("fail system_error_message + system_error_message", 'set system_error_message = "ab"')),
        limits={"max_seconds": 1.0},
    ),
]

# Lists and maps that share their parts: small to hold, of any size when written out.
SHARING = "set a = [1]; set b = [1]; set i = 0; while i < 60; set a = [a, a]; set b = [b, b]; set i = i + 1; endwhile; "
SHARED_USES = {
    "compare": "set same = a == b",
    "emit": "emit a",
    "text": 'set s = "" + a',
    "placeholder": "set s = ```{{a}}```",
    "return": "return a",
    "key": "set m = {a: 1}",
    "fail": "fail a",
    "event": 'call tool.event.Emit("e", a)',
    "append": "set xs = tool.list.Append(a, b)",
    "contains": "set yes = tool.list.Contains([a], b)",
    "json": "set s = tool.json.Stringify(a)",
    "sort": "set s = tool.list.Sort(a)",
    "join": 'set s = tool.str.Join(a, ",")',
    "tool-error": "set s = tool.str.ToUpper(a)",
    "whisper": "whisper self, a",
    "change": "set a[0][1][0] = b",
}
SHARED = [
    Attack(f"shared-{name}", main(SHARING + use), codes=(FINE, *LIMITED), quick=name in ("compare", "emit", "return"))
    for name, use in SHARED_USES.items()
]

NESTING = [
    Attack("nested-list", main(forever("set a = [a]", "set a = 1")), quick=True),
    Attack("nested-map", main(forever('set a = {"k": a}', "set a = 1")), quick=True),
    Attack("nested-in-itself", main(forever("set a[1] = a", "set a = [1]"))),
    Attack("nested-key", main(forever("set a.k = a", 'set a = {"n": 1}'))),
    Attack("nested-append", main(forever("set a = tool.list.Append([], a)", "set a = 1"))),
    Attack("nested-path", main("set a" + "[0]" * 5000 + " = 1")),
    Attack(
        "nested-event",
        main('call tool.event.Emit("e", 1)', 'on event "e" as e do; call tool.event.Emit("e", [e.payload]); endon'),
    ),
    Attack(
        "nested-event-values",
        main(forever('set a = [a]; call tool.event.Emit("e", a)', "set a = 1"), 'on event "e" as e do; emit 1; endon'),
    ),
    Attack("nested-json", main('set a = tool.json.Parse("[" * 100000 + "]" * 100000)'), codes=(FINE, *LIMITED)),
    Attack("nested-return", main("return f(1)", "func f(needs x) means; return f([x]); endfunc")),
]

# Values built by a tool, one level a turn: whatever they are used for then.
DEEP = "set a = 1; set b = 1; set i = 0; while i < 100000; set a = tool.list.Append([], a); "
DEEP += "set b = tool.list.Append([], b); set i = i + 1; endwhile; "
NESTING += [Attack(f"deep-{name}", main(DEEP + use), codes=(FINE, *LIMITED)) for name, use in SHARED_USES.items()]

NUMBERS = [
    Attack("power", main("set x = 2 ** 10 ** 9"), codes=(FINE,), quick=True),
    Attack("power-tower", main("set x = 9 ** 9 ** 9 ** 9"), codes=(FINE,), quick=True),
    Attack("power-of-big", main("set x = (2 ** 4000) ** (2 ** 4000)"), codes=(FINE,), quick=True),
    Attack("power-minus", main("set x = (2 ** 4000) ** (-(2 ** 4000))"), codes=(FINE,)),
    Attack("power-double", main("set x = 1.5 ** 10 ** 300"), codes=(FINE,)),
    Attack("squaring", main("set x = 3" + "; set x = x * x" * 40), codes=(FINE,), quick=True),
    Attack(
        "factorial",
        library(f"func main() means; {forever('set x = x * i; set i = i + 1', 'set x = 1; set i = 1')}; endfunc"),
        codes=(NUMBER,),
        quick=True,
    ),
    Attack("uncaught-power", library("func main() means; return 10 ** 10 ** 10; endfunc"), codes=(NUMBER,)),
    Attack("digits", main('set x = ("9" * 10000000) - 1'), codes=(FINE,)),
    Attack("digits-compare", main('set x = ("9" * 10000000 + "x") == 5'), codes=(FINE,)),
    Attack("digits-json", main('set x = tool.json.Parse("9" * 1000000)'), codes=(FINE, *LIMITED)),
    Attack("exponent-text", main('set x = "1e999999999" - 1'), codes=(FINE,)),
    Attack("exponent-small", main('set x = "1e-999999999" - 1'), codes=(FINE,)),
]

# Each turn is dear: the clock must be looked at often enough all the same.
DEAR = [
    Attack(f"dear-{name}", main(forever(body, first)), limits={"max_seconds": 1.0})
    for name, first, body in [
        ("concat", 'set s = "x" * 8000000', 'set t = s + "y"'),
        ("repeat", "", 'set t = "xy" * 8000000'),
        ("compare", 'set s = "x" * 8000000; set t = "x" * 8000000', "set y = s == t"),
        ("digits", 'set s = "9" * 8000000 + "x"', "set y = s == 5"),
        ("lists", "set xs[900000] = 1; set ys[900000] = 1", "set y = xs == ys"),
        ("copy", "set xs[300000] = 1", "set ys = xs; set ys[0] = 2"),
        ("text", "set xs[300000] = 1", 'set y = len("" + xs)'),
        (
            "sort",
            "set xs[300000] = 1; set i = 0; while i <= 300000; set xs[i] = 0 - i; set i = i + 1; endwhile",
            "set ys = tool.list.Sort(xs)",
        ),
        ("upper", 'set s = "x" * 8000000', "set t = tool.str.ToUpper(s)"),
        ("split", 'set s = "x," * 400000', 'set t = tool.str.Split(s, ",")'),
        ("power", "set n = 2 ** 4000", "set y = n * n % (n + 1)"),
        ("placeholders", 'set s = "x" * 8000000', "set t = ```{{s}}```"),
    ]
]

TOOLS = [
    Attack("replace", main('set s = tool.str.Replace("a" * 1000000, "a", "b" * 1000000, -1)'), quick=True),
    Attack("replace-empty", main('set s = tool.str.Replace("a" * 1000000, "", "b" * 1000000, -1)')),
    Attack("join", main('set xs[1000] = ""; set s = tool.str.Join(xs, "b" * 1000000)'), codes=(FINE, *LIMITED)),
    Attack(
        "join-strings",
        main(
            'set i = 0; while i < 1000; set xs[i] = ""; set i = i + 1; endwhile; '
            'set s = tool.str.Join(xs, "b" * 1000000)'
        ),
    ),
    Attack("split-characters", main('set xs = tool.str.Split("a" * 10000000, "")')),
    Attack("split-words", main('set xs = tool.str.SplitWords("a " * 5000000)')),
    Attack("hex", main(forever("set s = tool.str.ToHex(s)", 'set s = "ab"'))),
    Attack("base64", main(forever("set s = tool.str.ToBase64(s)", 'set s = "ab"'))),
    Attack("regex-replace", main('set s = tool.str.ReplaceRegex("a", "a" * 1000000, "b" * 1000000)')),
    Attack("regex-find", main('set xs = tool.str.FindAllRegex("a", "a" * 5000000)')),
    Attack("regex-find-empty", main('set xs = tool.str.FindAllRegex("", "a" * 5000000)')),
]

# Work that Python does in one go, where nobody looks at the clock: it must be little, or be done in parts.
LONG_TWICE = 'set a = "x" * 8000000 + "y"; set b = "x" * 8000000 + "y"; set c = "x" * 8000000 + "z"; '
MILLION = "tool.list.Flatten(tool.list.Repeat([a, b], 500000))"
BIG_NUMBERS = "tool.list.Repeat(2 ** 4000, 1000000)"
NAMES = 'tool.str.Split(tool.str.Join(tool.list.Range(0, 100000), ","), ",")'
PAIRS = "tool.list.Enumerate(tool.list.Range(0, 1000))"
WIDE = f"tool.list.Repeat(tool.map.FromEntries({PAIRS}), 1000000)"
AT_ONCE = [
    Attack("at-once-sort", main(f"{LONG_TWICE}set xs = tool.list.Sort({MILLION})"), quick=True),
    Attack("at-once-min", main(f"{LONG_TWICE}set x = tool.list.Min({MILLION})")),
    Attack(
        "at-once-sort-by",
        main(
            f"{LONG_TWICE}set xs = tool.list.SortBy({MILLION}, is_same)",
            "func is_same(needs x) means; return x; endfunc",
        ),
    ),
    Attack("at-once-index", main(f"{LONG_TWICE}set i = tool.list.IndexOf({MILLION}, c)"), codes=(FINE,), quick=True),
    Attack("at-once-contains", main(f"{LONG_TWICE}set i = tool.list.Contains({MILLION}, c)"), codes=(FINE,)),
    Attack("at-once-unique", main(f"{LONG_TWICE}set xs = tool.list.Unique({MILLION})"), codes=(FINE,), quick=True),
    Attack(
        "at-once-compare",
        main(f"{LONG_TWICE}set y = tool.list.Repeat(a, 1000000) == tool.list.Repeat(b, 1000000)"),
        codes=(FINE,),
        quick=True,
    ),
    Attack(
        "at-once-hashes",  # of whole numbers that Python gives one hash
        main(
            "set p = 2 ** 61 - 1; set i = 1; while i <= 100000; set xs[i - 1] = i * p; set i = i + 1; endwhile; "
            "set ys = tool.list.Unique(xs); set y = tool.list.Contains([xs], ys)"
        ),
        codes=(FINE,),
        quick=True,
    ),
    Attack(
        "at-once-last-index",
        main('set i = tool.str.LastIndexOf("a" * 16000000, "ab" + "a" * 8000000)'),
        codes=(FINE,),
        quick=True,
    ),
    Attack("at-once-upper", main('set s = tool.str.ToUpper("\u0390" * 16000000)'), codes=(FINE, *LIMITED)),
    Attack("at-once-lower", main('set s = tool.str.ToLower("\u03a3" * 16000000)'), codes=(FINE, *LIMITED)),
    Attack("at-once-words", main('set xs = tool.str.SplitWords("\u03a3 " * 8000000)'), quick=True),
    Attack(
        "at-once-words-odd", main('set xs = tool.str.SplitWords("\u03a3\u2028\x1c " * 4000000)'), codes=(FINE, *LIMITED)
    ),
    Attack("at-once-join", main(f'set s = tool.str.Join({BIG_NUMBERS}, "")'), quick=True),
    Attack(
        "at-once-json", main('set s = tool.json.Stringify(tool.list.Repeat("\u0001" * 16000000, 1000000))'), quick=True
    ),
    Attack(
        "at-once-pick",
        main(f"set m = tool.map.Pick({{}}, {BIG_NUMBERS})"),
        codes=(FINE, *LIMITED),
        limits={"max_seconds": 1.0},
        quick=True,
    ),
    Attack(
        "at-once-omit",
        main(f"set m = tool.map.Omit({{}}, {BIG_NUMBERS})"),
        codes=(FINE, *LIMITED),
        limits={"max_seconds": 1.0},
    ),
    Attack(
        "at-once-layout",
        main('set t = tool.time.Parse("x", "%Y" + "x" * 12000000)'),
        codes=(FINE,),
        quick=True,
    ),
    Attack(
        "at-once-format", main('set t = tool.time.Format(tool.time.Now(), "%%" * 6000000)'), codes=(FINE,), quick=True
    ),
    Attack("at-once-escape", main('set s = tool.regex.Escape("." * 16000000)'), quick=True),
    Attack("at-once-escape-fits", main('set s = tool.regex.Escape("." * 8000000)'), codes=(FINE,)),
    Attack(
        "at-once-name", main('call tool.script.LoadScript("func f means", "n" * 16000000)'), codes=(FINE,), quick=True
    ),
    Attack("at-once-variable", main('set s = tool.os.Getenv("\u0001" * 16000000)'), codes=(FINE,), quick=True),
    Attack("at-once-path", main('set s = tool.fs.Read("\u0001" * 16000000)'), codes=(FINE,), quick=True),
    Attack(
        "at-once-diff",
        main('set s = tool.text.Diff("x\\n" * 8000000, "y\\n" * 8000000)'),
        quick=True,
    ),
    Attack("at-once-print", main(f'set s = "x" * 16000000; call tool.io.Print({", ".join(["s"] * 500)})'), quick=True),
    # A map of a thousand entries would become a million lists of as many cells.
    Attack("at-once-table", main(f"set t = tool.csv.Format({WIDE})"), quick=True),
    # Each of a million cells would be written with its quotes doubled, before the table's length was looked at.
    Attack("at-once-row", main("set t = tool.csv.Format([tool.list.Repeat('\"' * 8000000, 1000000)])"), quick=True),
    Attack("at-once-row-numbers", main(f"set t = tool.csv.Format([{BIG_NUMBERS}])")),
    Attack("at-once-columns", main(f"set t = tool.csv.Format(tool.list.Repeat({{}}, 1000000), {NAMES})")),
    Attack("at-once-cells", main('set t = tool.csv.Parse("ab," * 5000000)'), quick=True),
    Attack("at-once-cells-quoted", main("set t = tool.csv.Parse('\"b\",' * 4000000)")),
    Attack("at-once-rows", main('set t = tool.csv.Parse("x\\n" * 8000000)')),
    Attack(
        "at-once-rows-wide", main(f'set t = tool.csv.Parse(tool.str.Join({NAMES}, ",") + ("\\n" + "," * 99999) * 80)')
    ),
    # A million keys of each of a million items would be read in one go.
    *(
        Attack(
            f"at-once-keys-{tool}",
            main(f'set x = tool.list.{tool}(tool.list.Repeat({{}}, 1000000), tool.list.Repeat("{key}", 1000000))'),
            limits={"max_seconds": 1.0},
            quick=key == "a",
        )
        for tool in ("Map", "SortBy", "Filter")
        for key in ("a", "-a")
    ),
    *(
        Attack(
            f"at-once-path-{tool}",
            main(f'set x = tool.list.{tool}(tool.list.Repeat({{}}, 1000000), "-" + "a." * 8000000)'),
            codes=(FINE, *LIMITED),
            limits={"max_seconds": 1.0},
        )
        for tool in ("Map", "SortBy")
    ),
    Attack("at-once-help", main('set s = tool.Meta.ToolsHelp("\u0001" * 16000000)'), codes=(FINE,)),
]

REGEXES = {
    "nested-plus": ("(a+)+$", '"a" * 50 + "!"'),
    "alternation": ("(a|aa)+$", '"a" * 60 + "!"'),
    "stars": ("(.*)*x", '"a" * 60'),
    "long": ("a*a*a*a*a*a*a*a*b", '"a" * 5000'),
    "word": ("^(([a-z])+.)+[A-Z]([a-z])+$", '"a" * 60'),
    "repeats": ("((a{1,100}){1,100}){1,100}$", '"a" * 5000 + "!"'),
    "counts": ("a{1000}{1000}{1000}", '"a" * 5000'),
    "back-reference": ("(a*)*\\\\1$", '"a" * 50 + "!"'),
    "many-groups": ("(" * 5000 + ")" * 5000, '"a"'),
}
REGEX = [
    Attack(
        f"regex-{name}-{tool}",
        main(f'set r = tool.str.{tool}("{pattern}", {subject}{rest})'),
        codes=(FINE, *LIMITED),
        quick=name in ("nested-plus", "stars"),
    )
    for name, (pattern, subject) in REGEXES.items()
    for tool, rest in (("MatchRegex", ""), ("FindAllRegex", ""), ("ReplaceRegex", ', "x"'))
]

ATTACKS = [*ENDLESS, *RECURSION, *GROWTH, *SHARED, *NESTING, *NUMBERS, *DEAR, *TOOLS, *AT_ONCE, *REGEX]
