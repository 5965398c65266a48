"""Statements made at random round what the compiler does best: loops that count, lists and maps that nobody shares.

Each kind comes with everything that must make the compiler think again: bounds of all types, bodies that change what
the loop counts with, items of mixed types and holes between them, and second holders of a list at every place.
"""

from __future__ import annotations

from random import Random

from .statements import NAMES, Lines, StatementMaker, indented

COUNTERS = ("i", "j", "count", "_")
SMALL = ("0", "1", "2", "3", "5")
HUGE = (2**30, 2**62, 2**63, 2**64, 2**1000)
ODD_BOUNDS = (
    "3.5",
    "2.0",
    '"4"',
    '"2.5"',
    '"x"',
    "nil",
    "true",
    "g_mid",
    "[1]",
    "1e300",
    "g_half",
    "-0.0",
    "g_nothing",
)
STEPS = ("-1", "0", "1.0", '"1"', "nil", "4611686018427387903", "9223372036854775808", "[1]", "g_num")
ITEMS = (
    "1",
    "i",
    "0.5",
    '"3"',
    '"s"',
    "nil",
    "[1]",
    "-1",
    "2147483648",
    "9223372036854775807",
    "true",
    '{"k": 1}',
    "g_big",
)
CHANGES = (
    "set {xs}[0] = {value}",
    "set {xs}[len({xs})] = {value}",
    "set {xs} = tool.list.Append({xs}, {value})",
    "set {xs}[1] = {value}",
    "set {xs}[0][0] = {value}",
    "set {xs}[i] = {value}",
    "set {xs}[0], {xs}[1] = [{value}, {xs}]",
    "set {xs}[0] = {xs}",
    "set {xs} = tool.list.Append({xs}, {xs})",
    "set {xs} = tool.list.Concat({xs}, [{value}])",
    "set {xs} = tool.list.Concat({xs}, {xs})",
    "set {xs} = tool.list.Insert({xs}, 1, {value})",
    "set {xs} = tool.list.Prepend({xs}, {xs})",
    "set {xs} = tool.list.Remove({xs}, 0)",
    "set {xs} = tool.list.Rest({xs})",
    "set {xs}[0] = tool.list.Concat({xs}[0], [{value}])",
    "set {xs}[i] = {xs}[i] + [{value}]",
    "set {xs}, other = tool.list.Pop({xs})",
)
HOLDS = (
    "set keep = {xs}",
    "set keep[0] = {xs}",
    "set keep = [{xs}, {xs}]",
    "set keep = [1, [{xs}]]",
    'set keep = {{"k": {xs}}}',
    "set m.list = {xs}",
    "set keep, other = [{xs}, 1]",
    "set other, keep = [1, {xs}]",
    "set {xs}, {xs}[0] = [keep, 9]",
    "set {xs}[0], {xs} = [9, keep]",
    "set keep, keep[0] = [{xs}, {value}]",
    "set keep = tool.list.Append([], {xs})",
    "set keep = tool.list.Append({xs}, {xs})",
    "set keep = {xs} + [{xs}]",
    "set keep = [] + {xs}",
    "set {xs} = {xs} + [{value}]\nset keep = {xs}",
    "set {xs} = {xs} + [{value}, {xs}]",
    "set keep = tool.list.Map([{xs}], is_list)\nmust is_list({xs})",
    "for each at, v in {xs}\n  {change}\n  emit [at, v]\nendfor",
    "for each {xs}, keep in [[1], [2]]\n  {change}\nendfor",
    "set keep = [{xs}][0]",
    'set keep = {{"k": {xs}}}.k',
    "set keep = same({xs})",
    "set keep = same([{xs}])[0]",
    "set keep = same(given: {xs})",
    "set keep = changed({xs})",
    "call changed({xs})",
    "call same({xs})\nset keep = last",
    "set {xs} = tool.list.Append({xs}, {value})\nset keep = last",
    "set keep = last",
    "emit {xs}",
    "whisper self, {xs}",
    'call tool.event.Emit("held", {xs})',
    "set f = same\nset keep = f({xs})",
    "set keep = tool.list.Map([{xs}], same)",
    "if {xs} == keep\n  set keep = {xs}\nendif",
    "if same({xs}) == 1\nelse if true\n  set keep = {xs}\nendif",
    "for each v in {xs}\n  {change}\n  emit v\nendfor",
    "for each v in {xs}\n  {change}\n  emit v\nendfor",
    "for each v in [{xs}, 1]\n  set keep = v\n  {change}\nendfor",
    "for each v in {xs}\n  set keep = {xs}\n  {change}\n  {change}\n  emit v\nendfor",
    "for each {xs} in [keep, [1], keep]\n  {change}\nendfor",
    "for each v in [1, 2, 3]\n  {change}\n  set {xs} = keep\nendfor",
    "set {xs} = keep",
    "set {xs} = keep",
    "if i == 0\n  set {xs} = keep\nelse\n  {change}\nendif",
    "if i == 0\n  {change}\nelse\n  set {xs}, other = [keep, 1]\nendif",
    'set keep = eval("{{{{{xs}}}}}")',
    "set keep = must {xs}",
    "set keep = {xs}[0]",
    "set keep = {xs}\nset keep = 1",
    "set {xs} = {xs}",
    "set keep = [keep, {xs}]",
)
SHARING = """func same(needs given) means
  return given
endfunc

func changed(needs given) means
  set given[0] = "changed"
  set given = tool.list.Append(given, 5)
  return given
endfunc

"""


