"""The types of values: what type inference computes with.

A type is a set of kinds, as bits, with bounds on the size of the whole numbers, and with what is known of the lists and
maps among them: the type of their items, or else their *shapes*.  A shape stands for the lists of a fixed length, or
maps with certain keys, that a program's literals make, and has a type for each place or key.  Shapes are found by what
they look like, so a tree of maps that hold maps of the same keys is a type that mentions itself, and finite.

Lists and maps are values: what has been stored elsewhere does not change with its original.  So whatever the kinds and
shapes of a variable's value are, only that variable's own statements change them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import NamedTuple

from neuroscript.values import MAX_INT_BITS

NIL, BOOL, INT, FLOAT, STR, LIST, MAP, FUNCTION, OTHER = (1 << bit for bit in range(9))
NUM = INT | FLOAT
CONTAINER = LIST | MAP
ANY_KINDS = 511
_SAFE_BITS = MAX_INT_BITS - 8
_ITEM_DEPTH = 3  # how deep it is known what lists and maps hold
_MOST_ADDED = 16  # keys that statements add to the maps of one shape
_CHANGES = 6  # of a field's type, after which it is widened


class Shape:
    """The lists of one length, or the maps with the same keys, that literals make.

    Attributes:
        kind: `LIST` or `MAP`.
        fields: the type at each index or key.
        extra: the type at each key that statements add; it may not be there.
        others: the type at all other keys, where there may be some that no statement names.
        table: of the program's shapes.
        changed: the number of the latest change to one of the types, among all changes in the table.
    """

    def __init__(self, kind: int, keys: tuple[int | str, ...], table: Shapes) -> None:
        self.kind = kind
        self.fields: dict[int | str, Type] = dict.fromkeys(keys, NOTHING)
        self.extra: dict[int | str, Type] = {}
        self.others = NOTHING
        self.table = table
        self._changes: dict[int | str, int] = {}
        self.changed = 0

    def put(self, key: int | str, value: Type) -> None:
        """Adds to the values that a field may have; it may be a new one of a map."""
        fields = self.fields if key in self.fields else self.extra
        old = fields.get(key, NOTHING)
        new = old.union(value)
        if new == old:
            return
        count = self._changes[key] = self._changes.get(key, 0) + 1
        fields[key] = new if count <= _CHANGES else new.widened()
        self.table.changes += 1
        self.changed = self.table.changes

    def ends(self) -> tuple[Type, ...]:
        """The types of the items along which nesting is looked for: the first, the last, and the only one between."""
        if self.extra or self.others.kinds or not self.fields:  # what is last depends on what has been added
            return tuple(self.items())
        fields = list(self.fields.values())
        inner = [field for field in fields[1:-1] if self.kind == MAP and field.may_hold_others()]
        return (fields[0], fields[-1], *inner) if len(inner) == 1 else (fields[0], fields[-1])

    def at(self, key: int | str) -> Type:
        """The type of an item; of one that is not there, nil in a map, and none in a list, where that is an error."""
        self.table.read.add(self)
        found = self.fields.get(key)
        if found is not None:
            return found
        return self.extra.get(key, NOTHING).union(T_NIL).union(self.others) if self.kind == MAP else NOTHING

    def takes(self, key: int | str) -> bool:
        """Whether statements may store an item there without making it a list or map of another shape."""
        return key in self.fields or key in self.extra or (self.kind == MAP and len(self.extra) < _MOST_ADDED)

    def items(self) -> Iterator[Type]:
        """The types of its items."""
        yield from self.fields.values()
        yield from self.extra.values()
        if self.others.kinds:
            yield self.others


class Shapes:
    """The shapes of one program.

    Attributes:
        changes: how often the type of a field has changed.
        read: gets the shapes of which the type of a field is read, and is emptied by whoever wants to know which.
    """

    def __init__(self) -> None:
        self.changes = 0
        self.read: set[Shape] = set()
        self._shapes: dict[Hashable, Shape] = {}

    def shape(self, kind: int, keys: tuple[int | str, ...], place: str = "") -> Shape:
        """The shape of a kind with these indexes or keys.

        Args:
            kind: `LIST` or `MAP`.
            keys: the indexes or keys.
            place: where its literals stand; lists of one length from different places may hold anything, and so may
                what are empty maps at first.
        """
        key = kind, keys, place  # in this order: what is first and last tells how deep a value is nested
        found = self._shapes.get(key)
        if found is None:
            found = self._shapes[key] = Shape(kind, keys, self)
        return found


class Type(NamedTuple):
    """The type of a value: a set of kinds, with bounds.

    Attributes:
        kinds: the kinds that the value may be of, as bits.
        bits: the most bits that it has if it is a whole number; None without a bound.
        natural: whether it is 0 or more if it is a whole number.
        item: the type of its items if it is a list or map; None if that is not known, or if it has shapes.
        shapes: those of which it is one if it is a list or map; empty if that is not known.
        procedures: the names of those of the program of which it is one if it is a function.  Only what the program
            names is of the kind `FUNCTION`; a function from elsewhere may be a tool, or another interpreter's, and is
            of the kind `OTHER`.
    """

    kinds: int
    bits: int | None = None
    natural: bool = False
    item: Type | None = None
    shapes: frozenset[Shape] = frozenset()
    procedures: frozenset[str] = frozenset()

    def within(self, kinds: int) -> bool:
        """Whether every value of this type is one of ``kinds``."""
        return self.kinds != 0 and not self.kinds & ~kinds

    def restricted_to(self, kinds: int) -> Type:
        """The type of those values that are one of ``kinds``."""
        if not self.kinds & ~kinds:
            return self
        if not self.shapes and not self.procedures and self.item is None:
            return plain(self.kinds & kinds, self.bits, self.natural)
        shapes = frozenset(shape for shape in self.shapes if shape.kind & kinds) if self.shapes else self.shapes
        procedures = self.procedures if kinds & FUNCTION else frozenset()
        return Type(self.kinds & kinds, self.bits, self.natural, self.item, shapes, procedures)

    def items(self) -> Type | None:
        """The type of the items of its lists and maps; None if that is not known."""
        if not self.shapes:
            return self.item
        found = NOTHING
        for shape in self.shapes:
            shape.table.read.add(shape)
            for field in shape.items():
                found = found.union(field, shallow=True)
        return found

    def has(self, key: object) -> bool:
        """Whether it is a list or map that certainly has an item at this index or key, nil apart."""
        if not self.shapes or type(key) not in (int, str):
            return False
        if not self.within(MAP | NIL if type(key) is str else LIST | NIL):
            return False
        return all(key in shape.fields for shape in self.shapes)

    def levels(self, most: int) -> int:
        """How deeply its lists and maps are nested, along their first and last items, and itself counted.

        Args:
            most: the depth up to which it is counted; one more stands for any, and for one that is not known.
        """
        reached = {self}
        for depth in range(most + 1):
            if any(kind.kinds & OTHER for kind in reached):
                break
            holding = [kind for kind in reached if kind.kinds & CONTAINER]
            if not holding:
                return depth
            reached = {kind for each in holding for shape in each.shapes for kind in shape.ends()}
            reached |= {each.item if each.item is not None else ANY for each in holding if not each.shapes}
        return most + 1

    def may_hold_others(self) -> bool:
        """Whether its lists and maps may hold lists or maps."""
        if not self.kinds & CONTAINER:
            return False
        if not self.shapes:
            return self.item is None or bool(self.item.kinds & CONTAINER)
        return any(field.kinds & CONTAINER for shape in self.shapes for field in shape.items())

    def uniform(self) -> Type:
        """The type without its shapes, as that of lists and maps whose items are all of one type."""
        if not self.shapes:
            return self
        made = container(self.kinds, self.items())
        return made._replace(bits=self.bits, natural=self.natural, procedures=self.procedures)

    def union(self, other: Type, *, shallow: bool = False) -> Type:
        """The type of the values of either type.

        Args:
            other: the other type.
            shallow: whether lists and maps with shapes are not joined with any without, whose items might have such
                again, and so on without an end; then it is not known what they hold.
        """
        if self is other or not other.kinds:
            return self
        if self.kinds == other.kinds and self == other:
            return self
        if not self.kinds:
            return other
        kinds, was_shallow = self.kinds | other.kinds, shallow
        bits, natural, item, shapes = self.bits, self.natural, self.item, self.shapes
        if not self.kinds & INT:
            bits, natural = other.bits, other.natural
        elif other.kinds & INT:
            bits = max(bits, other.bits) if bits is not None and other.bits is not None else None
            natural = natural and other.natural
        if not self.kinds & CONTAINER:
            item, shapes = other.item, other.shapes
        elif other.kinds & CONTAINER:
            if shapes and other.shapes:
                item, shapes = None, shapes | other.shapes
            else:
                shallow = shallow or bool(shapes or other.shapes)
                one, two = (self.item, other.item) if shallow == was_shallow else (self.items(), other.items())
                item = one.union(two, shallow=shallow) if one is not None and two is not None else None
                item = container(kinds, item).item
                shapes = frozenset()
        procedures = self.procedures
        if kinds & OTHER:
            procedures = frozenset()
        elif procedures is not other.procedures:
            procedures |= other.procedures
        return Type(kinds, bits, natural, item, shapes, procedures)

    def widened(self) -> Type:
        """The type without the bounds that a loop could go on raising, so that iteration ends."""
        item = self.item.widened() if self.item is not None else None
        return Type(self.kinds, None, self.natural, item, self.shapes, self.procedures)


NOTHING = Type(0)
ANY = Type(ANY_KINDS)  # whose functions are any, as those of the kind OTHER are
T_NIL = Type(NIL)
T_BOOL = Type(BOOL)
T_STR = Type(STR)
T_FLOAT = Type(FLOAT)
T_NUM = Type(NUM)
T_TRUTH = Type(BOOL | OTHER)
T_LENGTH = Type(INT, 62, natural=True)
WORD_BITS = 64
T_WORD = Type(INT, WORD_BITS)


def plain(kinds: int, bits: int | None = None, natural: bool = False) -> Type:
    """The type of the values of some kinds, without what lists and maps hold; each is made once."""
    key = kinds, bits, natural
    found = _PLAIN.get(key)
    if found is None:
        found = _PLAIN[key] = Type(kinds, bits, natural)
    return found


_PLAIN: dict[tuple[int, int | None, bool], Type] = {}


def bounded(bits: int | None, natural: bool = False) -> Type:
    """The type of the whole numbers of at most ``bits`` bits."""
    found = _BOUNDED.get((bits, natural))
    if found is None:
        found = Type(INT, bits if bits is not None and bits <= _SAFE_BITS else None, natural)
        if found.bits == bits:
            _BOUNDED[bits, natural] = found
    return found


_BOUNDED: dict[tuple[int | None, bool], Type] = {}


def container(kinds: int, item: Type | None) -> Type:
    """The type of the lists or maps that hold items of a type."""
    inner, depth = item, 0
    while inner is not None:
        inner, depth = inner.item, depth + 1
    return Type(kinds, item=item if depth <= _ITEM_DEPTH else None)


def function(procedure: str) -> Type:
    """The type of a procedure of the program as a value."""
    return Type(FUNCTION, procedures=frozenset((procedure,)))


def shaped(shape: Shape) -> Type:
    """The type of the lists or maps of a shape."""
    return Type(shape.kind, shapes=frozenset((shape,)))


_SMALL = [bounded(number.bit_length(), True) for number in range(257)]
LITERALS = {type(None): T_NIL, bool: T_BOOL, float: T_FLOAT, str: T_STR}
"""The types of all literals of a class, but those of whole numbers, which depend on the number."""


def literal(value: object) -> Type:
    """The type of a literal."""
    if type(value) is int:
        if 0 <= value < len(_SMALL):
            return _SMALL[value]
        return bounded(value.bit_length(), value >= 0)
    return LITERALS[type(value)]


# --- items -----------------------------------------------------------------------------------------------------------


def item_of(collection: Type) -> Type:
    """The type of ``collection[key]``, if the operation does not fail."""
    if collection.kinds & OTHER:
        return ANY
    found = NOTHING
    if collection.kinds & CONTAINER:
        item = collection.items()
        if item is None:
            return ANY
        found = item.union(T_NIL) if collection.kinds & MAP else item
    return found.union(T_STR) if collection.kinds & STR else found


def item_at(collection: Type, key: object) -> Type:
    """The type of ``collection[key]`` for a literal key, if the operation does not fail."""
    if not collection.shapes or collection.kinds & OTHER or type(key) not in (int, str):
        return item_of(collection)
    found = T_STR if collection.kinds & STR and type(key) is int else NOTHING
    for shape in collection.shapes:
        if shape.kind == MAP:
            found = found.union(shape.at(str(key)))
        elif type(key) is int:
            found = found.union(shape.at(key))
    return found


def each_of(collection: Type) -> Type:
    """The type of the items that ``for each`` takes from a collection."""
    if collection.kinds & OTHER:
        return ANY
    found = NOTHING
    if collection.kinds & CONTAINER:
        item = collection.items()
        if item is None:
            return ANY
        found = item
    return found.union(T_STR) if collection.kinds & STR else found


def key_of(collection: Type) -> Type:
    """The type of the indexes or keys that ``for each`` takes from a collection."""
    found = T_LENGTH if collection.kinds & (LIST | STR) else NOTHING
    return found.union(T_STR) if collection.kinds & MAP else found


# --- operators -------------------------------------------------------------------------------------------------------


_RELATIONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_ITERATED = frozenset("+-*&|^")


def binary(operator: str, left: Type, right: Type) -> Type:
    """The type of ``left operator right``, if the operation does not fail."""
    if operator in _RELATIONS:
        return T_BOOL
    if operator in _ITERATED and not (left.kinds and right.kinds):
        return NOTHING  # a variable that has not been looked at yet
    match operator:
        case "+":
            if left.kinds == INT == right.kinds:
                return _sum(operator, left, right)
            if left.within(STR) or right.within(STR):
                return T_STR
            joined = NOTHING
            if left.kinds & right.kinds & LIST:
                joined = left.restricted_to(LIST).uniform().union(right.restricted_to(LIST).uniform())
            if left.within(LIST) and right.within(LIST):
                return joined
            if not (left.kinds | right.kinds) & STR:
                return joined.union(_sum(operator, left.restricted_to(NUM), right.restricted_to(NUM)))
            return joined.union(plain(STR | NUM))
        case "-":
            if (left.kinds | right.kinds) & STR:
                return T_NUM
            return _sum(operator, left.restricted_to(NUM), right.restricted_to(NUM))
        case "*":
            if (left.kinds | right.kinds) & STR:
                if left.within(STR):
                    repeats = right.within(INT) and right.natural
                else:
                    repeats = right.within(STR) and left.within(INT) and left.natural
                return T_STR if repeats else plain(NUM | STR)
            return _product(left.restricted_to(NUM), right.restricted_to(NUM))
        case "/":
            return _quotient(left, right)
        case "%":
            whole = right.within(INT | NIL | BOOL | CONTAINER)
            return plain(INT, right.bits if whole else None, left.natural and not left.kinds & (STR | FLOAT | OTHER))
        case "&" | "|" | "^":
            return _of_words(operator, left, right)
        case "and" | "or":
            return T_TRUTH if (left.kinds | right.kinds) & OTHER else T_BOOL
    return T_BOOL


def fits_word(kind: Type) -> bool:
    """Whether a value certainly is a whole number that is itself in 64-bit two's complement."""
    return kind.within(INT) and kind.bits is not None and kind.bits < WORD_BITS


