"""Types as sets: what unions admit, and that unions of types that mention themselves come to an end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript.compiler.analysis.types import (
    INT,
    LIST,
    MAP,
    NIL,
    NOTHING,
    OTHER,
    T_FLOAT,
    T_NIL,
    T_STR,
    Shapes,
    Type,
    binary,
    container,
    item_at,
    item_of,
    shaped,
)
from tests.fuzz.typed import admits

SHAPES = Shapes()
NODE = SHAPES.shape(MAP, ("value", "next"))
PAIR = SHAPES.shape(LIST, (0, 1))
NODE.put("value", Type(INT, 8, natural=True))
NODE.put("next", T_NIL)
NODE.put("next", shaped(NODE))
PAIR.put(0, Type(INT))
PAIR.put(1, shaped(NODE))

TYPES = (
    NOTHING,
    T_NIL,
    T_STR,
    T_FLOAT,
    Type(INT, 3),
    Type(OTHER),
    shaped(NODE),
    shaped(PAIR),
    Type(LIST),
    container(MAP, Type(INT)),
    container(LIST, shaped(NODE)),
    container(LIST | MAP, shaped(PAIR).union(T_NIL)),
    container(LIST, NOTHING),
)
LEAF = {"value": 1, "next": None}
VALUES = (None, "s", 0.5, 5, {"value": 1, "next": LEAF}, [7, LEAF], [LEAF, LEAF], {}, {"a": 4}, [], [None, [1, LEAF]])


@given(st.lists(st.sampled_from(TYPES), min_size=1, max_size=6))
def test_a_union_admits_what_its_parts_admit(parts: list[Type]) -> None:
    joined = NOTHING
    for part in parts:
        joined = joined.union(part)
    for value in VALUES:
        if any(admits(part, value) for part in parts):
            assert admits(joined, value)
            assert admits(joined.uniform(), value)
            assert admits(joined.widened(), value)


def test_a_shape_that_is_part_of_itself_is_joined_with_other_maps() -> None:
    shapes = Shapes()
    first = shapes.shape(MAP, ("a", "b"))
    first.put("a", shaped(first))
    first.put("b", container(MAP, container(MAP, shaped(first))))
    joined = shaped(first).union(container(MAP, Type(INT)))
    assert joined.kinds == MAP
    for _ in range(50):
        first.put("b", joined)
        joined = joined.union(container(MAP, joined)).union(shaped(first).uniform())
    assert shapes.changes < 20


def test_fields_of_a_shape() -> None:
    assert item_at(shaped(NODE), "value").kinds == INT
    assert item_at(shaped(NODE), "other") == T_NIL
    assert item_at(shaped(PAIR), 1) == shaped(NODE)
    assert item_at(shaped(PAIR), 2) == NOTHING  # it fails
    assert item_of(shaped(NODE)).kinds == INT | NIL | MAP
    assert shaped(NODE).has("value")
    assert not shaped(NODE).has("other")
    assert not shaped(PAIR).has(1.0)
    assert not shaped(PAIR).has(True)
    assert not shaped(PAIR).union(shaped(NODE)).has(1)


def test_joined_lists_have_no_places_any_more() -> None:
    assert not binary("+", shaped(PAIR), shaped(PAIR)).shapes


@pytest.mark.parametrize(
    ("between", "levels"),
    [
        ([Type(LIST)], 6),
        ([T_STR, Type(MAP | NIL), T_STR], 6),
        ([container(MAP, Type(LIST)), T_STR], 6),
        ([container(LIST, T_STR)], 1),
        ([container(LIST, T_STR), container(MAP, container(LIST, T_STR))], 3),
        ([Type(LIST), Type(MAP)], 1),  # of several none is looked along
    ],
)
def test_levels_are_those_of_the_only_item_between_that_may_hold_others(between: list[Type], levels: int) -> None:
    names = ("first", *map(str, range(len(between))), "last")
    record = Shapes().shape(MAP, names)
    for name, kind in zip(names, [T_STR, *between, T_STR], strict=True):
        record.put(name, kind)
    assert shaped(record).levels(5) == levels


def test_levels_are_those_of_the_first_and_the_last_item() -> None:
    shapes = Shapes()
    inside = shapes.shape(MAP, ("first", "list", "last"))
    inside.put("first", T_STR)
    inside.put("list", container(LIST, T_STR))
    inside.put("last", T_NIL)
    assert T_STR.levels(5) == 0
    assert shaped(inside).levels(5) == 1
    assert shaped(NODE).levels(5) == 6
    assert shaped(inside).union(shaped(NODE)).levels(5) == 6
    assert container(LIST, Type(INT)).levels(5) == 1
    assert container(LIST, shaped(inside)).levels(5) == 2
    assert container(LIST, shaped(inside)).levels(1) == 2
    assert Type(LIST).levels(5) == 6
    assert Type(LIST | OTHER).levels(5) == 6
