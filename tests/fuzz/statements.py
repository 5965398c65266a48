"""Statements made at random, with what most often goes wrong in a compiler more often than chance has it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from .expressions import DOTTED, GLOBALS, LONG_STRINGS, ExpressionMaker, Signature, Unit

NAMES = {
    "int": ("i", "n", "count", "_", "def"),
    "num": ("x", "y", "lambda"),
    "str": ("s", "t", "print"),
    "bool": ("ok", "None"),
    "list": ("xs", "ys", "rows", "yield"),
    "map": ("m", "d", "class"),
    "func": ("f", "g"),
    "fuzzy": ("z",),
    "any": ("a", "b", "v", "__class__"),
    "nil": ("w",),
}
# Words with a meaning of their own.  A body that sets `last` has no other, and soon reads it unset.
SOFT_NAMES = {"int": ("len", "error"), "func": ("with",), "any": ("last", "event"), "str": ("as", "log")}
EVENTS = ("e0", "e1", "e2")

Lines = list[str]


def indented(lines: Lines) -> Lines:
    """The lines of a block."""
    return [f"  {line}" for line in lines]


class StatementMaker(ExpressionMaker):
    """Writes statements for the unit at hand."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.counters = 0
        self.handlers = 0
        self.loops = 0
        self.soft = self.chance(0.2)
        self.has_loop = False  # whether the body that a handler is made for has a loop
        self._statements: list[tuple[int, Callable[[int], Lines]]] = [
            (14, self._set),
            (8, self._set_path),
            (9, self._alias),
            (3, self._set_several),
            (2, self._set_must),
            (9, self._emit),
            (4, self._call_statement),
            (7, self._if),
            (4, self._while),
            (6, self._for),
            (3, self._leave_loop),
            (2, self._must),
            (2, self._fail),
            (3, self._event),
            (1, self._whisper),
            (1, self._ask),
            (2, self._function_value),
            (2, self._append),
            (3, self._changing_loop),
            (3, self._numeric_loop),
            (2, self._kept_in_last),
            (2, self._last),
            (1, self._return),
            (1, self._deep),
        ]
        self._total = sum(weight for weight, _ in self._statements)

    # --- blocks ------------------------------------------------------------------------------------------------------

    def block(self, depth: int, low: int = 1, high: int = 4) -> Lines:
        """Some statements."""
        lines: Lines = []
        for _ in range(self.number(low, high)):
            lines += self.statement(depth)
        return lines

    def branch(self, depth: int, low: int = 1, high: int = 4) -> Lines:
        """Some statements that may not run: what they set first counts as unset afterwards."""
        before = set(self.unit.variables)
        lines = indented(self.block(depth, low, high))
        self.unit.variables = {name: kind for name, kind in self.unit.variables.items() if name in before}
        return lines

    def statement(self, depth: int) -> Lines:
        """One statement, or a few that belong together."""
        at = self.random.randrange(self._total)
        for weight, maker in self._statements:
            at -= weight
            if at < 0:
                return maker(depth)
        raise AssertionError("the weights do not add up")

    def variable(self, kind: str) -> str:
        """A name to assign; from then on it is taken to hold that kind."""
        soft = self.soft and kind in SOFT_NAMES and self.chance(0.4)
        name = self.pick(SOFT_NAMES[kind] if soft else NAMES[kind])
        self.unit.variables[name] = kind
        return name

    def known(self, kind: str) -> str:
        """A variable that holds that kind, or one of that kind's names."""
        names = [name for name, held in self.unit.variables.items() if held == kind]
        return self.pick(names) if names else self.pick(NAMES[kind])

    # --- assignments -------------------------------------------------------------------------------------------------

    def _set(self, depth: int) -> Lines:
        kind = self.pick(["int", "num", "str", "bool", "list", "map", "any", "int", "list", "map", "str", "fuzzy"])
        value = self.expression(kind, 2)
        if kind == "str" and self.chance(0.1):
            value = self.pick(LONG_STRINGS)
        if self.chance(0.02):
            return [f"set {self.pick(GLOBALS['list'] + GLOBALS['int'])}{self.pick(['', '[0]'])} = 1"]
        return [f"set {self.variable(kind)} = {value}"]

    def path(self, kind: str) -> str:
        """What stands after a name in a target."""
        if kind == "map":
            step = f".{self.pick(DOTTED)}" if self.chance(0.5) else f"[{self.pick(['s', '1', 'k'])!r}]"
        else:
            step = f"[{self.pick(['0', '1', '2', '0', '1', '5', '(-1)', '1.5', '2.0', 'len(xs)'])}]"
        if self.chance(0.25):
            step += self.pick(["[0]", "[1]", ".k", '["n"]'])
        return step

    def _set_path(self, depth: int) -> Lines:
        kind = self.pick(["list", "map", "list", "map", "any"])
        name = self.known(kind) if self.chance(0.8) else self.variable(kind)
        step = self.path("list" if kind == "any" else kind)
        index = ""
        if self.chance(0.1):
            index = f"[{self.expression('any', 1)}]"
        return [f"set {name}{index or step} = {self.expression('any', 1)}"]

    def _set_several(self, depth: int) -> Lines:
        kinds = [self.pick(["int", "str", "list", "any"]) for _ in range(self.number(2, 3))]
        values = [self.expression(kind, 1) for kind in kinds]
        targets = [self.variable(kind) + (self.path("list") if self.chance(0.15) else "") for kind in kinds]
        if self.chance(0.1):
            values.append("1")
        right = f"[{', '.join(values)}]"
        several = [one for one in self.unit.procedures if one.returns == len(targets)]
        if several and self.chance(0.5):
            right = self.call(several[self.random.randrange(len(several))], 1)
        elif self.chance(0.1):
            right = self.expression("any", 1)
        return [f"set {', '.join(targets)} = {right}"]

    def _set_must(self, depth: int) -> Lines:
        value = self.expression(self.pick(["any", "bool", "int", "str"]), 1)
        return [f"set {self.variable('any')} = must {value}"]

    def _alias(self, depth: int) -> Lines:
        """Several holders of one list or map, one of which changes."""
        first: Lines = []
        if "list" not in self.unit.variables.values():
            first.append(f"set {self.variable('list')} = [1, [2], 3]")
        if "map" not in self.unit.variables.values():
            first.append(f'set {self.variable("map")} = {{"k": [1], "n": 2}}')
        xs, ys, m = self.known("list"), self.pick(["ys", "zs", "b"]), self.known("map")
        value, spot = self.expression("any", 1), self.pick(["0", "1", f"len({xs})"])
        if ys not in self.unit.variables:
            first.append(f"set {ys} = [0, {xs}]")
        patterns: list[Lines] = [
            [f"set {ys} = {xs}", f"set {ys}[{spot}] = {value}"],
            [f"set {ys} = {xs}", f"set {xs}[{spot}] = {value}"],
            [f"set {xs}[{spot}] = {xs}"],
            [f"set {xs} = {xs} + [{value}]", f"set {ys} = {xs} + {xs}", f"set {ys}[0] = {value}"],
            [f"set {ys} = {xs}", f"set {xs} = {xs} + [{value}, {xs}]", f"set {xs} = {xs} + {ys}"],
            [f"set {m}.self = {m}", f"set {m}.self.k = {value}"],
            [f"set {ys} = [{xs}, {xs}]", f"set {ys}[0][{spot}] = {value}"],
            [f"set {ys} = tool.list.Append({xs}, {value})", f"set {ys}[0] = {xs}"],
            [f"set {xs} = tool.list.Append({xs}, {xs})", f"set {xs}[len({xs}) - 1][0] = {value}"],
            [f"set {m}.list = {xs}", f"set {m}.list[{spot}] = {value}"],
            [f"set {m}.list = {xs}", f"set {m}.list = tool.list.Concat({m}.list, [{value}, {xs}])"],
            [f"set {ys} = {xs}", f"set {xs} = tool.list.Prepend({xs}, {ys})", f"set {xs}[0] = {value}"],
            [f"set {ys} = {xs}", f"set {xs}, v = tool.list.Pop({xs})", "emit v"],
            [f'set {m} = tool.map.Set({m}, "self", {m})', f"set {m}.self.k = {value}"],
            [f"set {m}.inner = {m}", f'set {m}.inner = tool.map.Set({m}.inner, "k", {value})'],
            [f'set {m} = tool.map.Merge({m}, {{"k": {value}}}, {m})', f'set {m} = tool.map.Delete({m}, "k")'],
            [f'set {ys} = {{"k": {xs}, "m": {m}}}', f"set {ys}.k[0] = {value}", f"set {ys}.m.k = 1"],
            [f"set {xs}, {ys} = [{ys}, {xs}]", f"set {xs}[0] = {value}"],
            [f"set {xs}[0] = {m}", f"set {xs}[0].k = {value}"],
            [f"for each v in {xs}", f"  set {xs}[0] = v", f"  set v[0] = {value}", "endfor"],
            [f"for each v in {xs}", f"  set {ys} = {xs}", f"  set {ys}[0] = v", "endfor"],
            [f"for each v in {m}", f"  set {m}.extra = {value}", "endfor"],
            [f"set {xs}[0][0] = {value}", f"set {ys} = {xs}[0]", f"set {ys}[0] = {xs}"],
            [f"set rows[0] = {xs}", "set rows[1] = rows[0]", f"set rows[1][{spot}] = {value}", "emit rows"],
        ]
        lines = first + patterns[self.random.randrange(len(patterns))]
        for name in (ys, "rows"):
            if any(line.startswith(f"set {name}") for line in lines):
                self.unit.variables[name] = "list" if f'set {ys} = {{"k"' not in "".join(lines) else "map"
        known = [name for name in (xs, ys, m) if name in self.unit.variables]
        return [*lines, f"emit [{', '.join(known)}]"] if self.chance(0.6) else lines

    def _append(self, depth: int) -> Lines:
        xs = self.variable("list")
        counter = self._counter()
        grow = self.pick(
            [
                f"set {xs} = tool.list.Append({xs}, {counter})",
                f"set {xs}[len({xs})] = {counter}",
                f"set {xs} = {xs} + [{counter}, [{counter}]]",
            ]
        )
        extra = self.pick([f"set keep = {xs}", f"set keep[{counter}] = {xs}", f"emit {xs}", ""])
        head = [f"set {xs} = {self.expression('list', 0)}", f"set {counter} = 0"]
        head += [f"while {counter} < {self.number(1, 4)}", f"  set {counter} = {counter} + 1"]
        return [*head, f"  {grow}", *([f"  {extra}"] if extra else []), "endwhile", f"emit {xs}"]

    def _changing_loop(self, depth: int) -> Lines:
        """A list changed in a loop that at some turn gets a second holder."""
        xs, ys, counter = self.variable("list"), self.pick(["ys", "zs", "b"]), self._counter()
        self.unit.variables[ys] = "list"
        held = self.pick([f"set {ys} = {xs}", f"set {ys} = [{xs}]", f"set {ys}[0] = {xs}", f"emit {xs}", "emit 1"])
        if self.unit.procedures and self.chance(0.3):
            held = f"call {self.call(self.unit.procedures[-1], 1)}"
        change = self.pick(
            [f"set {xs}[{counter}] = {counter}", f"set {xs}[0] = {counter}", f"set {xs}[1][0] = {counter}"]
        )
        turns = [f"set {counter} = {counter} + 1", change, f"if {counter} == {self.number(1, 3)}", f"  {held}", "endif"]
        turns += [change] if self.chance(0.4) else []
        first = self.pick(["[0, [0], 2, 3]", f"[0, {self.expression('list', 1)}]", '{"0": 1}'])
        head = [f"set {ys} = []", f"set {xs} = {first}", f"set {counter} = 0", f"while {counter} < 4"]
        return [*head, *indented(turns), "endwhile", f"emit [{xs}, {ys}]"]

    def _numeric_loop(self, depth: int) -> Lines:
        """A variable whose type or size changes from turn to turn."""
        n, counter = self.variable("num"), self._counter()
        operator = self.pick(["+", "-", "*", "/", "*", "+", "%", "**", "&"])
        other = self.pick([n, "2", "0.5", counter, "1.0", '"3"', f"({n})", "(-1)", "3", self.expression("num", 1)])
        other = other if operator != "**" else "2"
        turns = [f"set {counter} = {counter} + 1", f"set {n} = {n} {operator} {other}"]
        if self.chance(0.4):
            turns += [
                f"if {counter} == 2",
                f"  set {n} = {self.expression(self.pick(['str', 'num', 'int', 'any']), 1)}",
                "endif",
            ]
        first = self.expression(self.pick(["int", "num", "int"]), 1)
        head = [f"set {n} = {first}", f"set {counter} = 0", f"while {counter} < {self.pick(['3', '5', '14'])}"]
        return [*head, *indented(turns), "endwhile", f'emit [{n}, "" + {n}, {n} == {counter}]']

    def _kept_in_last(self, depth: int) -> Lines:
        """A list that ``last`` holds too."""
        xs = self.variable("list")
        value = self.expression("any", 1)
        call = self.pick([f"tool.list.Append({xs}, 1)", f"tool.list.Reverse({xs})", "tool.list.Rest([1, [2], 3])"])
        patterns: list[Lines] = [
            [f"set {xs} = {call}", f"set {xs}[0] = {value}", f"emit [{xs}, last]"],
            [f"call {call}", f"set {xs} = last", f"set {xs}[0] = {value}", f"emit [last, {xs}]"],
            [f"set {xs} = {call}", "for each v in last", f"  set {xs}[0] = v", "endfor", f"emit [{xs}, last]"],
            [f"set {xs} = [{call}, last]", f"set {xs}[0][0] = {value}", f"emit [{xs}, last]"],
        ]
        return [f"set {xs} = {self.expression('list', 1)}", *patterns[self.random.randrange(len(patterns))]]

    # --- effects -----------------------------------------------------------------------------------------------------

    def _emit(self, depth: int) -> Lines:
        if self.chance(0.06):
            return [f"emit {self.pick(LONG_STRINGS)}"]
        return [f"emit {self.expression(self.pick(['any', 'int', 'num', 'str', 'bool', 'list', 'map', 'func']), 3)}"]

    def _call_statement(self, depth: int) -> Lines:
        if not self.unit.procedures or self.chance(0.2):
            return [f"call tool.str.ToUpper({self.expression('str', 1)})"]
        if self.chance(0.04):
            return [self.pick(["call nosuch(1)", "call tool.str.Nope(1)", "call tool.no.Such()", "call len()"])]
        return [f"call {self.call(self.unit.procedures[self.random.randrange(len(self.unit.procedures))], 2)}"]

    def _function_value(self, depth: int) -> Lines:
        plain = [one for one in self.unit.procedures if not one.bounded]
        if not plain or self.chance(0.3):
            f = self.variable("func")
            return [f"set {f} = {self._func(depth)}", f"emit [typeof {f}, {f}({self.expression('any', 1)})]"]
        signature = plain[self.random.randrange(len(plain))]
        f = self.variable("func")
        args = ", ".join(self.expression(kind, 1) for kind in signature.needs)
        way = self.pick([f"{f}({args})", f'{{"f": {f}}}["f"]({args})', f"[{f}][0]({args})"])
        return [f"set {f} = {signature.name}", f"emit {way}"]

    def _must(self, depth: int) -> Lines:
        if self.chance(0.4):
            return [f"mustbe {self.pick(['is_string', 'is_int', 'not_empty', 'is_list'])}({self.expression('any', 1)})"]
        return [f"must {self.expression(self.pick(['bool', 'any', 'int']), 2)}"]

    def _fail(self, depth: int) -> Lines:
        if self.chance(0.4):
            return self._emit(depth)
        value = self.pick(["", f" {self.expression('any', 1)}", ' "boom"', ' tool.error.New(1001, "own")'])
        return [f"fail{value}"]

    def _last(self, depth: int) -> Lines:
        return [self.pick(["emit last", f"set {self.variable('any')} = last", "emit [last, last]", "emit typeof last"])]

    def _whisper(self, depth: int) -> Lines:
        target = self.pick(["self", "self", '"side"'])
        return [f"whisper {target}, {self.expression('any', 1)}"]

    def _ask(self, depth: int) -> Lines:
        prompt = f'"question " + {self.pick(["1", "[1]", "s", "nil"])}'
        match self.number(0, 3):
            case 0:
                return [f"promptuser {prompt} into {self.variable('str')}"]
            case 1:
                return [f'ask "worker", {prompt} into {self.known("map")}.reply']
            case 2:
                return [f"ask {prompt}", "emit last"]
        return [f'ask "worker", {prompt} with {{"temperature": 0}} into {self.variable("str")}']

    def _event(self, depth: int) -> Lines:
        events = self.unit.may_fire
        if not events:
            return self._emit(depth)
        match self.number(0, 5):
            case 0:
                body = self._apart(Unit({"ev": "any"}, [], may_return=False))
                end = self.pick(["endon", "endevent"])
                return [f'on event "{self.pick(events)}" as ev do', *indented(body), end]
            case 1:
                return [
                    self.pick(
                        [f'clear event "{self.pick(events)}"', 'clear event named "h1"', 'clear event named "h2"']
                    )
                ]
        return [f'call tool.event.Emit("{self.pick(events)}", {self.expression("any", 1)})']

    def _apart(self, unit: Unit) -> Lines:
        """A body in a scope of its own."""
        before, loops = self.unit, self.loops
        self.unit, self.loops = unit, 0
        lines = ["emit [ev.name, ev.payload]"] if "ev" in unit.variables else []
        lines += self.block(1, 1, 3)
        self.unit, self.loops = before, loops
        return lines

    # --- control -----------------------------------------------------------------------------------------------------

    def _condition(self) -> str:
        return self.expression(self.pick(["bool", "bool", "bool", "int", "any"]), 2)

    def _if(self, depth: int) -> Lines:
        if depth <= 0:
            return self._set(depth)
        lines = [f"if {self._condition()}", *self.branch(depth - 1)]
        while self.chance(0.3):
            lines += [f"else if {self._condition()}", *self.branch(depth - 1, 0, 2)]
        if self.chance(0.4):
            lines += ["else", *self.branch(depth - 1, 0, 3)]
        return [*lines, "endif"]

    def _counter(self) -> str:
        self.counters += 1
        return f"w{self.counters}"

    def _while(self, depth: int) -> Lines:
        if depth <= 0:
            return self._set(depth)
        counter = self._counter()
        condition = f"{counter} < {self.number(1, 4)}"
        if self.chance(0.3):
            condition += f" and {self._condition()}"
        self.loops += 1
        body = self.branch(depth - 1)
        self.loops -= 1
        head = [f"set {counter} = 0", f"while {condition}", f"  set {counter} = {counter} + 1"]
        return [*head, *body, "endwhile"]

    def _for(self, depth: int) -> Lines:
        if depth <= 0:
            return self._set(depth)
        kind = self.pick(["list", "map", "str", "list", "list", "any"])
        collection = self.expression(kind, 1)
        name = self.variable(self.pick(["any", "any", "int"]))
        key = self.variable({"list": "int", "str": "int", "map": "str"}.get(kind, "any")) if self.chance(0.3) else name
        self.loops += 1
        body = self.branch(depth - 1)
        self.loops -= 1
        return [f"for each {name if key == name else f'{key}, {name}'} in {collection}", *body, "endfor"]

    def _deep(self, depth: int) -> Lines:
        """Blocks inside one another, far beyond what Python itself allows."""
        if depth < 2 or self.chance(0.7):
            return self._for(depth)
        openers: Lines = []
        closers: Lines = []
        for level in range(self.number(10, 35)):
            opener, closer = (
                ("if true", "endif"),
                (f"for each deep in [{level}]", "endfor"),
                ("if false\nelse", "endif"),
                (
                    f"for each deep{level} in [1, 2]" if level % 10 == 0 else "if 1",
                    "endfor" if level % 10 == 0 else "endif",
                ),
                ("while true", "break\nendwhile"),
            )[self.random.randrange(5)]
            openers += opener.split("\n")
            closers = closer.split("\n") + closers
        self.loops += 1
        body = self.branch(0)
        self.loops -= 1
        return [*openers, *body, *closers]

    def _leave_loop(self, depth: int) -> Lines:
        if not self.loops:
            return self._emit(depth)
        word = self.pick(["break", "continue"])
        return [f"if {self._condition()}", f"  {word}", "endif"] if self.chance(0.8) else [word]

    def _return(self, depth: int) -> Lines:
        if not self.unit.may_return:
            return self._emit(depth)
        line = self.return_line()
        return [f"if {self._condition()}", f"  {line}", "endif"] if self.chance(0.8) else [line]

    def return_line(self) -> str:
        """A ``return`` that most often fits what the procedure declares."""
        if self.unit.returns >= 2:
            values = [self.expression("any", 1) for _ in range(self.unit.returns)]
            if self.chance(0.1):
                values = values[:-1] if self.chance(0.5) else [*values, "1"]
            text = ", ".join(values)
            return f"return [{text}]" if self.chance(0.2) else f"return {text}"
        return f"return {self.expression('any', 2)}" if self.chance(0.9) else "return"

    def _jump(self, unit: Unit) -> Lines:
        """A statement by which a handler leaves what failed; `break` and `continue` need a loop in the body."""
        words = ["break", "continue", "continue"] if self.has_loop else []
        if not unit.command:
            words.append(f"return {', '.join(['system_error_code'] * max(unit.returns, 1))}")
        if not words:
            return []
        word = self.pick(words)
        test = f"if system_error_code {self.pick(['==', '!='])} 14"
        return [word] if self.chance(0.5) else [test, f"  {word}", "endif"]

    def handler(self) -> Lines:
        """An error handler."""
        before, loops = self.unit, self.loops
        self.loops = 0
        self.unit = Unit(
            dict(before.variables), before.procedures, may_return=False, may_fire=(), in_handler=True, wild=0.01
        )
        lines = [f'emit "caught " + {self.pick(["system_error_code", "system_error.code", "system_error.line"])}']
        if self.chance(0.4):
            lines += self.block(1, 0, 2)
        if self.chance(0.1):
            lines += ["if system_error_code == 1", "  emit system_error_message", "endif"]
        clear = self.chance(0.85)
        if self.chance(0.35):
            lines += self._jump(before)
        if clear and self.chance(0.2):
            lines += [f"if {self.expression('bool', 1)}", "  clear_error", "endif"]
        elif clear:
            lines += ["clear_error"]
        if self.chance(0.1):
            lines += self.block(1, 1, 1)
        self.unit, self.loops = before, loops
        if self.chance(0.05):
            lines = ["if true"] * 18 + lines + ["endif"] * 18
        if self.chance(0.3):
            return ["on_error means", *indented(lines), "endon"]
        return ["on error do", *indented(lines), "endon"]


__all__ = ["EVENTS", "Lines", "Signature", "StatementMaker", "indented"]
