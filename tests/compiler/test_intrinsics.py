"""What is done inline instead of calling a standard tool gives what the tool gives, and fails as it fails."""

from __future__ import annotations

from functools import partial
from itertools import product
from random import Random
from typing import Any

import pytest

from neuroscript import Interpreter, NeuroScriptError
from neuroscript.compiler.codegen.intrinsics import MAKERS
from neuroscript.limits import Limits
from neuroscript.stdlib import standard_registry
from neuroscript.tools.spec import ArgType

from .support import run, watch

TEXTS = ["", "a", "b", ",", "ab,c,,d", "Ärger ß ΣİσΣ", " \t x \x1c\n", "\xa0x\u2003", "x" * 17, "y" * 5000, "007"]
NUMBERS = [0, 1, 3, -1, 12, 4096, 5000, 2**53 + 1, -(10**20), 0.5, 2.5, -2.5, 0.125, 1.005, -0.001, 1e15, 1e-7, 3.0]
LISTS: list[Any] = [
    [],
    [1, 2.5, True, "1"],
    ["a", "b", "a", ""],
    [["a"], {"k": 1}, None],
    ["a"] * 5000,
    [3, 1, 2, 3],
    [2, 1.5, 2.0, 1],
    [2.5, 0.5],
    [True, 1],
    [2**61 - 1, 0, 1],
]
MAPS: list[Any] = [
    {},
    {"a": 1, "b": None},
    {"": "x", "1": 2},
    {"a": [1], "b": {"c": []}},
    {f"k{number}": number for number in range(5000)},
]
OTHERS: list[Any] = [None, True]
POOLS = {
    ArgType.STRING: TEXTS,
    ArgType.INT: NUMBERS,
    ArgType.NUMBER: NUMBERS,
    ArgType.SLICE_ANY: LISTS,
    ArgType.MAP: MAPS,
    ArgType.BOOL: [True, False],
    ArgType.ANY: [*TEXTS, *NUMBERS, *LISTS, *OTHERS],
}
CALLS = sorted(MAKERS)


def pools(tool: str, count: int) -> list[list[Any]]:
    """Values for each argument of a tool, some of a wrong type."""
    spec = standard_registry().lookup(tool).spec
    types = [arg.type for arg in spec.args] + [spec.args[-1].type] * count
    return [[*POOLS[kind], *OTHERS, "text", [1]] for kind in types[:count]]


def outcome(call: Any) -> tuple[str, str]:
    """The result of a call, or its error, in a form that tells types apart."""
    try:
        return "gives", repr(call())
    except NeuroScriptError as error:
        return f"fails {int(error.code)}", error.message


def literal(value: Any) -> str | None:
    """The value as a literal of the language, whose type is known; None where it would be long, or has none."""
    if type(value) is list and len(value) < 10:
        items = [literal(item) for item in value]
        return f"[{', '.join(items)}]" if None not in items else None
    if type(value) is dict and len(value) < 10:
        entries = [literal(item) for pair in value.items() for item in pair]
        joined = (f"{key}: {item}" for key, item in zip(entries[::2], entries[1::2], strict=True))
        return f"{{{', '.join(joined)}}}" if None not in entries else None
    if type(value) is bool or value is None:
        return {True: "true", False: "false", None: "nil"}[value]
    if type(value) in (int, float) and value >= 0:
        return repr(value)
    if type(value) is str and len(value) < 50 and value.isprintable():
        return '"' + value + '"'
    return None


def is_large(args: tuple[Any, ...]) -> bool:
    """Whether a list of thousands of items may be repeated thousands of times."""
    sizes = [len(arg) for arg in args if type(arg) is list] + [arg for arg in args if type(arg) is int]
    return sum(1000 < size < 10_000 for size in sizes) > 1


