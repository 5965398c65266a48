"""Program texts that are hard on whoever reads them."""

from __future__ import annotations

from .programs import ATTACKS as RUNNING
from .programs import EXHAUSTED, FINE, INVALID, LIMITED, NUMBER, Attack


def _body(text: str) -> str:
    return f"func main() means\n{text}\nendfunc\n"


SOURCES = [
    Attack(f"source-{name}", source, codes=codes, quick=quick)
    for name, source, codes, quick in [
        ("parentheses", _body("emit " + "(" * 5000 + "1" + ")" * 5000), LIMITED, True),
        ("lists", _body("emit " + "[" * 5000 + "]" * 5000), LIMITED, True),
        ("lists-open", _body("emit " + "[" * 100000), (INVALID, *LIMITED), False),
        ("maps", _body("emit " + '{"a": ' * 5000 + "1" + "}" * 5000), LIMITED, False),
        ("indexes", _body("emit " + "x[" * 5000 + "0" + "]" * 5000), LIMITED, False),
        ("calls", _body("emit " + "f(" * 5000 + ")" * 5000), LIMITED, False),
        ("unary", _body("emit " + "not " * 100000 + "1"), LIMITED, True),
        ("minus", _body("emit " + "- " * 100000 + "1"), LIMITED, False),
        ("typeof", _body("emit " + "typeof " * 100000 + "1"), LIMITED, False),
        ("powers", _body("emit " + "1 ** " * 100000 + "1"), (FINE, *LIMITED), True),
        ("sum", _body("return " + "1 + " * 100000 + "1"), (FINE, *LIMITED), True),
        ("strings", _body("return " + '"a" + ' * 100000 + "1"), (FINE, *LIMITED), False),
        ("and", _body("return " + "true and " * 80000 + "1"), (FINE, *LIMITED), False),
        ("equal", _body("return " + "1 == " * 100000 + "1"), (FINE, *LIMITED), False),
        ("dots", _body("set m.a = 1\nemit typeof m" + ".a" * 200000), (FINE, 7, *LIMITED), False),
        ("call-chain", _body("emit main" + "()" * 100000), (FINE, 7, *LIMITED), False),
        ("ifs", _body("if 1\n" * 5000 + "endif\n" * 5000), LIMITED, True),
        ("else-ifs", _body("if 0\n" + "else if 0\n" * 20000 + "endif"), (FINE, *LIMITED), False),
        ("whiles", _body("while 1\n" * 5000 + "endwhile\n" * 5000), LIMITED, False),
        ("fors", _body("for each x in [1]\n" * 5000 + "endfor\n" * 5000), LIMITED, False),
        ("fors-30", _body("for each x in [1]\n" * 30 + "endfor\n" * 30), (FINE, *LIMITED), True),
        ("ifs-60", _body("if 1\n" * 60 + "endif\n" * 60), (FINE, *LIMITED), True),
        ("events", _body('on event "e" do\n' * 5000 + "endon\n" * 5000), LIMITED, False),
        ("statements", _body("set x = 1\n" * 60000), (FINE,), False),
        ("handlers", _body("on error do\n  clear_error\nendon\n" * 10000), (FINE, *LIMITED), False),
        ("procedures", "".join(f"func f{n}() means\nendfunc\n" for n in range(20000)) + _body(""), (FINE,), False),
        (
            "parameters",
            f"func f(needs {', '.join(f'a{n}' for n in range(50000))}) means\nendfunc\n" + _body(""),
            (FINE, *LIMITED),
            False,
        ),
        ("arguments", _body(f"call len({', '.join('1' for _ in range(100000))})"), (4, *LIMITED), False),
        ("targets", _body(f"set {', '.join(f'a{n}' for n in range(20000))} = [1]"), (36, *LIMITED), False),
        ("items", _body(f"return len([{', '.join('1' for _ in range(200000))}])"), (FINE, *LIMITED), False),
        (
            "entries",
            _body("return len({" + ", ".join(f'"{n}": 1' for n in range(60000)) + "})"),
            (FINE, *LIMITED),
            False,
        ),
        ("digits", _body("return " + "9" * 900000), (NUMBER, *LIMITED), True),
        ("exponent", _body("return 1e999999999999"), (NUMBER,), True),
        ("fraction", _body("return 0." + "1" * 900000), (FINE, *LIMITED), False),
        ("identifier", _body("set " + "x" * 900000 + " = 1"), (FINE, *LIMITED), False),
        ("line", _body("emit '" + "x" * 900000 + "'"), (FINE, *LIMITED), False),
        ("open-string", _body("emit '" + "x" * 900000), (INVALID,), True),
        ("open-raw", _body("emit ```" + "x\n" * 400000), (INVALID,), True),
        ("quotes", "'" * 900000, (INVALID,), False),
        ("backslashes", "\\\n" * 400000, (2, INVALID), False),
        ("newlines", "\n" * 900000, (2,), False),
        ("comments", "# x\n" * 200000, (2,), False),
        ("metadata", ":: a: b\n" * 100000 + _body(""), (FINE,), False),
        ("placeholders", _body("set a = 1\nreturn len(```" + "{{a}}" * 100000 + "```)"), (FINE, *LIMITED), False),
        ("braces", _body("return len(```" + "{{" * 400000 + "```)"), (FINE, *LIMITED), True),
        ("braces-blank", _body("return len(```{{" + " " * 800000 + "```)"), (FINE, *LIMITED), True),
        ("path", _body("set a = 1\nreturn ```{{a" + ".b" * 200000 + "}}```"), (7, *LIMITED), False),
        ("path-open", _body("set a = 1\nreturn len(```{{a" + "[0]" * 200000 + "```)"), (FINE, *LIMITED), True),
        ("errors", _body("emit (\n" * 1) + "set set\n" * 100000, (INVALID, *LIMITED), False),
        ("too-long", "# " + "x" * 1100000, (EXHAUSTED,), True),
        ("continued", _body("emit 1 " + "\\\n" * 300000 + "+ 1"), (FINE,), False),
        ("tool-name", _body("call tool." + "a." * 300000 + "b()"), (3, FINE, *LIMITED), False),
    ]
]

ATTACKS = [*RUNNING, *SOURCES]
BY_NAME = {attack.name: attack for attack in ATTACKS}
