"""Libraries whose procedures pass numbers, records, lists and trees to each other, made at random.

Most of what they pass is of one type, which is what inference across procedures finds; now and then it is not, or is
nil, or a record has another key, or what is stored has another type than what was there.  Some of the procedures are
called as values: from variables, lists and maps, by other procedures, and by tools.
"""

from __future__ import annotations

from random import Random

from .routines import LIMITS, Call, Trial
from .worlds import LITERAL, PROCEDURES, world_statements

Lines = list[str]
KINDS = ("int", "float", "text", "record", "pair", "list", "rows", "tree", "table", "world")
KEYS = ("a", "b", "next")
WILD = ("nil", "0.5", '"s"', "[]", "{}", "[1, 2]", '{"a": 1}', "true", "2 ** 90", "- 3")
HOST = (0, 1, 3, -2, 2**70, 2**81, 0.5, -0.0, 1e300, "x", None, [1, 2], {"a": 1, "b": 2, "next": None}, [], {})
WILDNESS = 0.05
APPLY = ["func apply(needs f, x optional y) means", "  if y == nil", "    return f(x)", "  endif", "  return f(x, y)"]


class PassingMaker:
    """Writes one library."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.procedures: list[tuple[str, tuple[str, ...], str]] = []  # name, kinds of parameters, kind of the result
        self.variables: dict[str, list[str]] = {}
        self.wild = random.choice((0.0, WILDNESS, WILDNESS))
        self.loops = 0

    def library(self) -> Trial:
        """A library and the calls of it."""
        for number in range(self.random.randrange(2, 6)):
            kinds = tuple(self.pick(*KINDS) for _ in range(self.random.randrange(1, 4)))
            self.procedures.append((f"p{number}", kinds, self.pick(*KINDS)))
        lines = [*APPLY, "endfunc", "", *PROCEDURES]
        lines += [line for place in range(len(self.procedures)) for line in self._procedure(place)]
        lines += self._entry()
        calls = [Call("main", (n,)) for n in (0, 4, self.random.choice(HOST))]
        for name, kinds, _ in self.procedures[:2]:
            calls.append(Call(name, tuple(self.random.choice(HOST) for _ in kinds)))
        return Trial("\n".join(lines) + "\n", tuple(calls), LIMITS)

    def pick(self, *choices: str) -> str:
        """One of the texts."""
        return self.random.choice(choices)

    def chance(self, share: float) -> bool:
        """Whether something happens that happens so often."""
        return self.random.random() < share

    # --- procedures --------------------------------------------------------------------------------------------------

    def _procedure(self, place: int) -> Lines:
        name, kinds, result = self.procedures[place]
        params = [f"x{number}" for number in range(len(kinds))]
        self.variables = {}
        for param, kind in zip(params, kinds, strict=True):
            self.variables.setdefault(kind, []).append(param)
        body: Lines = []
        if self.chance(0.1):
            body += ["on error do", "  emit system_error_code", "  clear_error", "endon"]
        elif self.chance(0.2):
            seen = ", ".join(params)
            end = f"  return {self._value(result, 0, 1)}"
            body += ["on error do", f"  emit [system_error_code, {seen}]", "  clear_error", end, "endon"]
        elif self.chance(0.15):
            told = self.pick(*params, "system_error_code")
            body += ["on error do", f"  {self.pick('emit', 'return')} {told}", "endon"]
        if "int" in kinds and self.chance(0.5):
            body += self._recursion(name, kinds, params, result)
        for _ in range(self.random.randrange(1, 5)):
            body += self._statement(place, 2)
        body.append(f"return {self._value(result, place, 2)}")
        return [f"func {name}(needs {', '.join(params)}) means", *_indented(body), "endfunc", ""]

    def _recursion(self, name: str, kinds: tuple[str, ...], params: list[str], result: str) -> Lines:
        """A call of the procedure itself, until a number has been counted down."""
        count = params[kinds.index("int")]
        args = [f"{param} - 1" if param == count else param for param in params]
        stop = [f"if {count} <= 0", f"  return {self._value(result, 0, 1)}", "endif"]
        args[args.index(f"{count} - 1")] = f"{self.pick(f'{count} - 1', f'{count} % 3 - 1')}"
        found = f"{result}_found"
        self.variables.setdefault(result, []).append(found)
        return [*stop, f"set {found} = {name}({', '.join(args)})"]

    def _entry(self) -> Lines:
        self.variables = {"int": ["n", "i"]}
        self.loops = 0
        place = len(self.procedures)
        body = ["set i = 0", "while i < 3"]
        turn: Lines = []
        for number, (name, kinds, _) in enumerate(self.procedures):
            args = ", ".join(self._value(kind, place, 1) for kind in kinds)
            turn += [f"set r{number} = {name}({args})", f"emit r{number}"]
        for _ in range(2):
            turn += self._statement(place, 2)
        return [
            "func main(needs n) means",
            *_indented([*body, *_indented([*turn, "set i = i + 1"]), "endwhile"]),
            "endfunc",
        ]

    # --- statements --------------------------------------------------------------------------------------------------

    def _statement(self, place: int, depth: int) -> Lines:
        makers = [self._set, self._set, self._store, self._store, self._append, self._swap]
        if depth:
            makers += [self._if_nil, self._if, self._loop, self._walk, self._climb, self._call_value]
            makers += [self._change_world, self._change_world]
        return self.random.choice(makers)(place, depth)

    def _set(self, place: int, depth: int) -> Lines:
        kind = self.pick(*KINDS)
        known = self.variables.get(kind, [])
        name = self.pick(*known) if known and self.chance(0.6) else f"{kind}{self.random.randrange(2)}"
        made = f"set {name} = {self._value(kind, place, 2)}"
        if name not in known and depth == 2:
            self.variables.setdefault(kind, []).append(name)
        return [made]

    def _call_value(self, place: int, depth: int) -> Lines:
        """A call of a procedure that is a value, mostly with what it is usually given."""
        if not place:
            return self._set(place, depth)
        name, kinds, result = self.random.choice(self.procedures[:place])
        args = [self._value(kind, place, 0) for kind in kinds]
        if self.chance(self.wild):
            args = args[1:]
        given = ", ".join(args)
        target = f"{result}{self.random.randrange(2)}"
        other = self.pick(*(each for each, _, _ in self.procedures[:place]))
        test = f"{self._value('int', place, 0)} > 2"
        more = "" if len(args) < 2 else f", {args[1]}"
        ways = [
            [f"set f = {name}", f"set {target} = f({given})"],
            [f"set f = {name}", f"if {test}", f"  set f = {other}", "endif", f"set {target} = f({given})"],
            [f'set {target} = {{"a": {name}, "b": {other}}}["{self.pick("a", "a", "b")}"]({given})'],
            [f"set f = [{name}, {other}]", f"set {target} = f[0]({given})"],
            [f"set {target} = apply({name}, {args[0] if args else 1}{more})"],
            [
                f"set tried = tool.error.Try({', '.join([name, *args])})",
                "if not is_error(tried)",  # whose message is not compared
                f"  set {target} = tried",
                "endif",
            ],
            [f"if {test}", f"  set {name} = {other}", "endif", f"set {target} = {name}({given})"],
        ]
        listed = self._variable("list" if kinds[0] == "int" else "rows")
        if listed is not None:
            tool = self.pick("Map", "Filter", "SortBy", "GroupBy", "Find")
            used = "" if len(args) < 2 or tool not in ("Map", "Filter", "GroupBy") else f", {', '.join(args[1:])}"
            ways += 2 * [[f"emit tool.list.{tool}({listed}, {name}{used})"]]
            if len(kinds) > 1:
                ways += [[f"set {target} = tool.list.Reduce({listed}, {name}, {given})"]]
        return [*self.random.choice(ways), f"emit {target}"] if self.chance(0.5) else self.random.choice(ways)

    def _store(self, place: int, depth: int) -> Lines:
        kind = self.pick("record", "pair", "list", "rows", "tree", "table")
        name = self._variable(kind)
        if name is None:
            return self._set(place, depth)
        value = self._value("int", place, 1)
        match kind:
            case "record":
                if self.chance(0.5):
                    return [f"set {name}.a = {name}.a {self.pick('+', '-', '*')} {value}"]
                return [f"set {name}.{'c' if self.chance(self.wild) else 'b'} = {self._value('float', place, 1)}"]
            case "pair":
                return [f"set {name}[{self.pick('0', '0', '2' if self.chance(self.wild) else '0')}] = {value}"]
            case "list":
                place_of = self.pick("0", f"len({name})", f"len({name}) + 2" if self.chance(0.3) else "1")
                return [f"set {name}[{place_of}] = {value}"]
            case "rows":
                return [
                    self.pick(
                        f"set {name}[0].a = {name}[0].a + 1", f"set {name}[0].b = {self._value('float', place, 1)}"
                    )
                ]
            case "tree":
                child = self._value("tree", place, 1)
                return [f"if {name} != nil", f"  set {name}.next = {child}", f"  set {name}.a = {name}.a + 1", "endif"]
        key = self.pick('"k"', '"k" + i', "i") if "i" in self.variables.get("int", []) else '"k"'
        return [f"set {name}[{key}] = {value}"]

    def _append(self, place: int, depth: int) -> Lines:
        kind, held = self.random.choice((("list", "int"), ("rows", "record"), ("pair", "int")))
        name = self._variable(kind)
        if name is None or (kind == "pair" and not self.chance(self.wild)):
            return self._set(place, depth)
        value = self._value(held, place, 1)
        tools = (f"tool.list.Append({name}, {value})", f"{name} + [{value}]", f"tool.list.Slice({name}, 0, 3)")
        return [f"set {name} = {self.pick(*tools, f'tool.list.Reverse({name})')}"]

    def _swap(self, place: int, depth: int) -> Lines:
        first, second = self._variable("int"), self._variable("float")
        pair = self._variable("pair")
        if first is None or second is None:
            return self._set(place, depth)
        if pair is not None and self.chance(0.5):
            return [f"set {first}, text9 = {pair}", "emit text9"]
        return [f"set {first}, {second} = [{self._value('int', place, 1)}, {self._value('float', place, 1)}]"]

    def _if_nil(self, place: int, depth: int) -> Lines:
        name = self._variable("tree")
        if name is None:
            return self._set(place, depth)
        test = self.pick(f"{name} == nil", f"{name} == nil or {name}.a > 3", f"no {name}")
        other = self.pick(f"{name} != nil", f"{name} != nil and {name}.a < 9", f"some {name} and {name}.a == 1")
        if self.chance(0.5):
            return [
                f"if {test}",
                f"  set {name} = {self._value('tree', place, 1)}",
                "else",
                f"  emit {name}.a",
                "endif",
            ]
        return [f"if {other}", *_indented(self._statement(place, 0)), f"  emit {name}.a + 1", "endif"]

    def _if(self, place: int, depth: int) -> Lines:
        test = f"{self._value('int', place, 1)} {self.pick('<', '>', '==', '!=')} {self._value('int', place, 1)}"
        made = [f"if {test}", *_indented(self._statement(place, depth - 1))]
        return (
            [*made, "else", *_indented(self._statement(place, depth - 1)), "endif"]
            if self.chance(0.5)
            else [*made, "endif"]
        )

    def _loop(self, place: int, depth: int) -> Lines:
        self.loops += 1
        name = f"k{self.loops}"
        turn = [*self._statement(place, depth - 1), *self._statement(place, 0)]
        return [f"set {name} = 0", f"while {name} < 3", *_indented([*turn, f"set {name} = {name} + 1"]), "endwhile"]

    def _climb(self, place: int, depth: int) -> Lines:
        """A walk along a tree, behind whose end its variable is nil."""
        name = self._variable("tree")
        if name is None:
            return self._set(place, depth)
        turn = [*self._statement(place, 0), f"emit {name}.a", f"set {name} = {name}.next"]
        after = self.pick(
            f"emit {name}", f"emit {name} == nil", f"emit {name}.a" if self.chance(self.wild) else "emit 1"
        )
        return [
            f"emit {name}.a" if self.chance(0.3) else "emit 0",
            f"while {name} != nil",
            *_indented(turn),
            "endwhile",
            after,
        ]

    def _change_world(self, place: int, depth: int) -> Lines:
        name = self._variable("world")
        if name is None:
            made = f"set world0 = {self._value('world', place, 1)}"
            if depth == 2:
                self.variables.setdefault("world", []).append("world0")
            return [made]
        return world_statements(self, name, place)

    def value(self, kind: str, place: int) -> str:
        """A short expression."""
        return self._value(kind, place, 1)

    def statement_without_blocks(self, place: int) -> Lines:
        """Any statement, or a few, without others inside."""
        return self._statement(place, 0)

    def _walk(self, place: int, depth: int) -> Lines:
        kind, held = self.random.choice((("list", "int"), ("rows", "record"), ("table", "int")))
        name = self._variable(kind)
        if name is None:
            return self._set(place, depth)
        self.loops += 1
        item = f"e{self.loops}"
        self.variables.setdefault(held, []).append(item)
        turn = self._statement(place, depth - 1)
        self.variables[held].remove(item)
        return [f"for each {item} in {name}", *_indented([*turn, f"emit {item}"]), "endfor"]

    # --- values ------------------------------------------------------------------------------------------------------

    def _variable(self, kind: str) -> str | None:
        known = self.variables.get(kind, [])
        return self.pick(*known) if known else None

    def _value(self, kind: str, place: int, depth: int) -> str:
        """An expression that gives a value of a kind, or, rarely, of another."""
        if self.chance(self.wild / 2):
            return self.pick(*WILD)
        known = self._variable(kind)
        if known is not None and (depth == 0 or self.chance(0.4)):
            return known
        if depth and self.chance(0.3):
            later = [one for one in self.procedures[:place] if one[2] == kind]
            if later:
                name, kinds, _ = self.random.choice(later)
                return f"{name}({', '.join(self._value(one, place, 0) for one in kinds)})"
        return self._made(kind, place, depth)

    def _made(self, kind: str, place: int, depth: int) -> str:
        less = max(depth - 1, 0)
        deep = depth > 0 and self.chance(0.5)
        match kind:
            case "int":
                owners = {"record": "{}.a", "pair": "{}[0]", "tree": "{}.a", "list": "{}[0]", "table": '{}["k"]'}
                owner = self.pick(*owners)
                name = self._variable(owner)
                if name is not None and owner == "list" and self.chance(0.3):
                    return f"{name}[len({name}) - {self.pick('1', '2')}]"
                if name is not None and owner == "record" and self.chance(0.2):
                    return f"({name}.c == nil) == ({name}.c != 4)"
                if name is not None and self.chance(0.4):
                    return owners[owner].format(name)
                if deep:
                    left, right = self._value("int", place, less), self._value("int", place, less)
                    return f"({left} {self.pick('+', '-', '*', '%')} {right})"
                return str(self.random.randrange(1, 9))
            case "float":
                name = self._variable("record")
                if name is not None and self.chance(0.4):
                    return f"{name}.b"
                if deep:
                    left, right = self._value("float", place, less), self._value("float", place, less)
                    return f"({left} {self.pick('+', '-', '*')} {right})"
                return self.pick("0.5", "1.25", "0.0", "3.5")
            case "text":
                return f'"t" + {self._value("int", place, less)}' if deep else self.pick('"a"', '"7"', '""')
            case "record":
                rows = self._variable("rows")
                if rows is not None and self.chance(0.3):
                    return f"{rows}[0]"
                return f'{{"a": {self._value("int", place, less)}, "b": {self._value("float", place, less)}}}'
            case "pair":
                return f"[{self._value('int', place, less)}, {self._value('text', place, less)}]"
            case "list":
                return self.pick("[1, 2, 3]", f"[{self._value('int', place, less)}]", "[4, 5]")
            case "rows":
                return f"[{self._made('record', place, less)}, {self._made('record', place, 0)}]"
            case "world":
                return LITERAL.format(self._value("int", place, less))
            case "table":
                return self.pick('{"k": 1}', '{"k": 2, "m": 3}')
        name = self._variable("tree")
        if name is not None and self.chance(0.3):
            return f"{name}.next" if self.chance(0.5) else name
        next_one = self._value("tree", place, less) if deep else "nil"
        return f'{{"a": {self._value("int", place, less)}, "next": {next_one}, "z": 0}}'


def make_passing_trial(random: Random) -> Trial:
    """A library at random."""
    return PassingMaker(random).library()


def _indented(lines: Lines) -> Lines:
    return [f"  {line}" for line in lines]
