"""Records are what `dataclasses.dataclass(slots=True)` makes, without its import."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest
from pydantic import BaseModel

from neuroscript import ArgSpec, Limits
from neuroscript.records import field, record


@record(frozen=True)
class Point:
    """Two numbers."""

    x: int
    y: int = 2


@record(frozen=True)
class Tagged(Point):
    tag: str = field(default="t", repr=False, compare=False)


@record()
class Box:
    items: list[int] = field(default_factory=list)
    total: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.total = sum(self.items)


@record(frozen=True, kw_only=True)
class Options:
    name: str
    size: int = 1


def test_arguments_and_defaults() -> None:
    assert (Point(1).x, Point(1).y, Point(1, y=5).y) == (1, 2, 5)
    assert Options(name="a").size == 1
    kinds: list[tuple[Any, tuple[Any, ...]]] = [(Point, ()), (Point, (1, 2, 3)), (Options, ("a",))]
    for kind, arguments in kinds:
        with pytest.raises(TypeError):
            kind(*arguments)


def test_a_default_is_made_for_each() -> None:
    first, second = Box(), Box([1, 2])
    first.items.append(1)
    assert (Box().items, second.total) == ([], 3)


def test_text_equality_and_hash() -> None:
    assert repr(Point(1)) == "Point(x=1, y=2)"
    assert repr(Tagged(1)) == "Tagged(x=1, y=2)"
    assert Point(1) == Point(1, 2) != Point(2)
    assert Point(1) != Tagged(1)
    assert Tagged(1, tag="a") == Tagged(1, tag="b")
    assert len({Point(1), Point(1, 2), Point(1, 3)}) == 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(Box())


def test_a_frozen_record_does_not_change() -> None:
    point: Any = Point(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        point.x = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        del point.x
    with pytest.raises(AttributeError):
        Box().other = 1  # type: ignore[attr-defined]
    assert not hasattr(point, "__dict__")


@pytest.mark.parametrize("value", [Point(1), Tagged(1, 2, "other"), Options(name="n"), Box([1])], ids=repr)
def test_copies(value: Any) -> None:
    for made in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert made == value
        assert repr(made) == repr(value)


def test_dataclasses_take_them_for_their_own() -> None:
    assert dataclasses.is_dataclass(Point)
    assert dataclasses.replace(Point(1), y=9) == Point(1, 9)
    assert dataclasses.replace(Tagged(1, tag="kept"), x=3).tag == "kept"
    assert dataclasses.asdict(Options(name="n")) == {"name": "n", "size": 1}
    assert [one.name for one in dataclasses.fields(Tagged)] == ["x", "y", "tag"]

    @dataclasses.dataclass(frozen=True)
    class Longer(Point):
        z: int = 3

    assert Longer(1) == Longer(1, 2, 3)


def test_patterns() -> None:
    match Point(1, 2):
        case Point(1, y):
            assert y == 2
        case _:
            pytest.fail("the pattern must match")


def test_pydantic_takes_them_for_dataclasses() -> None:
    class Settings(BaseModel):
        limits: Limits
        argument: ArgSpec
        handlers: list[Tagged]

    settings = Settings(limits=Limits(max_steps=5), argument=ArgSpec("a", default=1), handlers=[Tagged(1)])
    assert settings.limits.max_steps == 5
    shown = settings.model_dump()
    given = {"name": "a", "type": "any", "description": "", "required": True, "default": 1}
    assert given.items() <= shown["argument"].items()
    assert shown["handlers"] == [{"x": 1, "y": 2, "tag": "t"}]