class CountingMaker(StatementMaker):
    """Writes counting loops, and the filling, summing and sharing of lists and maps."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        own = [
            (40, self.counted),
            (16, self.filled),
            (12, self.summed),
            (24, self.shared),
            (5, self.grid),
            (6, self.grown_number),
        ]
        self._statements = [*((weight, maker) for weight, maker in self._statements), *own]
        self._total = sum(weight for weight, _ in self._statements)

    # --- loops that count --------------------------------------------------------------------------------------------

    def counted(self, depth: int) -> Lines:
        """A loop that counts, or nearly."""
        name = self.pick(COUNTERS) if self.chance(0.9) else self.pick(list(self.unit.variables) or ["i"])
        upwards = self.chance(0.75)
        before, start, bound = self._range(upwards)
        step = self.pick(["1", "1", "1", "1", "2", "3", "4611686018427387904", "by", "by"])
        if step == "by":
            before.append(f"set by = {self.pick(['1', '1', '2', '3', '2', 'len([1, 2])', '0.5', '1 + 1', *STEPS])}")
        operator = self.pick(["<", "<", "<="] if upwards else [">", ">", ">="])
        again = f"set {name} = {name} {'+' if upwards else '-'} {step}"
        lines = [*before, f"set {name} = {start}" if self.chance(0.96) else "emit 0"]
        self.unit.variables[name] = "int"
        self.loops += 1
        body = self._body_of(name, bound, step, depth)
        self.loops -= 1
        match self.number(0, 24):
            case 0:
                body = [again, *body]
            case 1:
                body = [*body, f"set {name} = {step} + {name}"]
            case 2:
                body = [*body, f"if {self.expression('bool', 1)}", f"  {again}", "else", f"  {again}", "endif"]
            case 3:
                body = [*body, again, again]
            case 4:
                body = [*body, again.replace(step, "1.0"), f"emit {name}"]
            case _:
                body = [*body, again]
        lines += [f"while {name} {operator} {bound}", *indented(body), "endwhile"]
        return [*lines, f"emit [{name}, typeof {name}]"] if self.chance(0.7) else lines

    def _range(self, upwards: bool) -> tuple[Lines, str, str]:
        """What comes before a loop, where it starts, and its bound."""
        away = self.number(-1, 5)
        start = self.number(-4, 5)
        kind = self.number(0, 15)
        if kind <= 1:
            start = HUGE[self.number(0, len(HUGE) - 1)] - self.number(0, 4)
            start = start if self.chance(0.7) else -start
        end = start + away if upwards else start - away
        if kind <= 5:
            return [], str(start), str(end)
        if kind <= 8:
            return [f"set bound = {end}"], str(start), "bound"
        if kind == 9:
            return [f"set bound = {self.pick(ODD_BOUNDS)}"], self.pick(SMALL), "bound"
        if kind == 10:
            return [], self.pick(SMALL), self.pick(ODD_BOUNDS)
        if kind == 11:
            return [f"set bound = {start}", f"set bound = bound + {away if upwards else -away}"], str(start), "bound"
        lists = [name for name, held in self.unit.variables.items() if held in ("list", "str", "map")]
        if kind <= 13 and lists and upwards:
            return [], self.pick(["0", "0", "1"]), f"len({self.pick(lists)})"
        ints = [name for name, held in self.unit.variables.items() if held == "int"]
        if kind == 14 and ints:  # it may be anything: the loop ends by itself where that is large
            return [], "0", f"({self.pick(ints)} % 5)" if self.chance(0.5) else self.pick(ints)
        first = self.pick(['"1"', "0.5", "1.0", "nil", "true", "len(nil)", "-2", "1 - 3"])
        return [], first, str(self.number(-2, 4))

    def _body_of(self, name: str, bound: str, step: str, depth: int) -> Lines:
        """The turns: what they do, and what makes the loop no counting one."""
        if step == "by" and self.chance(0.15):
            bound = "by"
        bare = bound[4:-1] if bound.startswith("len(") else bound
        bare = "" if bare in ("nil", "true") else bare
        known = set(self.unit.variables)
        lines: Lines = []
        for _ in range(self.number(0, 3)):
            lines += self._turn(name, bare, depth)
        if bare.isidentifier() and self.unit.variables.get(bare) in ("list", "map") and self.chance(0.2):
            lines += [f"if {name} < {self.number(1, 3)}", f"  set {bare}[len({bare})] = {name}", "endif"]
        if "continue" in " ".join(lines).split() and self.chance(0.7):
            lines = [f"if {name} > 50", "  break", "endif", *lines]
        self.unit.variables = {one: kind for one, kind in self.unit.variables.items() if one in known}
        return lines

    def _turn(self, name: str, bound: str, depth: int) -> Lines:
        at = str(self.number(0, 3))
        match self.number(0, 26):
            case 0 | 1 | 2:
                return [f"emit {self.pick([name, name + ' * 2', name + ' - 1', '[' + name + ']', name + ' % 3'])}"]
            case 3 | 4:
                total = self.variable("num")
                return [f"set {total} = {self.expression('int', 1)}", f"set {total} = {total} + {name}"]
            case 5 | 6:
                xs = self.known("list")
                value = self.pick([name, *ITEMS])
                return [f"set {xs}[{self.pick([name, name, '0', name + ' * 2'])}] = {value}"]
            case 7:
                return [f'set {self.known("map")}["k" + {name}] = {self.pick([name, *ITEMS])}']
            case 8:
                xs = self.known("list")
                return [self.pick([f"set {xs} = tool.list.Append({xs}, {name})", f"set {xs} = {xs} + [{name}, {at}]"])]
            case 9:
                return [f"if {name} == {at}", f"  {self.pick(['break', 'continue'])}", "endif"]
            case 10 if self.unit.may_return and not self.unit.returns:
                return [f"if {name} == {at}", f"  return {name}", "endif"]
            case 11:
                return [f"set {name} = {self.pick([name + ' + 1', name, '9', name + ' / 1', 'nil', '60'])}"]
            case 12 if bound.isidentifier():
                change = self.pick([f"{bound} - 1", "0", bound, "2", '"3"', "nil"])
                return [f"set {bound} = {change}"] if bound != name else []
            case 13 if bound.isidentifier():
                spot = self.pick(["0", f"len({bound})", f"len({bound})"])
                return [f"if {name} == {at}", f"  set {bound}[{spot}] = {name}", "endif"]
            case 14 | 15 | 16 if depth > 0:
                return self.counted(depth - 1)
            case 17 if depth > 0:
                collection = self.pick(["[1, 2]", '"ab"', f"[{name}]", '{"k": 1}', "nil"])
                inner = self._turn(name, bound, depth - 1)
                key = f"key{at}, " if self.chance(0.3) else ""
                return [f"for each {key}each{at} in {collection}", *indented(inner), "endfor"]
            case 18 if depth > 0:
                return [f"if {name} < {at}", *indented(self._turn(name, bound, depth - 1)), "endif"]
            case 19 | 20:
                return self.shared(depth - 1, name)
            case 21 if self.unit.procedures:
                procedure = self.unit.procedures[self.number(0, len(self.unit.procedures) - 1)]
                return [f"emit {self.call(procedure, 1)}"]
            case _ if depth > 0:
                return self.statement(depth - 1)
        return [f"emit {name}"]

    # --- lists and maps ----------------------------------------------------------------------------------------------

    def filled(self, depth: int) -> Lines:
        """A list or map that a loop fills: with holes, or with items of several types."""
        i, turns = self.pick(COUNTERS), self.number(1, 6)
        item = self._item(i) if self.chance(0.3) else self.pick([i, f"{i} * {i}", f"{i} * 0.5"])
        odd = self._item(i)
        if self.chance(0.65):
            xs = self.variable("list")
            key = self.pick([i, i, i, f"{i} * 2", f"len({xs})", f"{i} + 3", f"{turns} - {i}", f"{i} % 2", "at", "at"])
            grow = f"set {xs}[{key}] = {item}"
            if self.chance(0.25):
                grow = f"set {xs} = tool.list.Append({xs}, {item})"
            first = self.pick(["[]", "[]", "[0]", "[nil, 1]", "[0.5, 1]", "[[]]"])
        else:
            xs = self.variable("map")
            key = self.pick([f'"k" + {i}', i, f'"k" + {i} % 2'])
            grow = f"set {xs}[{key}] = {item}"
            first = self.pick(["{}", "{}", '{"k0": 7}', '{"k1": "s"}'])
        body = [grow]
        if self.chance(0.35):
            body += [f"if {i} == {self.number(0, 4)}", f"  set {xs}[{i}] = {odd}", "endif"]
        if self.chance(0.2):
            body += self._holding(xs, i)
        head = [f"set {xs} = {first}", f"set {i} = 0", f"while {i} < {turns}"]
        if "[at]" in grow:  # it moves by itself, and may leave the list at either end
            head.insert(0, f"set at = {self.number(0, 3)}")
            body.append(f"set at = at {self.pick(['-', '-', '+'])} {self.pick(['1', '1', '2', i])}")
        lines = [*head, *indented([*body, f"set {i} = {i} + 1"]), "endwhile"]
        return [*lines, *(self.summed(depth, xs) if self.chance(0.6) else [f"emit {xs}"])]

    def summed(self, depth: int, name: str = "") -> Lines:
        """Adds up what a list or map holds, whatever that is."""
        xs = name or self.known(self.pick(["list", "list", "map"]))
        total, i = self.variable("num"), self.pick(COUNTERS)
        operator = self.pick(["+", "+", "+", "-", "*"])
        first = self.pick(["0", "0", "1", "0.0", '""', "9223372036854775807"])
        check = self.pick(["", "", "x != nil", "is_number(x)", "is_int(x)"])
        if self.chance(0.5):
            add = [f"set {total} = {total} {operator} {self.pick(['x', 'x', 'x * x', 'x + 1'])}"]
            add = [f"if {check}", *indented(add), "endif"] if check else add
            lines = [f"set {total} = {first}", f"for each x in {xs}", *indented(add), "endfor"]
        else:
            key = self.pick([i, i, i, f'"k" + {i}'])
            add = [f"set {total} = {total} {operator} {xs}[{key}]", f"set {i} = {i} + 1"]
            bound = self.pick([f"len({xs})", f"len({xs})", "3"])
            lines = [f"set {total} = {first}", f"set {i} = 0", f"while {i} < {bound}", *indented(add), "endwhile"]
        return [*lines, f"emit {total}"]

    def grid(self, depth: int) -> Lines:
        """Rows in a list, of which one may be another's."""
        row = self.pick(["[]", "[]", "row", "rows", "[0, 0]", "rows[0]"])
        value = self.pick(["i * j", "i", '"s"', "row", "rows[0]"])
        inner = [f"set rows[i][j] = {value}", "set j = j + 1"]
        body = [f"set rows[i] = {row}", "set j = 0", "while j < 3", *indented(inner), "endwhile", "set i = i + 1"]
        head = ["set row = [0]", f"set rows = {self.pick(['[]', '[[1], [2]]', '[[]]'])}", "set i = 0"]
        self.unit.variables.update({"rows": "list", "row": "list", "i": "int", "j": "int"})
        return [*head, f"while i < {self.number(1, 3)}", *indented(body), "endwhile", "emit [rows, row]"]

    def grown_number(self, depth: int) -> Lines:
        """A number that grows from turn to turn until it crosses one of the sizes that code is made for."""
        n, i = self.variable("num"), self.pick(COUNTERS)
        start = self.pick(["1", "3", "-1", "1073741823", "4611686018427387903", "9223372036854775807", "0.5", "-5"])
        others = [n, "2", "1073741824", "4611686018427387904", "(-3)", i, "0.5", "18446744073709551616", f"({n} + 1)"]
        grow = f"set {n} = {n} {self.pick(['*', '*', '+', '-'])} {self.pick(others)}"
        turns = self.pick(["3", "12", "70", "5"])
        shown = f'emit [{n} % 1000007, {n} < 0, len("" + {n})]' if self.chance(0.5) else f"emit {n}"
        body = [grow, *([f"emit {n} % 7"] if self.chance(0.2) else []), f"set {i} = {i} + 1"]
        return [f"set {n} = {start}", f"set {i} = 0", f"while {i} < {turns}", *indented(body), "endwhile", shown]

    # --- second holders ----------------------------------------------------------------------------------------------

    def shared(self, depth: int, counter: str = "") -> Lines:
        """A list that is changed, gets a second holder somewhere, and is changed again."""
        xs = self.known("list") if self.chance(0.6) else self.pick(NAMES["list"])
        i = counter or "i"
        known = xs in self.unit.variables and self.chance(0.6 if counter else 0.3)
        lines: Lines = [] if known else [f"set {xs} = {self.pick(['[1, [2], 3]', '[]', '[[]]'])}"]
        self.unit.variables[xs] = "list"
        if self.chance(0.3):
            lines.append('set m = {"k": 1}')
        if self.chance(0.85) and not counter:
            lines.append(f"set keep = {self.pick(['[7]', '[7]', '[]', '[[1]]', 'nil'])}")
        if not counter:
            lines.append(f"set i = {self.number(0, 2)}")
        if self.chance(0.6):
            lines += self._change(xs, i)
        held = self._holding(xs, i)
        later = self._change(xs, i) if self.chance(0.85) else []
        if not counter and depth > 0 and self.chance(0.45):
            when = self.number(0, 3)
            if self.chance(0.6):
                held = [f"if w == {when}", *indented(held), "endif"]
            turn = [*(self._change(xs, "w") if self.chance(0.5) else []), *held, *later, "set w = w + 1"]
            lines += ["set w = 0", f"while w < {self.number(1, 4)}", *indented(turn), "endwhile"]
            held, later = [], []
        shown = self.pick([f"emit [{xs}]", f"emit [{xs}, typeof keep]", f"emit {xs}", f"emit [{xs}, some keep, last]"])
        return [*lines, *held, *later, shown, "if keep != nil", "  emit keep", "endif"]

    def _holding(self, xs: str, i: str) -> Lines:
        """Something that holds the list as well from there on, perhaps."""
        change = self._change(xs, i)[0]
        value = self._item(i)
        lines = self.pick(HOLDS).format(xs=xs, value=value, change=change).split("\n")
        if self.chance(0.25):
            lines = [f"if {i} < {self.number(0, 2)}", *indented(lines), "endif"]
        return lines

    def _change(self, xs: str, i: str) -> Lines:
        return [self.pick(CHANGES).format(xs=xs, value=self._item(i)).replace("[i]", f"[{i}]")]

    def _item(self, i: str) -> str:
        """What is put into a list or map, in a loop that counts with ``i``."""
        item = self.pick(ITEMS)
        return i if item == "i" else item


__all__ = ["SHARING", "CountingMaker"]
