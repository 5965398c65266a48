"""Scalars and arrays of numpy: as results and values of a host, and as types of parameters."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC
from typing import Any

import pytest

from neuroscript import Interpreter, NeuroScriptError, TimeDate, ToolRegistry
from neuroscript.errors import ErrorCode
from neuroscript.values import from_host

np: Any = pytest.importorskip("numpy")
npt: Any = pytest.importorskip("numpy.typing")

NOON = TimeDate(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("make", "value"),
    [
        (lambda: np.int64(3), 3),
        (lambda: np.uint8(255), 255),
        (lambda: np.float64(0.5), 0.5),
        (lambda: np.float32(0.5), 0.5),
        (lambda: np.float16(0.5), 0.5),
        (lambda: np.longdouble(0.5), 0.5),
        (lambda: np.bool_(True), True),
        (lambda: np.str_("a"), "a"),
        (lambda: np.bytes_(b"a"), b"a"),
        (lambda: np.array([1, 2]), [1, 2]),
        (lambda: np.array(5), 5),
        (lambda: np.array([]), []),
        (lambda: np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
        (lambda: np.array([0.5], dtype=np.longdouble), [0.5]),
        (lambda: np.array([True]), [True]),
        (lambda: np.array(["a", "b"]), ["a", "b"]),
        (lambda: np.array([{"a": np.int8(1)}, None], dtype=object), [{"a": 1}, None]),
        (lambda: np.array([(1, "a")], dtype=[("x", int), ("y", "U1")]), [[1, "a"]]),
        (lambda: np.datetime64("2026-01-31T12:00"), NOON),
        (lambda: np.datetime64("2026-01-31T12:00:00.000000001"), TimeDate(2026, 1, 31, 12, nanosecond=1)),
        (lambda: np.datetime64("NaT", "s"), None),
        (lambda: np.array(["2026-01-31T12", "NaT"], dtype="datetime64[h]"), [NOON, None]),
        (lambda: np.datetime64("1500-01-01"), TimeDate(1500, 1, 1)),
        (lambda: {"mean": np.float64(1.5), "rows": [np.arange(2)]}, {"mean": 1.5, "rows": [[0, 1]]}),
    ],
)
def test_a_host_may_give_what_numpy_made(make: Callable[[], Any], value: Any) -> None:
    interpreter = Interpreter(plugins=False)

    @interpreter.tool
    def give() -> Any:
        return make()

    interpreter.load("func main(needs x) means\n  return [x, tool.host.give()]\nendfunc")
    result = interpreter.run("main", make())
    assert result == [value, value]
    assert type(result[0]) is type(value)
    assert type(result[1]) is type(value)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: np.float64("nan"), ErrorCode.INVALID_VALUE),
        (lambda: np.array([1.0, np.inf]), ErrorCode.INVALID_VALUE),
        (lambda: np.complex128(1j), ErrorCode.TYPE),
        (lambda: np.clongdouble(1j), ErrorCode.TYPE),
        (lambda: np.datetime64("20000-01-01"), ErrorCode.INVALID_VALUE),
    ],
)
def test_what_is_no_value_is_refused(make: Callable[[], Any], code: ErrorCode) -> None:
    with pytest.raises(NeuroScriptError) as caught:
        from_host(make())
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("annotation", "value", "seen"),
    [
        (lambda: np.ndarray, [1, 2], lambda: np.array([1, 2])),
        (lambda: npt.NDArray[np.float64], [1, "2"], lambda: np.array([1.0, 2.0])),
        (lambda: npt.NDArray[np.int8], [[1], [2]], lambda: np.array([[1], [2]], dtype=np.int8)),
        (lambda: np.ndarray | None, [1], lambda: np.array([1])),
        (lambda: np.float64, 1, lambda: np.float64(1)),
        (lambda: np.int32, "3", lambda: np.int32(3)),
        (lambda: np.bool_, True, lambda: np.True_),
        (lambda: list[npt.NDArray[np.int64]], [[1], [2]], lambda: [np.array([1]), np.array([2])]),
        (lambda: dict[str, np.int64], {"a": 1}, lambda: {"a": np.int64(1)}),
    ],
)
def test_a_parameter_may_be_of_a_type_of_numpy(annotation: Any, value: Any, seen: Any) -> None:
    got: list[Any] = []

    def take(x: Any) -> Any:
        got.append(x)
        return x

    take.__annotations__ = {"x": annotation(), "return": annotation()}
    registry = ToolRegistry()
    registry.tool("t.T")(take)
    back = registry.call("t.T", value)
    expected = seen()
    assert type(got[0]) is type(expected)
    assert getattr(got[0], "dtype", None) == getattr(expected, "dtype", None)
    assert np.array_equal(got[0], expected) if not isinstance(expected, dict) else got[0] == expected
    assert registry.call("t.T", back) == back


@pytest.mark.parametrize(
    ("annotation", "value", "said"),
    [
        (lambda: npt.NDArray[np.float64], ["far"], "does not fit an array of float64"),
        (lambda: npt.NDArray[np.int8], [1.5], "does not fit an array of int8"),
        (lambda: npt.NDArray[np.int8], [300], "does not fit an array of int8"),
        (lambda: npt.NDArray[np.int64], [True], "does not fit an array of int64"),
        (lambda: npt.NDArray[np.int64], ["1.5"], "does not fit an array of int64"),
        (lambda: npt.NDArray[np.bool_], [1], "does not fit an array of bool"),
        (lambda: npt.NDArray[np.float32], [1e300], "does not fit an array of float32"),
        (lambda: npt.NDArray[np.float64], [[1], 2], "does not fit an array of float64"),
        (lambda: np.ndarray, [1, "s"], "does not fit an array"),
        (lambda: np.ndarray, [9007199254740993, 0.5], "does not fit an array"),
        (lambda: npt.NDArray[np.float64], 5, "must be a list, not number 5"),
        (lambda: np.int8, 1000, "out of bounds for int8"),
        (lambda: np.int8, 1.5, "must be a whole number, not number 1.5"),
        (lambda: np.int8, True, "must be a whole number, not boolean true"),
    ],
)
def test_what_does_not_fit_is_refused(annotation: Any, value: Any, said: str) -> None:
    def take(x: Any) -> None: ...

    take.__annotations__["x"] = annotation()
    registry = ToolRegistry()
    registry.tool("t.T")(take)
    with pytest.raises(NeuroScriptError, match=said) as caught:
        registry.call("t.T", value)
    assert caught.value.code == ErrorCode.ARG_MISMATCH


def test_results_of_plain_types_may_be_of_numpy() -> None:
    registry = ToolRegistry()

    @registry.tool("t.Sum")
    def total(xs: list[float]) -> float:
        return np.sum(xs)  # type: ignore[no-any-return]

    @registry.tool("t.Counts")
    def counts(xs: list[float]) -> dict[str, int]:
        return {"n": np.int64(len(xs))}

    assert registry.call("t.Sum", [1.5, 2]) == 3.5
    assert registry.call("t.Counts", [1.5, 2]) == {"n": 2}


def test_numpy_is_not_imported_for_its_own_sake() -> None:
    code = (
        "import sys\nfrom neuroscript import Interpreter\n"
        "with Interpreter(plugins=False) as i:\n"
        "    @i.tool\n    def f(x: dict[str, int]) -> dict[str, int]:\n        return x\n"
        "    assert i.tools.call('host.f', {'a': 1}) == {'a': 1}\n"
        "assert 'numpy' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