def _of_words(operator: str, left: Type, right: Type) -> Type:
    """The type of ``left operator right`` for an operator on bits."""
    natural = [kind.bits for kind in (left, right) if fits_word(kind) and kind.natural and kind.bits is not None]
    if operator == "&":
        return bounded(min(natural), natural=True) if natural else T_WORD  # no bit is there that one of them has not
    return bounded(max(natural), natural=True) if len(natural) == 2 else T_WORD


def complement(operand: Type) -> Type:
    """The type of ``~operand``, if the operation does not fail."""
    if not operand.kinds:
        return NOTHING
    return bounded(operand.bits + 1) if fits_word(operand) and operand.bits is not None else T_WORD


def _sum(operator: str, left: Type, right: Type) -> Type:
    bits = max(left.bits, right.bits) + 1 if left.bits is not None and right.bits is not None else None
    return _of_numbers(left, right, bits, operator == "+" and left.natural and right.natural)


def _product(left: Type, right: Type) -> Type:
    bits = left.bits + right.bits if left.bits is not None and right.bits is not None else None
    return _of_numbers(left, right, bits, left.natural and right.natural)


def _of_numbers(left: Type, right: Type, bits: int | None, natural: bool) -> Type:
    """The type of a result of ``+ - *``, of which a whole number has at most ``bits`` bits."""
    if left.within(INT) and right.within(INT):
        return bounded(bits, natural)
    if left.within(FLOAT) or right.within(FLOAT):
        return T_FLOAT
    whole = bounded(bits, natural)
    return plain(NUM, whole.bits, whole.natural)


def _quotient(left: Type, right: Type) -> Type:
    if not (left.kinds and right.kinds):
        return NOTHING
    if left.kinds & (NUM | STR) == FLOAT or right.kinds & (NUM | STR) == FLOAT:
        return T_FLOAT  # of nothing else there is a quotient
    if left.kinds & STR or not left.kinds & INT:
        return T_NUM
    return plain(NUM, left.bits)  # whole only if the left operand is