@pytest.mark.parametrize(("tool", "count"), CALLS)
def test_a_call_with_variables_gives_what_the_tool_gives(tool: str, count: int) -> None:
    interpreter = Interpreter(plugins=False)
    names = ["a", "b", "c", "d"][:count]
    listed = ", ".join(names)
    interpreter.load(
        f"func main(needs {listed}) means\n  return tool.{tool}({listed})\nendfunc\n"
        f"func by_value(needs {listed}) means\n  set f = tool.{tool}\n  return f({listed})\nendfunc\n"
    )
    given = list(product(*pools(tool, count)))
    for args in Random(tool).sample(given, min(len(given), 1200)):
        wanted = outcome(lambda args=args: standard_registry().call(tool, *args, context=interpreter.context))
        if is_large(args):  # the host may not be given as much as a program may hold
            wanted = outcome(lambda args=args: interpreter.run("by_value", *args))
        assert outcome(lambda args=args: interpreter.run("main", *args)) == wanted, args


@pytest.mark.parametrize(("tool", "count"), CALLS)
def test_a_call_with_literals_gives_what_the_tool_gives(tool: str, count: int) -> None:
    interpreter = Interpreter(plugins=False)
    random = Random(tool)
    given = list(product(*pools(tool, count)))
    lines, wanted = [], []
    for number, args in enumerate(random.sample(given, min(len(given), 200))):
        written = [literal(arg) if random.random() < 0.7 else None for arg in args]
        shown = ", ".join(text or name for text, name in zip(written, "abcd", strict=False))
        lines.append(f"func p{number}(optional a, b, c, d) means\n  return tool.{tool}({shown})\nendfunc\n")
        call = partial(standard_registry().call, tool, *args, context=interpreter.context)
        wanted.append((args, outcome(call)))
    interpreter.load("".join(lines))
    for number, (args, expected) in enumerate(wanted):
        assert outcome(lambda number=number, args=args: interpreter.run(f"p{number}", *args)) == expected, args


@pytest.mark.parametrize("text", ["", "b,a,c,a", "x" * 200, ",".join(["x" * 2000, "y" * 2000] * 40), "a," * 5000])
@pytest.mark.parametrize(
    "call",
    [
        'str.Join(XS, "; ")',
        "str.Concat(XS)",
        "list.Sort(XS)",
        "list.Sort(XS, true)",
        "list.Min(XS)",
        "list.Max(XS)",
        "list.Unique(XS)",
        'list.Contains(XS, "a")',
        'list.IndexOf(XS, "c")',
        "list.Contains(XS, 1)",
    ],
)
def test_strings_of_known_type_give_what_others_give(call: str, text: str) -> None:
    known = f"set xs = tool.str.Split(a, ',')\nreturn tool.{call.replace('XS', 'xs')}"
    assert run(known, text).result == run(f"return tool.{call.replace('XS', 'a')}", text.split(",")).result


VALUES = [*NUMBERS, 2**53 - 1, 2**53, -(2**53), 2**62, 2**64 + 3, 10**300, -7, 7, "8", " 9 ", "x", None]


@pytest.mark.parametrize("divisor", [*VALUES, 2, 7, 3**33])
def test_the_floor_of_a_quotient_is_that_of_the_double(divisor: Any) -> None:
    """``Floor(a / b)`` is made in one step, and is what the two steps give one after the other."""
    interpreter = Interpreter(plugins=False)
    interpreter.load(
        "func once(needs a, b) means\n  return tool.math.Floor(a / b)\nendfunc\n"
        "func twice(needs a, b) means\n  set q = a / b\n  return tool.math.Floor(q)\nendfunc\n"
        "func whole(needs a, b) means\n  return tool.math.Floor((len(a) - 3 + 1) / b)\nendfunc\n"
    )
    for value in VALUES:
        wanted = outcome(lambda value=value: interpreter.run("twice", value, divisor))
        assert outcome(lambda value=value: interpreter.run("once", value, divisor)) == wanted, value
    for text in ("", "a", "abc", "abcdefghijk"):
        wanted = outcome(lambda text=text: interpreter.run("twice", len(text) - 2, divisor))
        assert outcome(lambda text=text: interpreter.run("whole", text, divisor)) == wanted, text


def test_the_place_of_a_failing_quotient_is_that_of_the_division() -> None:
    assert run("return 1 + tool.math.Floor(a / b)", 1, 0).place == (2, 32)
    assert run("return 1 + tool.math.Floor(a / b)", 1, "x").place == (2, 32)


