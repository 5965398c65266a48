"""Programs that calculate with numbers at the edges of their ranges, in variables, lists, maps and parameters."""

from __future__ import annotations

from random import Random

from .programs import Case

LITERALS = (
    *("0", "1", "2", "3", "7", "10", "0.0", "0.5", "1.0", "1.5", "2.25", "1e-3"),
    *("1e308", "1.7976931348623157e308", "9e307", "1e160", "5e-324", "2e-308", "1e-200"),
    *("1073741823", "1073741824", "4611686018427387904", "9007199254740993", "18446744073709551616", "(2 ** 1100)"),
)
ODD = ("nil", "true", '"2"', '"0.5"', '"x"', "[1]")
VARIABLES = ("x", "y", "z", "p", "q", "i", "xs[1]", "xs[i]", "m.a", "m.b")
OPERATORS = ("+", "+", "-", "-", "*", "*", "*", "/", "%", "**")
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


class Maker:
    """Writes one program."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def leaf(self) -> str:
        """A number, mostly, or what holds one."""
        roll = self.random.random()
        if roll < 0.6:
            return self.random.choice(VARIABLES)
        if roll < 0.62:
            return self.random.choice(ODD)
        return self.random.choice(LITERALS)

    def expression(self, depth: int) -> str:
        """A tree of operations."""
        roll = self.random.random()
        if depth == 0 or roll < 0.15:
            return self.leaf()
        if roll < 0.22:
            return f"-{self.expression(0)}"
        if roll < 0.28:
            return f"helper({self.expression(depth - 1)}, {self.leaf()})"
        if roll < 0.32:
            return f"len(xs) {self.random.choice(OPERATORS)} {self.leaf()}"
        if roll < 0.42:
            return self.idiom()
        parts = [self.expression(depth - 1)]
        for _ in range(self.random.choice((1, 1, 2, 3))):
            parts.append(f"{self.random.choice(OPERATORS)} {self.expression(depth - 1)}")
        return f"({' '.join(parts)})"

    def idiom(self) -> str:
        """What programs write for squares, roots, whole quotients, and neighbours in a list."""
        choice = self.random.choice
        name, other, by = choice(("x", "y", "z", "i")), choice(("x", "y", "j")), choice(("2", "3", "10", "-2", "i"))
        return choice(
            (
                *(f"{name} * {name} + {other} * {other}", f"{name} ** 2", f"{name} ** 0.5", f"{name} ** 3 - {other}"),
                *(f"({name} - {name} % {by}) / {by}", f"{name} / {by}", f"{name} % {by}", f"-{name}"),
                *(f"tool.math.Floor({name} / {by})", f"tool.math.Sqrt({name})", f"tool.math.Abs({name} - {other})"),
                *(
                    f"tool.math.Max({name}, {other})",
                    f"tool.math.Truncate({name} * {by})",
                    "xs[i - 1]",
                    "xs[j] * xs[j]",
                ),
                *("xs[i] + xs[j] * x", "xs[j - 1] - xs[i]", f'"ab" * {name} + {other}', "tool.list.Range(i, 3)[0] * y"),
            )
        )

    def guarded(self) -> str:
        """A test that tells something of what stands behind it."""
        choice, leaf = self.random.choice, self.leaf
        name, other, by = choice(("x", "y", "i")), choice(("x", "y", "z")), choice(("2", "3", "i"))
        start = choice(("0", "1", "-1", "i", "i + 1", "len(xs) - 1"))
        inside = f"set {other} = {self.expression(2)}"
        return choice(
            (
                f"if {name} % {by} == 0\n set {other} = {name} / {by}\n{inside}\nendif",
                f"if {name} % {by} != 0 or {other} > 1\n{inside}\nelse\n set z = {name} / {by} + 1\nendif",
                f"while x % 2 == 0 and x > 0\n set x = x / 2\n{inside}\n set x = x - 1\nendwhile",
                f"if x * x + y * y <= 4\n set z = x * y * 2 + {leaf()}\n{inside}\n set y = x * x - y\nendif",
                f"if x * x + z * z > {leaf()}\n{inside}\nelse\n set y = x * z - x * x\nendif",
                f"set j = i - 1\nwhile j >= 0 and xs[j] > {leaf()}\n set xs[j + 1] = xs[j]\n set j = j - 1\nendwhile",
                f"set j = {start}\nwhile j < 3\n{inside}\n set y = xs[j] - xs[j - 1]\n set j = j + 1\nendwhile",
                f"set j = 2\nwhile j >= {choice('01')}\n set z = xs[j - 1]\n{inside}\n set j = j - 1\nendwhile",
                f"if j < 0 or j > 2\n set j = {choice(('0', '-1', 'i'))}\nelse\n set z = xs[j]\nendif\nset z = xs[j]",
            )
        )

    def statement(self) -> str:
        """An assignment, a comparison or an emit."""
        if self.random.random() < 0.3:
            return self.guarded()
        target = self.random.choice(("x", "y", "z", "xs[1]", "m.a", "m.b", "xs[i]"))
        roll = self.random.random()
        if roll < 0.7:
            return f"set {target} = {self.expression(3)}"
        if roll < 0.85:
            condition = f"{self.expression(2)} {self.random.choice(COMPARISONS)} {self.expression(1)}"
            return f"if {condition}\n set {target} = {self.leaf()}\nelse\n set {target} = {self.expression(2)}\nendif"
        return f"emit {self.expression(2)}"

    def body(self) -> str:
        """Statements in a loop, after which everything is shown."""
        number = self.random.choice
        start = [f"set {name} = {number(LITERALS)}" for name in ("x", "y", "z")]
        start += [f"set xs = [{number(LITERALS)}, {number(LITERALS)}, {number(LITERALS)}]"]
        start += [f'set m = {{"a": {number(LITERALS)}, "b": {number(LITERALS)}}}', "set i = 0", "set j = 1"]
        turn = [self.statement() for _ in range(self.random.randint(1, 4))]
        shown = ["emit [x, y, z, xs, m]"]
        return "\n".join([*start, "while i < 3", *turn, *shown, "set i = i + 1", "endwhile", "return [x, y, z]"])


def make_arithmetic(random: Random) -> Case:
    """A program; with an error handler every other time, so that it goes on after a failure."""
    maker = Maker(random)
    handler = ""
    if random.random() < 0.5:
        handler = "on error do\nemit [system_error_code, system_error.line]\nclear_error\nendon\n"
    result = random.choice(("a * b + 1", "a / b", "a - b", "a * a - b * b"))
    helper = f"func helper(needs a, b) means\nreturn {result}\nendfunc"
    source = f"{helper}\nfunc main(needs p, q) means\n{handler}{maker.body()}\nendfunc\n"
    return Case(source, "main", (random.choice((2, 0.5, 1e308, 0)), random.choice((3, 1.5, -0.25, 10**20))))
