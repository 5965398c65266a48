"""Loops at random that go through lists by numbers, as heaps, searches and run lengths do, and recursion with a table.

What the numbers are compared with, and what they index, bounds them; the generator mixes in what takes the bounds away
again: lists that become maps or strings, numbers that are negative, huge or no numbers, and other values for the names.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from textwrap import indent

from .routines import LIMITS, Call, Trial

NUMBERS = ("i", "j", "k")
LISTS = ("xs", "ys")
LITERALS = (
    "0",
    "1",
    "2",
    "3",
    "-1",
    "1022",
    "1024",
    "2 ** 62",
    "2 ** 2000",
    "0.5",
    "2.0",
    '"1"',
    '"999999999999"',
    "nil",
)
SUMS = (
    "{n} + {m}",
    "{n} - {m}",
    "2 * {n}",
    "2 * {n} + 1",
    "{n} * {m}",
    "{n} + 1",
    "{n} - 1",
    "{n} % 4",
    "tool.math.Floor({n} / 2)",
    "({n} - {n} % 2) / 2",
    "len({xs})",
    "{xs}[{n}]",
    "{xs}[{n} - 1]",
    "{n}",
    "a",
    "{literal}",
)
TESTS = (
    "{n} < len({xs})",
    "{n} < {m}",
    "{m} >= {n}",
    "2 * {n} <= {m}",
    "{n} + 1 < len({xs})",
    "{n} * {n} <= {m}",
    "{n} <= 9223372036854775808",
    "{xs}[{n}] < {xs}[{m}]",
    "{n} > 0",
    "{n} == {m}",
    "{m} <= a",
)
STATEMENTS = (
    "set {n} = {sum}",
    "set {n} = {sum}",
    "set {n} = {m}",
    "set {n} = {n} + 1",
    "set {n} = {n} - 1",
    "set {xs}[{n}] = {sum}",
    "set {xs}[{n}], {xs}[{m}] = [{xs}[{m}], {xs}[{n}]]",
    "set {n}, {m} = [{m}, {n}]",
    "set {n}, {m} = pair({n}, {m})",
    "set t = {xs}[{n}]\nset {xs}[{n}] = {xs}[{m}]\nset {xs}[{m}] = t",
    "set {xs} = {xs} + [{n}]",
    "set {xs} = added({xs}, {n})",
    "set {xs} = tool.list.Slice({xs}, 0, len({xs}) - 1)",
    "set r = {xs}[{n}]\nset {m} = {n}",
    "set rows = rows + [[{n}, 1]]",
    "set rows[len(rows) - 1][1] = rows[len(rows) - 1][1] + {n}",
    "set rows[{n} + 1][0] = rows[{n} + 1][0] * 2",
    "set rows[{xs}[{n}]][0] = rows[{xs}[{n}]][0] - {m}",
    "emit {n}",
    "emit {xs}",
)
RARE = (
    "set {xs} = {{}}\nset {xs}[{n}] = 1",
    'set {xs} = "abc"',
    "set {xs} = {ys}",
    "set {n} = {literal}",
    "set {xs} = [[1], {n}]",
    "set rows[len(rows) - 1][1] = {literal}",
    "set rows = [[1], nil, {n}]",
    "set rows = {xs}",
)
TABLE = """
func {name}(needs n, table) means
  if table[n] != nil
    return table{second}
  endif
  if n < {least}
    set table[n] = n
  else
    {call}
    set table[n] = {entry}
  endif
  return table{second}
endfunc
"""


class _Maker:
    def __init__(self, random: Random) -> None:
        self.random = random

    def filled(self, form: str) -> str:
        """A form with names, numbers and sums in its places."""
        choice = self.random.choice
        text = form.replace("{sum}", choice(SUMS))
        n, m = self.random.sample(NUMBERS, 2)
        xs, ys = self.random.sample(LISTS, 2)
        return text.format(n=n, m=m, xs=xs, ys=ys, literal=choice(LITERALS))

    def condition(self) -> str:
        first = self.filled(self.random.choice(TESTS))
        if self.random.random() < 0.5:
            return first
        return f"{first} {self.random.choice(('and', 'and', 'or'))} {self.filled(self.random.choice(TESTS))}"

    def block(self, depth: int) -> str:
        random = self.random
        lines = []
        for _ in range(random.randint(1, 4)):
            kind = random.random()
            if depth and kind < 0.2:
                lines.append(f"if {self.condition()}\n{indent(self.block(depth - 1), '  ')}\nendif")
            elif depth and kind < 0.45:
                step = random.choice(("set i = i + 1", "set j = j + 1", "set i = j", "set k = 2 * k + 1", "break"))
                inside = indent(f"{self.block(depth - 1)}\n{step}", "  ")
                lines.append(f"while {self.condition()}\n{inside}\nendwhile")
            elif kind < 0.5:
                lines.append(self.filled(random.choice(RARE)))
            elif kind < 0.55:
                lines.append(f"if {self.condition()}\n  {random.choice(('return [i, j, k, xs]', 'fail i'))}\nendif")
            else:
                lines.append(self.filled(random.choice(STATEMENTS)))
        return "\n".join(lines)

    def table(self) -> str:
        """A procedure that calls itself with smaller or larger numbers, and a table that goes in and comes back."""
        choice = self.random.choice
        pair = choice((True, False))
        less = choice(("n - 1", "n - 2", "(n - n % 2) / 2", "tool.math.Floor(n / 3)", "n + 1", "3 * n + 1", "n * n"))
        call = f"set r, table = memo({less}, table)" if pair else f"set table = memo({less}, table)"
        entry = choice(
            ("n", "r + n", "r + 1") if pair else ("n", f"table[{less}] + 1", f"table[{less}] * table[{less}]")
        )
        second = ", table" if pair else ""
        text = TABLE.format(name="memo", least=choice((1, 2, 3)), call=call, entry=entry, second=second)
        return text.replace("return table, table", "return table[n], table")


def make_index_trial(random: Random) -> Trial:
    """A library of a procedure with loops, and one with a table, and calls of both."""
    maker = _Maker(random)
    start = "set i = 0\nset j = 1\nset k = 0\nset xs = [3, 1, 2, 0]\nset ys = [a, 1]\nset rows = [[1, 2]]"
    ends = "return [i, j, k, xs, ys, rows]"
    body = indent(f"{start}\n{maker.block(3)}\n{maker.block(2)}\n{ends}", "  ")
    added = random.choice(("xs + [x]", "tool.list.Append(xs, x)", "tool.list.Prepend(xs, x)"))
    source = f"func main(needs a) means\n{body}\nendfunc\n"
    source += f"func added(needs xs, x) means\n  return {added}\nendfunc\n"
    source += "func pair(needs x, y) means\n  return y, x\nendfunc\n"
    source += maker.table()
    source += "func sums(needs n) means\n  set t = {}\n  set out = memo(n, t)\n  return [out, t]\nendfunc\n"
    numbers = [random.choice((0, 1, 2, 5, 30, -3, 2**40, 2**90, 1.5, 2.0, "4", None)) for _ in range(3)]
    calls = [Call("main", (number,)) for number in numbers[:2]] + [
        Call("sums", (number,)) for number in (7, numbers[2])
    ]
    return Trial(source, tuple(calls), replace(LIMITS, max_steps=1_000))
