"""Whole programs made at random."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from neuroscript.limits import Limits
from neuroscript.values import ErrorValue, Fuzzy, Handle, TimeDate

from .expressions import KINDS, Signature, Unit
from .statements import EVENTS, NAMES, Lines, StatementMaker, indented

NAME = "case.ns"
PARAMS = ("a", "b", "n", "xs", "m", "s")
HANDLE = Handle("thing")

LIMITS = Limits(
    max_steps=20_000,
    max_seconds=10.0,
    max_depth=60,
    max_string=20_000,
    max_items=2_000,
    max_emitted=400_000,
    max_nesting=60,
)


def host_globals() -> dict[str, Any]:
    """What the host gives every program."""
    return {
        "g_num": 42,
        "g_half": 0.5,
        "g_big": 2**4000,
        "g_str": "host",
        "g_list": [1, [2, 3], {"k": [4]}],
        "g_map": {"k": [5, {"n": 6}], "n": 7},
        "g_low": Fuzzy(0.25),
        "g_mid": Fuzzy(0.5),
        "g_high": Fuzzy(0.75),
        "g_bytes": b"ab\x00",
        "g_empty": b"",
        "g_early": TimeDate.fromisoformat("2020-02-29T12:00:00+00:00"),
        "g_late": TimeDate.fromisoformat("2024-06-01T00:30:00.250000+02:00"),
        "g_zero": TimeDate.fromisoformat("0001-01-01T00:00:00+00:00"),
        "g_handle": HANDLE,
        "g_nothing": None,
        "g_error": ErrorValue(1003, "from the host"),
    }


@dataclass(frozen=True, slots=True)
class Case:
    """A program and how it is run: by its entry with arguments after some events, or its command blocks.

    ``before`` and ``after`` are files that are loaded before and after it, ``scripts`` texts that it may load itself:
    the host global ``g_scripts``.  In a ``folder``, the source is in a file ``case.ns``, which may use others there.
    """

    source: str
    entry: str | None
    args: tuple[Any, ...] = ()
    events: tuple[tuple[str, Any], ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    folder: Path | None = None

    @property
    def globals(self) -> dict[str, Any]:
        """What the host gives it."""
        return {**host_globals(), "g_scripts": list(self.scripts)}

    @property
    def files(self) -> list[tuple[str, str]]:
        """The sources with their names, in the order in which they are loaded."""
        numbered = [(f"file{number}.ns", text) for number, text in enumerate((*self.before, *self.after))]
        return [*numbered[: len(self.before)], (NAME, self.source), *numbered[len(self.before) :]]


class ProgramMaker(StatementMaker):
    """Writes programs: a library with ``main``, or a command script."""

    def case(self) -> Case:
        """A program with the host's part in it."""
        if self.chance(0.12):
            return Case(self._text(self._commands()), None)
        lines: Lines = []
        if self.chance(0.2):
            lines += [":: title: made at random", ""]
        signatures: list[Signature] = []
        for index in range(self.number(0, 4)):
            text, signature = self._procedure(index, signatures)
            lines += text
            signatures.append(signature)
        quiet = [signature for signature in signatures if not signature.fires]
        for index, event in enumerate(EVENTS):
            for _ in range(self.number(0, 2) if self.chance(0.4) else 0):
                lines += self._event_handler(event, EVENTS[index + 1 :], quiet)
        lines += self._main(signatures)
        events = (("e0", 1), ("e2", [1, {"k": "v"}])) if self.chance(0.2) else ()
        return Case(self._text(lines), "main", (3, [1, [2], "x"]), events)

    def _text(self, lines: Lines) -> str:
        newline = "\r\n" if self.chance(0.03) else "\n"
        return newline.join([*lines, ""])

    def _commands(self) -> Lines:
        lines: Lines = []
        for _ in range(self.number(1, 3)):
            self.unit = Unit({}, [], may_return=False, may_fire=("e0",), wild=0.01, command=True)
            body = self._body(4, 12)
            lines += ["command", *indented(body), "endcommand", ""]
        return lines

    def _body(self, low: int, high: int, handled: float = 0.6) -> Lines:
        """The statements of a unit, with error handlers in some places of it."""
        lines = self.block(2, low, high)
        self.has_loop = self._has_loop(lines)
        if self.chance(handled):
            where = 0 if self.chance(0.6) else self._between(lines)
            lines[where:where] = self.handler()
            if self.chance(0.25):
                where = self._between(lines)
                lines[where:where] = self.handler()
        return lines

    def _has_loop(self, lines: Lines) -> bool:
        """Whether there is a loop that stands in no handler."""
        inside = 0
        for line in lines:
            word = line.strip()
            if not inside and word.startswith(("while ", "for each ")):
                return True
            inside += word.startswith(("on error", "on_error", "on event"))
            inside -= word in ("endon", "endevent")
        return False

    def _between(self, lines: Lines) -> int:
        """A place between two statements that is in no other block but loops and branches."""
        inside, places = 0, [0]
        for index, line in enumerate(lines):
            word = line.strip()
            if word.startswith(("on error", "on_error", "on event")):
                inside += 1
            elif word in ("endon", "endevent"):
                inside -= 1
            indent = len(line) - len(line.lstrip())
            if not inside and (indent == 0 or self.chance(0.3)) and not word.startswith(("else", "if", "for", "while")):
                places.append(index + 1)
        return places[self.random.randrange(len(places))]

    def _procedure(self, index: int, before: list[Signature]) -> tuple[Lines, Signature]:
        if self.chance(0.25):
            return self._recursive(index, before)
        names = list(PARAMS)
        self.random.shuffle(names)
        needs = [self.pick(["int", "list", "map", "str", "any"]) for _ in range(self.number(0, 2))]
        optional = [self.pick(["int", "any"]) for _ in range(self.number(0, 2) if self.chance(0.3) else 0)]
        returns = self.number(2, 3) if self.chance(0.2) else self.number(0, 1)
        fires = self.chance(0.15)
        result = "list" if returns > 1 else self.pick(KINDS[:6])
        params = names[: len(needs) + len(optional)]
        signature = Signature(
            f"p{index}", needs, optional, result, returns=returns if returns > 1 else 0, fires=fires, param_names=params
        )
        self.unit = Unit(
            dict(zip(params, [*needs, *("any" for _ in optional)], strict=True)),
            list(before),
            may_fire=("e2",) if fires else (),
            returns=returns,
        )
        fires_inside = any(one.fires for one in before)
        signature.fires = fires or fires_inside
        lines = self._body(1, 5, 0.35)
        if self.chance(0.85):
            known = self._variable(result)
            lines.append(self.return_line() if returns > 1 or not known or self.chance(0.5) else f"return {known}")
        return [*self._header(signature), *indented(lines), "endfunc", ""], signature

    def _header(self, signature: Signature) -> Lines:
        count = len(signature.needs)
        needs, optional = signature.param_names[:count], signature.param_names[count:]
        clauses = []
        if needs:
            clauses.append(f"needs {', '.join(needs)}")
        if optional:
            clauses.append(f"optional {', '.join(optional)}")
        if signature.returns or self.chance(0.3):
            clauses.append("returns " + ", ".join(f"r{number}" for number in range(signature.returns or 1)))
        self.random.shuffle(clauses)
        text = " ".join(clauses)
        lines = [f"func {signature.name} {text} means" if self.chance(0.2) else f"func {signature.name}({text}) means"]
        if self.chance(0.1):
            lines.append("  :: purpose: made at random")
        return lines

    def _recursive(self, index: int, before: list[Signature]) -> tuple[Lines, Signature]:
        """A procedure that calls itself with its first argument counted down."""
        kind = self.pick(["int", "list", "str", "map"])
        name = f"p{index}"
        self.unit = Unit({"n": "int", "x": kind}, [one for one in before if not one.bounded][:2], returns=0)
        lines = ["if n <= 0", f"  return {self.pick(['x', 'x', self.expression(kind, 1)])}", "endif"]
        body = self.block(1, 0, 3)
        # The countdown is the parameter's own: whatever the body does to n, the calls end.
        lines = ["set depth = n", *lines, *body]
        again = f"{name}(depth - 1, {self.expression(kind, 1)})"
        lines.append(
            self.pick(
                [f"return {again}", f"set x = {again}", f"emit {again}", f"return [x, {again}]", f"return {again} + x"]
            )
        )
        if self.chance(0.3):
            self.has_loop = self._has_loop(lines)
            lines[1:1] = self.handler()
        if self.chance(0.5):
            lines.append("return x")
        signature = Signature(name, ["int", kind], [], kind, bounded=True, param_names=["n", "x"])
        signature.fires = any(one.fires for one in self.unit.procedures)
        return [f"func {name}(needs n, x returns r) means", *indented(lines), "endfunc", ""], signature

    def _event_handler(self, event: str, later: tuple[str, ...], quiet: list[Signature]) -> Lines:
        self.handlers += 1
        named = self.pick(["", "", f' named "h{self.handlers}"'])
        self.unit = Unit({"ev": "any"}, quiet, may_return=False, may_fire=later)
        body = ["emit [ev.name, ev.payload]", *self._body(1, 4, 0.3)]
        do = " do" if self.chance(0.6) else ""
        return [f'on event "{event}"{named} as ev{do}', *indented(body), "endon" if do else "endevent", ""]

    def _main(self, signatures: list[Signature]) -> Lines:
        self.unit = Unit({"a": "int", "xs": "list"}, signatures, may_fire=EVENTS, wild=0.012)
        lines = ['set m = {"k": [1, {"n": 2}], "n": "t"}', 'set s = "text"'] if self.chance(0.7) else []
        if lines:
            self.unit.variables.update({"m": "map", "s": "str"})
        lines += self._body(5, 16, 0.9)
        shown = [name for name in self.unit.variables if name != "ev"]
        lines += [f"emit [typeof {name}, {name}]" for name in shown[:8]]
        lines.append(f"return [{', '.join(shown[:6])}]")
        return ["func main(needs a, xs) means", *indented(lines), "endfunc", ""]


def make_case(random: Random) -> Case:
    """A program made from a source of chance."""
    return ProgramMaker(random).case()


__all__ = ["LIMITS", "NAME", "NAMES", "Case", "host_globals", "make_case"]