@pytest.mark.parametrize(
    ("call", "limits"),
    [
        ('tool.str.Repeat("ab", 30)', {"max_string": 40}),
        ('tool.str.PadLeft("a", 50)', {"max_string": 40}),
        ('tool.str.Replace("aaaaaaaaa", "a", "12345")', {"max_string": 40}),
        ('tool.str.Split("a,b,c,d,e", ",")', {"max_items": 3}),
    ],
)
def test_small_limits_hold(call: str, limits: dict[str, int]) -> None:
    assert run(f"return {call}", limits=Limits(**limits)).code == 37


# --- a list that is cut ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "wanted"),
    [
        ("0", "len(xs) - 1", [1, 2, 3]),
        ("1", "len(xs)", [2, 3, 4]),
        ("1", "3", [2, 3]),
        ("3", "1", []),
        ("0", "0", []),
        ("0", "99", [1, 2, 3, 4]),
        ("2", "99", [3, 4]),
        ("0 - 2", "2", [1, 2]),
        ("0", "0 - 1", []),
        ("a", "b", [2, 3]),
    ],
)
@pytest.mark.parametrize("held", ["", "set ys = xs", "for each x in xs"])
def test_a_list_is_cut_and_no_other_holder_sees_it(start: str, end: str, wanted: list[int], held: str) -> None:
    cut = f"set xs = tool.list.Slice(xs, {start}, {end})"
    body = f"set xs = [1, 2]\nset xs = xs + [3, 4]\n{held}\n{cut}"
    if held.startswith("for"):
        body = f"set xs = [1, 2, 3, 4]\nset seen = []\n{held}\n  if x == 1\n    {cut}\n  endif\n"
        body += "  set seen = tool.list.Append(seen, x)\nendfor"
        assert run(f"{body}\nreturn [xs, seen]", 1, 3).result == [wanted, [1, 2, 3, 4]]
    else:
        assert run(f"{body}\nreturn [xs, {'ys' if held else 'nil'}]", 1, 3).result == [
            wanted,
            [1, 2, 3, 4] if held else None,
        ]


@pytest.mark.parametrize("argument", ['"x"', "1.5", "nil", "[1]", "true"])
def test_a_list_is_not_cut_by_what_is_no_number(argument: str) -> None:
    assert run(f"set xs = [1, 2]\nset xs = tool.list.Slice(xs, 0, {argument})\nreturn xs").code == 4
    assert run(f"set xs = [1, 2]\nset xs = tool.list.Slice(xs, {argument}, 1)\nreturn xs").code == 4
    assert run(f"set xs = {argument}\nset xs = tool.list.Slice(xs, 0, 1)\nreturn xs").code == (
        4 if "[" not in argument else 0
    )


def test_a_stack_is_not_copied() -> None:
    with Interpreter(plugins=False) as interpreter:
        seen = watch(interpreter)
        interpreter.load(
            "func main(needs n) means\n  set xs = tool.list.Range(0, n)\n  while len(xs) > 0\n"
            "    set xs = tool.list.Slice(xs, 0, len(xs) - 1)\n    call tool.probe.See(xs)\n  endwhile\nendfunc\n"
        )
        interpreter.run("main", 30)
    assert len(seen.identities) == 30
    assert seen.copies == 0


def test_the_types_of_many_placeholders_and_quotients_are_their_own() -> None:
    """Expressions that are made for a moment must not be taken for one another."""
    turns = []
    for number in range(30):
        turns.append(f'set s{number} = "t{number}"\nset n{number} = len(a) * {number}')
        turns.append(f"set r{number} = ```{{{{s{number}}}}}-{{{{n{number}}}}}-{{{{a}}}}```")
        turns.append(f"set f{number} = tool.math.Floor((n{number} * 2 + 1) / 2) + tool.math.Floor(n{number} * 3 / 3)")
    text = "\n".join(turns) + f"\nreturn [{', '.join(f'r{number}, f{number}' for number in range(30))}]"
    wanted = [part for number in range(30) for part in (f"t{number}-{number * 2}-xy", number * 4)]
    assert run(text, "xy").result == wanted
