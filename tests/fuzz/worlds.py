"""Statements on a *world*: a map of lists and maps of records, changed deep inside, as simulations do it.

Records are read out of it, changed, by procedures too, and put back; loops change the records that they walk; what is
read stays in variables that are read again, or not; keys are fields of the world itself.
"""

from __future__ import annotations

from random import Random
from typing import Protocol

Lines = list[str]

PROCEDURES = [
    "func bump(needs r, x) means",
    "  set r.a = r.a + x",
    "  return r",
    "endfunc",
    "",
    "func bump_and_tell(needs r, x) means",
    "  set r.a = r.a + 1",
    "  return r, r.a + x",
    "endfunc",
    "",
    "func visit(needs w, x) means",
    "  set r = w.rows[w.at]",
    "  set r.b = r.b + x",
    "  set w.at = w.at + 1",
    "  if w.at >= len(w.rows)",
    "    set w.at = 0",
    "  endif",
    "  set w.rows[w.at] = r",
    "  return w",
    "endfunc",
    "",
    "func shift(needs w returns rest, first) means",
    "  set first = w.rows[0]",
    "  set w.rows = tool.list.Append(tool.list.Rest(w.rows), {\"a\": w.at, \"b\": 0.5})",
    "  return w, first",
    "endfunc",
    "",
]  # fmt: skip

LITERAL = (
    '{{"rows": [{{"a": {0}, "b": 0.5}}, {{"a": 2, "b": 1.5}}], '
    '"by": {{"k": {{"a": 3, "b": 0.0}}, "m": {{"a": {0}, "b": 2.5}}}}, "at": 0, "key": "k", "last": nil}}'
)


class Maker(Protocol):
    """What makes the program."""

    random: Random
    wild: float
    loops: int

    def pick(self, *choices: str) -> str: ...
    def chance(self, share: float) -> bool: ...
    def value(self, kind: str, place: int) -> str: ...
    def statement_without_blocks(self, place: int) -> Lines: ...


def world_statements(maker: Maker, world: str, place: int) -> Lines:
    """A few statements on the world in a variable, what they have made of it shown at the end, or not."""
    ways = (_put_back, _put_back, _walk, _walk, _in_its_place, _by_procedure)
    made = maker.random.choice(ways)(maker, world, place)
    return [*made, f"emit {world}"] if maker.chance(0.6) else made


def _item(maker: Maker, world: str) -> str:
    keys = (".rows[0]", ".rows[1]", f".rows[{world}.at]", f".by[{world}.key]", ".by.k", '.by["m"]')
    if maker.chance(maker.wild):
        keys = (".rows[2]", ".by.none", ".last", f".by[{world}.at]")
    return world + maker.pick(*keys)


def _changes(maker: Maker, name: str, world: str, place: int) -> Lines:
    """Statements that change a record in a variable."""
    found: Lines = []
    for _ in range(maker.random.randrange(1, 3)):
        number = maker.pick(maker.value("int", place), f"{world}.at", f"len({world}.rows)", f"{world}.by.k.a")
        found += maker.random.choice(
            (
                [f"set {name}.a = {name}.a + {number}"],
                [f"set {name} = bump({name}, {number})"],
                [f"set {name}, told = bump_and_tell({name}, {number})"],
                [f"if {number} > 2", f"  set {name}.b = {number}", "endif"],
                [f"if {number} > 2", f"  set {name} = bump({name}, 1)", "else", f"  set {name}.a = 0", "endif"],
                [f"set {name}.list = [{number}]"],
            )
        )
        found += _between(maker, name, world, place)
    return found


def _between(maker: Maker, name: str, world: str, place: int) -> Lines:
    """What may come between the changes: it reads the world, sets another part of it, or the keys, or neither."""
    if maker.chance(0.6):
        return []
    return maker.random.choice(
        (
            [f"emit {world}.at"],
            [f"emit {world}.rows[0].a"],
            [f"emit {name}.a"],
            [f"set {world}.at = 1 - {world}.at"],
            [f"set {world}.last = {name}"],
            [f"set kept = {name}"],
            [f"set kept = {world}.by.k", "emit kept.a"],
            [f"set {world}.key = \"m\""],
            [f"set {world}.by.k.b = {world}.by.k.b + 1"],
            maker.statement_without_blocks(place),
        )
    )  # fmt: skip


def _put_back(maker: Maker, world: str, place: int) -> Lines:
    """A record is read, changed and put back, or, now and then, put elsewhere, or dropped."""
    item, name = _item(maker, world), f"r{maker.random.randrange(2)}"
    found = [f"set {name} = {item}"]
    changes = _changes(maker, name, world, place)
    if maker.chance(0.2):
        changes = ["if " + maker.value("int", place) + " > 3", *(f"  {line}" for line in changes), "endif"]
    target = item if maker.chance(0.8) else _item(maker, world)
    found += [*changes, f"set {target} = {name}"] if maker.chance(0.9) else changes
    return [*found, f"emit {name}.a"] if maker.chance(0.3) else found


def _walk(maker: Maker, world: str, place: int) -> Lines:
    """A loop over the records with their indexes or keys, which changes them."""
    maker.loops += 1
    key, name = f"j{maker.loops}", f"e{maker.loops}"
    owner = f"{world}{maker.pick('.rows', '.by')}"
    turn = _changes(maker, name, world, place)
    store = f"set {owner}[{key}] = {name}"
    if maker.chance(0.2):
        store = f"set {owner}[{key}].b = {name}.a"
    if maker.chance(0.1):
        store = f"set {owner}[{maker.pick('0', 'told', key)}] = {name}"
    turn.append(store)
    leaving = maker.pick("break", "continue", f"emit {key}", "emit 0")
    more = [f"if {name}.a > 4", f"  {leaving}", "endif"]
    turn = [*more, *turn] if maker.chance(0.5) else [*turn, *more]
    if maker.chance(0.2):
        turn += _in_its_place(maker, world, place)
    return [f"for each {key}, {name} in {owner}", *(f"  {line}" for line in turn), "endfor"]


def _in_its_place(maker: Maker, world: str, place: int) -> Lines:
    """A record is changed where it is, while a variable holds it, or after that."""
    item, name = _item(maker, world), f"r{maker.random.randrange(2)}"
    number = maker.value("int", place)
    return maker.random.choice(
        (
            [f"set {item}.a = {number}"],
            [f"set {name} = {item}", f"set {item}.a = {name}.a + {number}"],
            [f"set {name} = {item}", f"set {item}.a = {name}.a + {number}", f"emit {name}.a"],
            [f"set {item} = bump({item}, {number})"],
            [f"set {item}, told = bump_and_tell({item}, {number})"],
            [f"set {item}.b = {item}.b + {number}"],
        )
    )


def _by_procedure(maker: Maker, world: str, place: int) -> Lines:
    """A procedure changes the world, while a variable holds a part of it, or after that."""
    number, name = maker.value("int", place), f"r{maker.random.randrange(2)}"
    return maker.random.choice(
        (
            [f"set {world} = visit({world}, {number})"],
            [f"set {name} = {_item(maker, world)}", f"set {world} = visit({world}, {name}.a)"],
            [f"set {name} = {_item(maker, world)}", f"set {world} = visit({world}, 1)", f"emit {name}.a"],
            [f"set {world}, {name} = shift({world})", f"set {name}.a = {number}", f"set {world}.last = {name}"],
            [f"set {world}, {name} = shift({world})", f"emit {name}"],
        )
    )
