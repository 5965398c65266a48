"""Expressions made at random, with their types loosely in mind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

KINDS = ("int", "num", "str", "bool", "list", "map", "nil", "func", "fuzzy", "any")

INTS = (
    *("0", "1", "2", "3", "7", "10", "12", "63", "64", "255", "1000", "-1", "-2", "-7"),
    *("2147483648", "4294967296", "9007199254740991", "9007199254740992", "9007199254740993"),
    *("4611686018427387904", "9223372036854775807", "9223372036854775808", "18446744073709551616"),
    *("(-9223372036854775808)", "100000000000000000000", "(2 ** 62)", "(2 ** 4095)", "(2 ** 2000)", "(2 ** 4095 - 1)"),
)
NUMBERS = (
    *("0.5", "1.5", "2.0", "0.1", "0.2", "3.0", "100.0", "1e3", "1e15", "1e16", "1e22", "1e300", "1e-300", "5e-324"),
    *("1.7976931348623157e308", "-0.0", "(-2.5)", "123456.789", "1E2", "9007199254740993.0", "0.30000000000000004"),
)
STRINGS = (
    *(
        '""',
        '"a"',
        '"abc"',
        "'it'",
        '"é😀漢"',
        '"two\\nlines"',
        '"tab\\t"',
        '"q\\"q"',
        "'q\\'q'",
        '"\\u00e9\\x41\\101"',
    ),
    *('"5"', '" 7 "', '"1.5"', '"-3"', '"+4"', '".5"', '"5."', '"1e3"', '"1e400"', '"0x10"', '"inf"', '"nan"'),
    *('"1_000"', '"true"', '"nil"', '"{{a}}"', '"k"', '"n"', '"__class__"', '"0"', '"false"', '"٣"', '"ß"', '"a--b"'),
    *('"9223372036854775808"', '"#"', '"%s {0}"', "'''raw'''"),
)
# Strings over several lines stand only where nothing else of the statement can fail, so that an error's line is clear.
LONG_STRINGS = ("'''two\nlines'''", "```a\r\n  b```", '"x \\\n y"', "```\n\n```")
KEYS = ('"k"', '"n"', '"a b"', '"0"', '"1"', '""', '"é"', "1", "0", "true", "1.5", '"x" + 1', "-1", "2.0")
DOTTED = ("k", "n", "event", "for", "tool", "len", "last", "_x1", "error")
GLOBALS = {
    "int": ("g_num", "g_big"),
    "str": ("g_str",),
    "list": ("g_list",),
    "map": ("g_map",),
    "fuzzy": ("g_low", "g_mid", "g_high"),
    "any": ("g_bytes", "g_empty", "g_early", "g_late", "g_zero", "g_handle", "g_nothing", "g_error", "g_half"),
}
_FIELDS = ("{}", "{:<6}", "{:>8}", "{:.2f}", "{:>9.1f}", "{:05}", "{:,}", "{:x}", "{:^7}", "{:+}")
FUNCTIONS = ("is_string", "not_empty", "len", "log", "tool.str.ToUpper", "tool.LIST.length", "(tool.list.Reverse)")
UNSET = ("ghost", "nobody", "unset1", "class", "lambda", "None", "print", "self", "__import__", "locals")


@dataclass(slots=True)
class Signature:
    """What a call has to know of a procedure.  A bounded one counts its first argument down and takes a small one."""

    name: str
    needs: list[str]
    optional: list[str]
    result: str
    returns: int = 0
    bounded: bool = False
    fires: bool = False
    param_names: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Unit:
    """What is known inside the procedure, command block or event handler that is being written."""

    variables: dict[str, str]
    procedures: list[Signature]
    may_return: bool = True
    may_fire: tuple[str, ...] = ()
    returns: int = 0
    in_handler: bool = False
    handled: bool = False
    command: bool = False
    wild: float = 0.015


class ExpressionMaker:
    """Writes expressions.  What they need of the surroundings is in ``unit``."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.unit = Unit({}, [])
        self._makers: dict[str, Callable[[int], str]] = {
            "int": self._int,
            "num": self._num,
            "str": self._str,
            "bool": self._bool,
            "list": self._list,
            "map": self._map,
            "nil": lambda depth: "nil",
            "func": self._func,
            "fuzzy": self._fuzzy,
            "any": self._any,
        }

    # --- choices -----------------------------------------------------------------------------------------------------

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return self.random.random() < probability

    def pick(self, options: tuple[str, ...] | list[str]) -> str:
        """One of the options."""
        return options[self.random.randrange(len(options))]

    def number(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``."""
        return self.random.randint(low, high)

    # --- entry -------------------------------------------------------------------------------------------------------

    def expression(self, kind: str = "any", depth: int = 2) -> str:
        """An expression that most likely gives a value of ``kind``, if it does not fail."""
        if self.chance(self.unit.wild):
            kind = self.pick(KINDS)
            if self.chance(0.1):
                return self.pick(UNSET)
        text = self._variable(kind) if self.chance(0.4) else ""
        return text or self._makers[kind](depth)

    def _variable(self, kind: str) -> str:
        known = [name for name, held in self.unit.variables.items() if kind in ("any", held)]
        if kind == "num":
            known += [name for name, held in self.unit.variables.items() if held == "int"]
        if known:
            return self.pick(known)
        if kind in GLOBALS and self.chance(0.15):
            return self.pick(GLOBALS[kind])
        return ""

    def atom(self, kind: str, depth: int) -> str:
        """An expression that can be an operand of anything."""
        text = self.expression(kind, depth)
        simple = text.isidentifier() or text.isdigit() or (text[0] in "([" and text[-1] in ")]" and " " not in text)
        return text if simple else f"({text})"

    def small(self) -> str:
        """A small whole number, most often one that is an index of something."""
        return self.pick(["0", "1", "2", "0", "1", "3", "1.0", "len(nil)"])

    def _binary(self, kind: str, depth: int, operators: tuple[str, ...]) -> str:
        operator = self.pick(operators)
        parts = [self.expression(kind, depth - 1), operator, self.expression(kind, depth - 1)]
        if self.chance(0.03 if "<" in operators else 0.2):
            parts += [self.pick(operators), self.expression(kind, depth - 1)]
        text = " ".join(parts)
        return text if self.chance(0.3) else f"({text})"

    # --- kinds -------------------------------------------------------------------------------------------------------

    def _int(self, depth: int) -> str:
        if depth <= 0 or self.chance(0.25):
            return self.pick(INTS) if self.chance(0.5) else str(self.number(0, 9))
        match self.number(0, 12):
            case 0 | 1 | 2 | 3:
                return self._binary("int", depth, ("+", "-", "*", "+", "-"))
            case 4:
                return f"({self.expression('int', depth - 1)} % {self.pick(['2', '3', '7', '(-3)', '10', '0', '2.0'])})"
            case 5:
                return f"-({self.expression('int', depth - 1)})"
            case 6:
                return self._binary("int", depth, ("&", "|", "^"))
            case 7:
                return f"~{self.atom('int', depth - 1)}"
            case 8:
                return f"len({self.expression(self.pick(['str', 'list', 'map', 'any']), depth - 1)})"
            case 9:
                exponent = self.pick(["2", "3", "0", "1", "(-1)", "64", "0.5", "(1 / 2)"])
                return f"{self.atom('int', depth - 1)} ** {exponent}"
            case 10:
                return f"({self.expression('int', depth - 1)} / {self.pick(['1', '2', '3', '0', '(-2)'])})"
            case 11:
                return self._element("list", depth)
        return self._call("int", depth)

    def _num(self, depth: int) -> str:
        if depth <= 0 or self.chance(0.25):
            return self.pick(NUMBERS)
        match self.number(0, 8):
            case 0 | 1 | 2:
                return self._binary("num", depth, ("+", "-", "*", "/", "+", "-"))
            case 3:
                function = self.pick(["sin", "cos", "atan", "ln", "log", "tan", "asin", "acos"])
                return f"{function}({self.expression('num', depth - 1)})"
            case 4:
                return f"({self.expression('int', depth - 1)} / {self.expression('int', depth - 1)})"
            case 5:
                return f"{self.atom('num', depth - 1)} ** {self.atom('num', depth - 1)}"
            case 6:
                return f"({self.pick(STRINGS[10:18])} {self.pick(['-', '*', '/'])} {self.expression('num', depth - 1)})"
            case 7:
                name = self.pick(["Add", "Subtract", "Multiply", "Divide", "Modulo"])
                return f"tool.math.{name}({self.expression('num', depth - 1)}, {self.expression('num', depth - 1)})"
        return self.expression("int", depth - 1)

    def _str(self, depth: int) -> str:
        if depth <= 0 or self.chance(0.3):
            return self.pick(STRINGS)
        match self.number(0, 11):
            case 0 | 1 | 2:
                return f"({self.expression('str', depth - 1)} + {self.expression('any', depth - 1)})"
            case 3:
                return f"{self.atom('str', depth - 1)}[{self.small()}]"
            case 4:
                return (
                    f"({self.expression('str', depth - 1)} * {self.pick(['0', '1', '2', '3', '2.0', '(-1)', '1.5'])})"
                )
            case 5:
                return f"typeof {self.atom('any', depth - 1)}"
            case 6:
                return f"tool.str.{self.pick(['ToUpper', 'ToLower', 'TrimSpace'])}({self.expression('str', depth - 1)})"
            case 7:
                return f'tool.str.Join({self.expression("list", depth - 1)}, ",")'
            case 8:
                return self.placeholders()
            case 9:
                return f"tool.str.Substring({self.expression('str', depth - 1)}, {self.small()}, {self.small()})"
            case 10 if self.chance(0.3):
                fields = [self.pick(_FIELDS) for _ in range(self.number(1, 3))]
                args = [self.expression(self.pick(["any", "int", "num", "str"]), depth - 1) for _ in fields]
                return f'tool.str.Format("{"|".join(fields)}", {", ".join(args)})'
            case 10:
                return f"({self.expression('any', depth - 1)} + {self.expression('str', depth - 1)})"
        return self._call("str", depth)

    def placeholders(self) -> str:
        """A raw string or an ``eval`` with names in it."""
        names = list(self.unit.variables) or ["ghost"]
        parts = []
        for _ in range(self.number(1, 3)):
            path = self.pick(["", "", "", ".k", "[0]", '["k"]', ".k[1]", "[0][1]"])
            blank = self.pick(["", " "])
            name = self.pick([*names, *names, "last", "g_map", "g_list", "ghost" if self.chance(0.03) else "last"])
            path = "" if name == "last" else path
            parts.append(f"{{{{{blank}{name}{path}{blank}}}}}")
        text = self.pick(["-", " ", "{", "{{}} ", "{{ 1 + 1 }}"]).join(parts)
        return f"```{text}```" if self.chance(0.6) else "eval('" + text + "')"

    def _bool(self, depth: int) -> str:
        if depth <= 0 or self.chance(0.2):
            return self.pick(["true", "false"])
        match self.number(0, 9):
            case 0 | 1:
                kind = self.pick(["int", "num", "str", "num"])
                return self._binary(kind, depth, ("<", ">", "<=", ">="))
            case 2 | 3:
                left, right = (self.expression(self.pick(KINDS), depth - 1) for _ in range(2))
                return f"({left} {self.pick(['==', '!='])} {right})"
            case 4 | 5:
                kind = self.pick(["bool", "any", "int"])
                return self._binary(kind, depth, ("and", "or"))
            case 6:
                return f"not {self.atom('any', depth - 1)}"
            case 7:
                name = self.pick([*self.unit.variables, "ghost"])
                return self.pick([f"no {name}", f"some {name}", f"({name} == nil)", f"typeof {name} != TYPE_NIL"])
            case 8:
                names = ["string", "number", "int", "float", "bool", "list", "map", "error", "nil"]
                check = self.pick([*(f"is_{name}" for name in names), "not_empty"])
                return f"{check}({self.expression('any', depth - 1)})"
        return self._call("bool", depth)

    def _list(self, depth: int) -> str:
        if depth <= 0 or self.chance(0.35):
            items = [self.expression("any" if depth > 0 else "int", depth - 1) for _ in range(self.number(0, 4))]
            return f"[{', '.join(items)}{',' if items and self.chance(0.1) else ''}]"
        match self.number(0, 6):
            case 0:
                return f"tool.list.Append({self.expression('list', depth - 1)}, {self.expression('any', depth - 1)})"
            case 1:
                return f"tool.list.{self.pick(['Reverse', 'Rest', 'Sort'])}({self.expression('list', depth - 1)})"
            case 2:
                return f"tool.list.Slice({self.expression('list', depth - 1)}, {self.small()}, {self.small()})"
            case 3:
                return self._element("list", depth) if self.chance(0.2) else "g_list[1]"
            case 4:
                return f'tool.str.Split({self.expression("str", depth - 1)}, "")'
            case 5:
                name = self.pick(list(self.unit.variables) or ["ghost"])
                return f"[{name}, {name}]"
            case 6 if self.chance(0.7):
                if self.chance(0.5):
                    return f"({self.expression('list', depth - 1)} + {self.expression('list', depth - 1)})"
                tool = self.pick(["Map", "Filter"])
                return f"tool.list.{tool}({self.expression('list', depth - 1)}, {self._func(depth)})"
        return self._call("list", depth)

    def _map(self, depth: int) -> str:
        if depth <= 0 or self.chance(0.6):
            entries = []
            for _ in range(self.number(0, 3)):
                entries.append(f"{self.pick(KEYS)}: {self.expression('any' if depth > 0 else 'int', depth - 1)}")
            return "{" + ", ".join(entries) + "}"
        return self._element("map", depth) if self.chance(0.2) else self._call("map", depth)

    def _func(self, depth: int) -> str:
        if self.chance(0.4):
            return self.pick(FUNCTIONS)
        names = [signature.name for signature in self.unit.procedures]
        return self.pick(names) if names else "nil"

    def _fuzzy(self, depth: int) -> str:
        if depth <= 0 or self.chance(0.5):
            return self.pick(["g_low", "g_mid", "g_high"])
        if self.chance(0.3):
            return f"not {self.atom('fuzzy', depth - 1)}"
        return self._binary("fuzzy", depth, ("and", "or"))

    def _any(self, depth: int) -> str:
        if self.chance(0.05):
            return self.pick(["last", "TYPE_STRING", "TYPE_LIST", *GLOBALS["any"]])
        if self.chance(0.03):
            return f'tool.error.New({self.pick(["1", "7", "14", "1000"])}, "made")'
        if self.chance(0.1):
            return self._element("map", depth) if depth > 0 else "nil"
        return self._makers[self.pick(["int", "num", "str", "bool", "list", "map", "nil", "int", "str"])](depth)

    def _of_value(self, call: str) -> str:
        """A call by name as one of what an expression gives, or as an attempt."""
        name, _, rest = call.partition("(")
        if ": " in rest or rest == ")" or self.chance(0.6):
            return self.pick([f"[{name}][0]({rest}", f'{{"k": {name}}}.k({rest}'])
        # The walker has other words for its messages, so that not even `last` may be the error.
        return f"tool.list.Map([tool.error.Try({name}, {rest}], is_error)[0]"

    # --- elements and calls ------------------------------------------------------------------------------------------

    def _element(self, kind: str, depth: int) -> str:
        holder = self.atom(kind, depth - 1)
        holder = f"({holder})" if holder.isdigit() else holder
        if kind == "map":
            return f"{holder}.{self.pick(DOTTED)}" if self.chance(0.5) else f"{holder}[{self.pick(KEYS)}]"
        return f"{holder}[{self.small()}]" + (f"[{self.small()}]" if self.chance(0.05) else "")

    def _call(self, kind: str, depth: int) -> str:
        fitting = [one for one in self.unit.procedures if one.result == kind] or self.unit.procedures
        if not fitting:
            return self._makers[kind](0)
        call = self.call(fitting[self.random.randrange(len(fitting))], depth - 1)
        return self._of_value(call) if self.chance(0.1) else call

    def call(self, signature: Signature, depth: int) -> str:
        """A call of a procedure, most often with the arguments that it wants."""
        kinds = [*signature.needs, *signature.optional[: self.number(0, len(signature.optional))]]
        args = [self.expression(kind, min(depth, 1)) for kind in kinds]
        if signature.bounded:
            args[0] = str(self.number(0, 4))
        if self.chance(0.03):
            # A wrong count: the arguments are plain, since the reference does not say what is looked at first.
            args = ["1"] * self.number(0, 4) if not signature.bounded else []
        elif self.chance(0.15) and len(args) == len(kinds):
            start = self.number(0, len(args))
            named = [f"{name}: {arg}" for name, arg in zip(signature.param_names[start:], args[start:], strict=False)]
            self.random.shuffle(named)
            args = args[:start] + named
        return f"{signature.name}({', '.join(args)}{',' if args and self.chance(0.05) else ''})"
