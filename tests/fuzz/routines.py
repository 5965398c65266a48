"""Libraries of procedures that compute, made at random, and the calls that a host makes of them.

The procedures are what the compiler specialises: loops and recursions over numbers, lists and maps.  They are called
with what they are evidently for and with everything else, and some leave the types that they began with half way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from neuroscript.limits import Limits

from .counting import SHARING, CountingMaker
from .expressions import Signature, Unit
from .statements import Lines, indented

NUMBERS: tuple[Any, ...] = (0, 1, 2, 3, 4, 5, 6, 7, 9, 12, -1, -3)
LARGE: tuple[Any, ...] = (
    *(2**30 - 1, 2**30, 2**62, -(2**62), 2**80 - 1, 2**80, -(2**80), 1 - 2**80, 2**2000, 2**4096 - 1, 1 - 2**4096),
)
ODD: tuple[Any, ...] = (0.5, 4.0, -2.5, 1e300, "4", "2.5", "x", "", None, True, [], [1, 2], {}, {"v": 1}, -0.0)
LISTS: tuple[Any, ...] = (
    [],
    [1],
    [3, 1, 2],
    [5, -1, 2**62, 7],
    [1, None, 2],
    [0.5, 1, "2"],
    [[1], [2]],
    ["a", 1],
    {"0": 1},
)
TREES: tuple[Any, ...] = (
    {"v": 1},
    {"v": 1, "l": {"v": 2}, "r": {"v": 3, "l": {"v": 4}}},
    {"v": 0.5, "l": {"v": 2**62}},
    {"v": "s", "r": {"v": 1}},
    {"v": None},
    {},
    [1],
    None,
)
LITERALS = ("1", "2", "3", "10", "1073741824", "4611686018427387904", "-1", "0", "18446744073709551616")
BIG = ("2", "3", "7", "256", "1099511627776", str(2**64), str(2**500), str(2**1000 - 1), str(2**2040), str(2**4080))
# What a procedure gives, or sets, instead of a whole number at some turn.
TURNS = (
    "0.5",
    "n / 2",
    '"s"',
    '"7"',
    "nil",
    "[n]",
    "{}",
    "2 ** 70",
    "n * 4611686018427387904",
    "n + 0.5",
    "true",
    "g_big",
)

LIMITS = Limits(
    max_steps=20_000, max_seconds=20.0, max_string=20_000, max_items=400, max_emitted=400_000, max_nesting=40
)
DEPTHS = (5, 60, 500, None)


@dataclass(frozen=True, slots=True)
class Call:
    """A call that the host makes."""

    name: str
    args: tuple[Any, ...] = ()
    named: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """A library, the calls that the host makes of it, each a run of its own, and the limits of these runs."""

    source: str
    calls: tuple[Call, ...]
    limits: Limits = field(default=LIMITS)


@dataclass(frozen=True, slots=True)
class Routine:
    """A procedure of a library; ``kinds`` are what its parameters are for."""

    name: str
    params: tuple[str, ...]
    kinds: tuple[str, ...]
    optional: int = 0


class RoutineMaker(CountingMaker):
    """Writes libraries."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.routines: list[Routine] = []
        self._shapes = (
            self._looping,
            self._looping,
            self._recursive,
            self._recursive,
            self._recursive,
            self._accumulating,
            self._accumulating,
            self._divisor,
            self._ackermann,
            self._mutual,
            self._walking,
            self._walking,
            self._tree,
            self._sorting,
            self._power,
            self._sizes,
            self._sizes,
            self._sharing,
            self._sharing,
            self._filling,
            self._filling,
            self._statements_of_a_body,
            self._statements_of_a_body,
            self._statements_of_a_body,
        )

    def trial(self) -> Trial:
        """A library and calls of it."""
        text = SHARING
        for _ in range(self.number(1, 4)):
            lines = self._shapes[self.random.randrange(len(self._shapes))]()
            text += "\n".join([*lines, ""])
        text += "\n".join([*self._main(), ""])
        calls = [Call("main")] if self.chance(0.5) else []
        for routine in self.routines:
            calls += [self._host_call(routine) for _ in range(self.number(2, 5))]
        depth = DEPTHS[self.number(0, 3)] if self.chance(0.8) else self.number(1, 12)
        steps = 20_000 if depth is not None else 2_000
        limits = Limits(
            max_steps=steps,
            max_depth=depth,
            max_seconds=LIMITS.max_seconds,
            max_string=LIMITS.max_string,
            max_items=LIMITS.max_items if self.chance(0.9) else 4,
            max_emitted=LIMITS.max_emitted,
            max_nesting=LIMITS.max_nesting,
        )
        return Trial(text, tuple(calls), limits)

    # --- calls -------------------------------------------------------------------------------------------------------

    def _host_value(self, kind: str) -> Any:
        choice = self.number(0, 9)
        if choice < 6 or kind == "any":
            known = {"int": NUMBERS, "deep": (*NUMBERS, 56, 58, 59, 480, 490), "list": LISTS, "tree": TREES}.get(
                kind, (*NUMBERS, *ODD)
            )
            return known[self.random.randrange(len(known))]
        others = LARGE if choice == 6 else ODD
        return others[self.random.randrange(len(others))]

    def _host_call(self, routine: Routine) -> Call:
        least = len(routine.params) - routine.optional
        count = self.number(least, len(routine.params)) if self.chance(0.96) else self.number(0, 4)
        values = [self._host_value(kind) for kind in routine.kinds[:count]]
        values += [1] * (count - len(values))
        first = self.number(0, len(values)) if self.chance(0.2) else len(values)
        named = list(zip(routine.params[first:], values[first:], strict=False))
        self.random.shuffle(named)
        return Call(routine.name, tuple(values[:first]), tuple(named))

    def _main(self) -> Lines:
        """Calls from a script, whose arguments are known to fit or not; errors do not end it."""
        lines: Lines = ["on error do", "  emit [system_error_code, system_error.line]", "  clear_error", "endon"]
        kind = self.random.random()
        if kind < 0.5:
            lines = []
        elif kind < 0.6:
            lines[2] = "  return system_error_code"
        for _ in range(self.number(1, 6)):
            routine = self.routines[self.random.randrange(len(self.routines))]
            call = self._host_call(routine)
            largest = 2**4096 - 1 if self.chance(0.15) else None
            given = [written(largest if largest and type(value) is int else value) for value in call.args]
            given += [f"{name}: {written(value)}" for name, value in call.named]
            if given and given[0].startswith("["):
                lines.append(f"set held = {given[0]}")
                given[0] = "held"
            lines.append(f"emit {routine.name}({', '.join(given)})")
            lines += ["emit held"] if "held" in given else []
        return ["func main() means", *indented(lines), "endfunc", ""]

    # --- what they are made of ---------------------------------------------------------------------------------------

    def _named(self, params: str, kinds: str, optional: int = 0) -> Routine:
        names, letters = tuple(params.split()), kinds.split()
        routine = Routine(f"r{len(self.routines)}", names, tuple(letters), optional)
        self.routines.append(routine)
        known = {
            name: {"tree": "map", "deep": "int"}.get(kind, kind)
            for name, kind in zip(names, routine.kinds, strict=True)
        }
        self.unit = Unit(known, [], wild=0.005)
        return routine

    def _defined(self, routine: Routine, body: Lines) -> Lines:
        least = len(routine.params) - routine.optional
        needs, optional = routine.params[:least], routine.params[least:]
        clauses = f"needs {', '.join(needs)}" + (f" optional {', '.join(optional)}" if optional else "")
        returns = self.pick(["", "", " returns r"])
        return [f"func {routine.name}({clauses}{returns}) means", *indented(body), "endfunc", ""]

    def _term(self, *names: str) -> str:
        """A small expression over some names."""
        first = self.pick([*names, *names, self.pick(LITERALS)])
        if self.chance(0.5):
            return first
        second = self.pick([*names, self.pick(LITERALS)])
        text = f"{first} {self.pick(['+', '-', '*', '+', '%'])} {second}"
        return f"({text})" if self.chance(0.6) else text

    def _leaving(self, name: str = "n") -> Lines:
        """What takes a procedure out of its types half way, in some."""
        if self.chance(0.65):
            return []
        turn = self.pick(TURNS).replace("n", name) if name == "n" else self.pick(TURNS[:1] + TURNS[2:5])
        return self.pick_lines(
            [f"if {name} == {self.number(0, 4)}", f"  return {turn}", "endif"],
            [f"if {name} == {self.number(0, 4)}", f"  set {name} = {turn}", "endif"],
            [f"if {name} % 3 == 1", f"  return {turn}", "endif"],
            [f"if {name} < 0", "  return", "endif"],
            [f"set {name} = {name} + 0"],
        )

    def pick_lines(self, *options: Lines) -> Lines:
        """One of the options."""
        return options[self.random.randrange(len(options))]

    # --- shapes ------------------------------------------------------------------------------------------------------

    def _looping(self) -> Lines:
        routine = self._named("n k", "int int", optional=self.number(0, 1))
        head = [f"set total = {self.pick(['0', '1', '1', '0.0'])}", f"set i = {self.pick(['0', '0', '1', 'k', 'n'])}"]
        bound = self.pick(["i < n", "i < n", "i <= n", "i > n", "i < k", "i < 6"])
        sign = "-" if ">" in bound else "+"
        grow = f"set total = total {self.pick(['+', '+', '*', '-'])} {self._term('i', 'n', 'i', 'k')}"
        body = [grow, *self._leaving("i" if self.chance(0.3) else "n"), *self._turn("i", "n", 1)]
        if self.chance(0.1):
            body.append(f"set k = {self._term('k', 'n')}")
        guard = ["if i > 400 or i < -400", "  return total", "endif"] if self.chance(0.5) else []
        loop = [f"while {bound}", *indented([*guard, *body, f"set i = i {sign} 1"]), "endwhile"]
        return self._defined(
            routine, [*head, *loop, self.pick(["return total", "return [total, i, n]", "return total + k"])]
        )

    def _recursive(self) -> Lines:
        """A procedure that calls itself with a smaller number, once or twice."""
        routine = self._named("n k", "int int", optional=1) if self.chance(0.4) else self._named("n", "int")
        name, two = routine.name, len(routine.params) == 2
        stop = self.pick(["n < 2", "n <= 0", "n < 1", "n == 0"])
        base = self.pick(["n", "1", "0", "n", "k" if two else "1", "1.0" if self.chance(0.3) else "1"])
        rest = f", {self._term('k', 'n')}" if two and self.chance(0.8) else ""
        first = self.pick(
            [f"{name}(n - 1{rest})", f"{name}(n - 1{rest})", f"{name}(n: n - 1{rest.replace(', ', ', k: ')})"]
        )
        again = self.pick(
            [
                f"{first} + {name}(n - 2{rest})",
                f"n * {first}",
                f"n + {first}",
                f"{first} + 1",
                f"{first}",
                f"1 + {first} * 2",
                f"{first} * {first}",
                f"{first} - {name}(n - 3{rest})",
                f"{name}({first})" if self.chance(0.3) else f"{first} * 1024",
                f'{first} + "s"' if self.chance(0.3) else f"{first} % 1000003",
                f"-{first}",
                f"{first} / 2",
                f"[n, {first}]",
                f"{name}(n / 2{rest})" if self.chance(0.5) else f"{first} + 0.5",
            ]
        )
        guard = ["if n > 40", "  set n = 9", "endif"] if self.chance(0.8) and "n - 2" in again else []
        guard = guard or (["if n > 300", "  return n", "endif"] if self.chance(0.7) else [])
        if f"{first} * {first}" == again or "n - 3" in again or "n - 2" in again:
            guard = [*guard, "if n > 9", "  set n = 9", "endif"]
        own = [f"set {name} = 1"] if self.chance(0.02) else []
        kept = ["set got = " + again, *self._leaving("got"), "return got"] if self.chance(0.4) else [f"return {again}"]
        ending = kept if self.chance(0.9) else [*kept[:-1], "set got = " + again]
        body = [*guard, f"if {stop}", f"  return {base}", "endif", *self._leaving(), *own, *ending]
        return self._defined(routine, body)

    def _accumulating(self) -> Lines:
        """A recursion that hands on what it has computed, which grows past one size after the other."""
        routine = self._named("n k", "deep int")
        name = routine.name
        grown = self.pick(
            [
                *("k * 2", "k + n", "k * n", "k + k", "k * 1024", "k * k", "k * 4611686018427387904", "k - n", "n - k"),
                *("k * 1180591620717411303424", "k + 1", "k % 7", "k / 2", "k * 0.5", "n", self._term("k", "n")),
            ]
        )
        call = self.pick([f"{name}(n - 1, {grown})", f"{name}(n - 1, {grown})", f"{name}(k: {grown}, n: n - 1)"])
        result = self.pick([call, call, f"{call} + k", f"k + {call}", f"{call} * 2", f"{call} - n"])
        shown = ["emit k % 1000003"] if self.chance(0.3) else []
        stop = [
            f"if n {self.pick(['<= 0', '<= 0', '== 0', '< 1'])}",
            f"  return {self.pick(['k', 'k', 'n', '[k, n]'])}",
        ]
        many = ["if n > 490", "  return k", "endif"] if self.chance(0.8) else []
        body = [*many, *shown, *stop, "endif", *self._leaving("k" if self.chance(0.5) else "n"), f"return {result}"]
        return self._defined(routine, body)

    def _sizes(self) -> Lines:
        """A recursion whose numbers grow in ways that the size of none of them is easy to tell."""
        routine = self._named("n a b", "deep int int")
        name = routine.name
        turns = f"set {self.pick(['t', 'a'])} = {self._sum('t', 'a', 'b')}"
        loop = ["set t = a", "set i = 0", "while i < 3", f"  {turns}", "  set i = i + 1", "endwhile"]
        call = f"{name}(n - 1, {self._sum('a', 'b', 't', 'n')}, {self._sum('b', 'a', 'a')})"
        again = self.pick(
            [call, call, f"{call} + {self._sum('a', 'b', 't')}", f"{call} * {self.pick(BIG)}", f"a - {call}"]
        )
        stop = ["if n <= 0", f"  return {self._sum('a', 'b')}", "endif", "if n > 490", "  return n", "endif"]
        kept = ["set got = " + again, f"return {self._sum('got', 'a')}"] if self.chance(0.4) else [f"return {again}"]
        return self._defined(routine, [*stop, *(loop if self.chance(0.5) else ["set t = b"]), *kept])

    def _sum(self, *names: str) -> str:
        """Sums and products of names, small numbers and large ones."""
        if self.chance(0.12):
            return self.pick(BIG)
        terms = [self.pick(names) for _ in range(self.number(1, 2))]
        terms += [self.pick(BIG)] if self.chance(0.4) else []
        factors = [*BIG, *names]
        terms = [f"{term} * {self.pick(factors)}" if self.chance(0.3) else term for term in terms]
        terms = [f"{term} * {self.pick(factors)}" if self.chance(0.15) else term for term in terms]
        text = terms[0]
        for term in terms[1:]:
            text += f" {self.pick(['+', '+', '-'])} {term}"
        return text if self.chance(0.5) else f"({text})"

    def _divisor(self) -> Lines:
        routine = self._named("a b", "int int")
        if self.chance(0.5):
            loop = ["while b != 0", "  set t = a % b", "  set a = b", "  set b = t", "endwhile", "return a"]
            return self._defined(routine, loop)
        return self._defined(routine, ["if b == 0", "  return a", "endif", f"return {routine.name}(b, a % b)"])

    def _ackermann(self) -> Lines:
        routine = self._named("m n", "int int")
        name = routine.name
        guard = ["if m > 2 or n > 4", "  return n + m", "endif"]
        first = ["if m == 0", "  return n + 1", "endif", "if n == 0", f"  return {name}(m - 1, 1)", "endif"]
        inner = f"{name}(m, n - 1)"
        last = (
            ["set k = " + inner, f"return {name}(m - 1, k)"] if self.chance(0.3) else [f"return {name}(m - 1, {inner})"]
        )
        return self._defined(routine, [*guard, *first, *last])

    def _mutual(self) -> Lines:
        """Two procedures that call each other."""
        first, second = self._named("n k", "int int", 1), self._named("n k", "int int", 1)
        stop = ["if n <= 0", f"  return {self.pick(['0', 'k', '1', '0.5', 'nil'])}", "endif"]
        lines: Lines = []
        for own, other in ((first, second), (second, first)):
            rest = f", {self._term('n', 'k')}" if self.chance(0.6) else ""
            call = f"{other.name}(n - 1{rest})"
            again = self.pick([call, f"1 + {call}", f"{call} * n", f"{call} + {own.name}(n - 4)"])
            many = ["if n > 60", "  set n = 7", "endif"]
            lines += self._defined(own, [*many, *stop, *self._leaving(), f"return {again}"])
        return lines

    def _walking(self) -> Lines:
        """A list walked by index, in a loop or by calling itself."""
        routine = self._named("xs i k", "list int int", optional=1)
        name = routine.name
        if self.chance(0.5):
            item = self.pick(["xs[i]", "xs[i]", "xs[i] * 2", "xs[i] + i", "[xs[i]]", "xs[i] - k"])
            own = self.pick(
                [f"{name}(xs, i + 1)", f"{name}(xs, i + 1)", f"{name}(xs, i + 1, k + 1)", f"{name}(i: i + 1, xs: xs)"]
            )
            body = ["if i >= len(xs)", f"  return {self.pick(['0', '0', 'k', '[]', '0.0'])}", "endif"]
            change = self.pick_lines(["set xs[i] = i"], ["set xs = tool.list.Rest(xs)"], [], [], [], [])
            return self._defined(routine, ["if i < 0", "  return i", "endif", *body, *change, f"return {item} + {own}"])
        total = self.pick(["total + xs[i]", "total + xs[i] * xs[i]", "total + xs[i] * k", "xs[i]", "total * 2 + xs[i]"])
        change = self.pick_lines(
            ["set xs[i] = total"], ["set keep = xs", "set xs[i] = i"], ["set xs[0] = xs[i]"], [], []
        )
        body = [f"set total = {total}", *change, *self._leaving("total"), *self._turn("i", "xs", 1), "set i = i + 1"]
        head = [f"set total = {self.pick(['0', '0', 'k', '0.0'])}", *(["set i = 0"] if self.chance(0.7) else [])]
        loop = [f"while i < {self.pick(['len(xs)', 'len(xs)', '3', 'k'])}", *indented(body), "endwhile"]
        return self._defined(routine, [*head, *loop, self.pick(["return total", "return [total, xs, i]"])])

    def _tree(self) -> Lines:
        """A tree walked by calling itself."""
        routine = self._named("t k", "tree int", optional=1)
        name = routine.name
        left, right = self.pick(['t["l"]', "t.l"]), self.pick(['t["r"]', "t.r"])
        value = self.pick(['t["v"]', "t.v", "1", "k"])
        stop = [
            f"if {self.pick(['t == nil', 't == nil', 'no t'])}",
            f"  return {self.pick(['0', '0', 'nil', '[]'])}",
            "endif",
        ]
        change = self.pick_lines(["set t.v = k"], ['set t["seen"] = true', "emit t"], [], [])
        again = self.pick([f"{value} + {name}({left}) + {name}({right})", f"{name}({left}, 1) * 2 + {value}"])
        return self._defined(routine, [*stop, *change, f"return {again}"])

    def _sorting(self) -> Lines:
        routine = self._named("xs k", "list int", optional=1)
        swap = ["set t = xs[j]", "set xs[j] = xs[j + 1]", "set xs[j + 1] = t"]
        if self.chance(0.3):
            swap = ["set xs[j], xs[j + 1] = [xs[j + 1], xs[j]]"]
        kept = ["set seen[i] = xs"] if self.chance(0.3) else []
        inner = [f"if xs[j] {self.pick(['>', '<', '>='])} xs[j + 1]", *indented(swap), "endif", "set j = j + 1"]
        outer = ["set j = 0", "while j < last_one", *indented(inner), "endwhile", *kept, "set i = i + 1"]
        head = ["set seen = []", "set last_one = len(xs) - 1", "set i = 0", "while i < len(xs)"]
        return self._defined(routine, [*head, *indented(outer), "endwhile", "return [xs, seen]"])

    def _power(self) -> Lines:
        routine = self._named("b n", "int int")
        turn = ["if n % 2 == 1", "  set result = result * b", "endif", "set b = b * b", "set n = (n - n % 2) / 2"]
        guard = ["if n > 40", "  return n", "endif"] if self.chance(0.7) else []
        return self._defined(
            routine, [*guard, "set result = 1", "while n > 0", *indented(turn), "endwhile", "return result"]
        )

    def _sharing(self) -> Lines:
        """Lists that are changed, held by something else, and changed again."""
        return self._of_lists(lambda: self.shared(1))

    def _filling(self) -> Lines:
        """Lists and maps that are filled and added up."""
        return self._of_lists(lambda: self.filled(1) if self.chance(0.8) else self.grid(1))

    def _of_lists(self, make: Callable[[], Lines]) -> Lines:
        routine = self._named("xs k", "list int", optional=1)
        body: Lines = ["set m = {}"]
        for _ in range(self.number(1, 3)):
            body += make()
        if self.chance(0.4):  # a variable that may be unset has the compiler make a body twice
            body += [
                f"for each late in {self.pick(['xs', '[1]', '[]'])}",
                "endfor",
                "set k = late",
                *self._change("xs", "1"),
            ]
        shown = [name for name, kind in self.unit.variables.items() if kind == "list"][:4]
        return self._defined(routine, [*body, f"return [{', '.join(shown)}]" if self.chance(0.6) else "return k"])

    def _statements_of_a_body(self) -> Lines:
        """Any statements, without an error handler."""
        routine = self._named("n xs", "int list", optional=1)
        others = [
            Signature(one.name, ["int"] * (len(one.params) - one.optional), [], "int", param_names=list(one.params))
            for one in self.routines[:-1]
            if set(one.kinds) == {"int"}
        ]
        self.unit = Unit({"n": "int", "xs": "list"}, others, wild=0.005)
        head = self.pick_lines([], ["set m = {}", "set keep = []"], ["set xs = [1, [2], 3]", "set m = {}"])
        if head:
            self.unit.variables["m"] = "map"
        body: Lines = []
        makers = [self.counted, self.counted, self.counted, self.shared, self.filled, self.grown_number, self.statement]
        for _ in range(self.number(1, 4)):
            body += makers[self.random.randrange(len(makers))](2)
        shown = [name for name in self.unit.variables if name.isidentifier()][:5]
        return self._defined(routine, [*head, *body, f"return [{', '.join(shown)}]"])


def written(value: Any) -> str:
    """A value of the host as a script writes it."""
    match value:
        case None:
            return "nil"
        case bool():
            return "true" if value else "false"
        case int() if value < 0:
            return f"(0 - {-value})" if value.bit_length() < 63 else f"(-{-value})"
        case str():
            return f'"{value}"'
        case list():
            return f"[{', '.join(map(written, value))}]"
        case dict():
            return "{" + ", ".join(f'"{key}": {written(item)}' for key, item in value.items()) + "}"
    return f"({value!r})" if isinstance(value, float) and value < 0 else repr(value)


def make_trial(random: Random) -> Trial:
    """A library and its calls, made from a source of chance."""
    return RoutineMaker(random).trial()
