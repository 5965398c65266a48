"""Calls tools with values that are as large, long, deep or odd as a program can make them, each in its own process.

``python -m tests.attacks.sizes GROUP`` calls every standard tool of a group with what its arguments may be, and prints
a line of JSON for each call: what was called, the code that it ended in, and what it took.
"""

from __future__ import annotations

import json
import os
import select
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC
from typing import Any

from neuroscript import Interpreter, Limits, NeuroScriptError
from neuroscript.stdlib import standard_registry
from neuroscript.tools.spec import ArgType, ToolSpec
from neuroscript.values import Fuzzy, TimeDate

LONG = 10_000_000
MANY = 1_000_000
PATIENCE = 60.0
"""Seconds after which a call that may take one counts as endless."""

FUNCTION = object()
"""Stands for a function value, which only a program can make."""

SLEEPING = ("time.Sleep", "os.Sleep")


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def doubled(levels: int) -> list[Any]:
    """A small value whose text would have two to the power of ``levels`` items."""
    value: list[Any] = ["x"]
    for _ in range(levels):
        value = [value, value]
    return value


def colliding(count: int) -> list[int]:
    """Whole numbers that Python gives one hash."""
    prime = (1 << 61) - 1
    return [number * prime for number in range(1, count + 1)]


def texts() -> dict[str, Any]:
    parts = {
        "letters": "a",
        "words": "ab cd ",
        "blanks": " ",
        "lines": "x\n",
        "zeros": "\0",
        "digits": "9",
        "commas": "a,",
        "brackets": "[",
        "braces": '{"a":',
        "quotes": '"',
        "backslashes": "\\",
        "special": "\\.[]()*+?^$|{}",
        "layout": "%Y",
        "percent": "%%",
        "dollars": "$1",
        "base64": "QUFB",
        "equals": "=",
        "up": "../",
        "folders": "d/",
        "placeholders": "{{x}}",
        "emoji": "é😀",
        "growing": "ΐ",  # three characters in upper case
        "final": "Σ",  # whose lower case depends on its neighbours
        "separators": "\x1c\u2028",
    }
    return {name: part * (LONG // len(part)) for name, part in parts.items()} | {"empty": ""}


def lists() -> dict[str, Any]:
    equal = ["a" * LONG + letter for letter in ("b", "b")]
    return {
        "numbers": list(range(MANY)),
        "strings": [f"x{number}" for number in range(MANY)],
        "empties": [[]] * MANY,
        "pairs": [["k", number] for number in range(MANY // 4)],
        "deep": deep(99),
        "doubled": doubled(60),
        "long numbers": [2**4000] * MANY,
        "equal long strings": equal * (MANY // 2),
        "colliding": colliding(MANY // 10),
        "maps": [{"a": 1}] * MANY,
        "none": [],
    }


def maps() -> dict[str, Any]:
    return {
        "many": {f"k{number}": number for number in range(MANY)},
        "a long key": {"k" * LONG: 1},
        "doubled": {"a": doubled(60)},
        "deep": {"a": deep(90)},
    }


WHOLE = {"zero": 0, "minus one": -1, "a million": MANY, "two words": 2**64, "long": 2**4000, "negative": -(2**4000)}
REAL = {"the largest": 1.7e308, "the smallest": 5e-324, "a half": 0.5}
TIMES = {name: TimeDate(year, 12, 31, tzinfo=UTC) for name, year in (("first", 1), ("now", 2025), ("last", 9999))}
BYTES = {"ones": b"\xff" * LONG, "letters": b"a" * LONG}


class Values:
    """What each type of argument may be, made when it is first wanted."""

    def __init__(self) -> None:
        self._made: dict[str, dict[str, Any]] = {}

    def of(self, kind: ArgType) -> dict[str, Any]:
        name = str(kind)
        if name not in self._made:
            self._made[name] = self._make(kind)
        return self._made[name]

    def _make(self, kind: ArgType) -> dict[str, Any]:
        match kind:
            case ArgType.STRING:
                return texts()
            case ArgType.INT:
                return WHOLE
            case ArgType.FLOAT | ArgType.NUMBER:
                return WHOLE | REAL
            case ArgType.BOOL:
                return {"true": True}
            case ArgType.BYTES:
                return BYTES
            case ArgType.MAP:
                return maps()
            case ArgType.TIMEDATE:
                return TIMES
            case ArgType.FUZZY:
                return {"half": Fuzzy(0.5)}
            case ArgType.FUNCTION:
                return {"a function": FUNCTION}
            case ArgType.FUNCTION_OR_KEY:
                return {"a function": FUNCTION, "a key": "a", "many keys": ["a"] * MANY, "a long path": "a." * LONG}
            case ArgType.ANY:
                some = {name: text for name, text in self.of(ArgType.STRING).items() if name in ("letters", "zeros")}
                return {**some, **self.of(ArgType.SLICE_ANY), **self.of(ArgType.MAP), **BYTES}
        if kind.item_type is not None:
            return self.of(ArgType.SLICE_ANY) if kind is not ArgType.SLICE_ANY else lists()
        return {"nil": None}


def calls(spec: ToolSpec, values: Values) -> Iterator[dict[str, Any]]:
    """Arguments for a tool: each of its arguments in turn is everything that it may be, the others one thing each."""
    pools = [list(values.of(arg.type).items()) for arg in spec.args]
    seen = set()
    for turn in range(max(map(len, pools), default=0)):
        for shift in (0, 1):
            chosen = [pool[(turn + shift * place) % len(pool)] for place, pool in enumerate(pools)]
            names = tuple(name for name, _ in chosen)
            if names not in seen:
                seen.add(names)
                yield {f"{place}: {name}": value for place, (name, value) in enumerate(chosen)}


def attempt(tool: str, arguments: dict[str, Any], sandbox: str) -> dict[str, Any]:
    """Calls a tool in a process of its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, json.dumps(outcome(tool, list(arguments.values()), sandbox)).encode())
        except BaseException as error:
            os.write(writer, json.dumps({"code": -1, "error": repr(error)[:500]}).encode())
        finally:
            os._exit(0)
    os.close(writer)
    ready, _, _ = select.select([reader], [], [], PATIENCE)
    found: dict[str, Any] = {"code": -2, "error": "endless"}
    if ready:
        found = json.loads(os.read(reader, 65536) or '{"code": -3, "error": "the process died"}')
    else:
        os.kill(child, 9)
    os.waitpid(child, 0)
    os.close(reader)
    return {"tool": tool, "arguments": list(arguments), **found}


def outcome(tool: str, arguments: list[Any], sandbox: str) -> dict[str, Any]:
    """What a call ends in, and the memory that it takes."""
    import resource

    values = {f"g{place}": value for place, value in enumerate(arguments) if value is not FUNCTION}
    names = [f"g{place}" if value is not FUNCTION else "is_string" for place, value in enumerate(arguments)]
    with Interpreter(
        plugins=False, sandbox=sandbox, limits=Limits(max_seconds=1.0), emit=lambda value: None, prompt=lambda text: "x"
    ) as interpreter:
        interpreter.runtime.globals.update(values)  # as they are: a copy would not share its parts
        interpreter.load(f"func main means\n  set x = tool.{tool}({', '.join(names)})\nendfunc\n")
        before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        code, message = 0, ""
        try:
            interpreter.run("main")
        except NeuroScriptError as error:
            code, message = int(error.code), error.message
        seconds = time.process_time() - started
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return {
        "code": code,
        "message": len(message),
        "megabytes": round((after - before) / unit),
        "seconds": round(seconds, 2),
    }


def main() -> None:
    values = Values()
    with tempfile.TemporaryDirectory() as sandbox:
        for spec in standard_registry().specs():
            if spec.group != sys.argv[1] or spec.name in SLEEPING:
                continue
            for arguments in calls(spec, values) if spec.args else [{}]:
                print(json.dumps(attempt(spec.name, arguments, sandbox)), flush=True)


if __name__ == "__main__":
    main()
