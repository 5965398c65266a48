"""What a program costs beside the same algorithm in Python, and beside other embedded languages where installed.

    python benchmarks/language.py [--rounds N] [--markdown]

Every figure is the minimum of N rounds, all in one process and in turn, and is shown as a ratio to hand-written Python.
The others are measured with their own ways of running a function: `pip install starlark-pyo3 lupa
RestrictedPython pydantic-monty`.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from neuroscript import Interpreter

Runner = Callable[[str, int], Any]
STACK = ExitStack()

NEUROSCRIPT = """
func count(needs n) means
  set total = 0
  set i = 0
  while i < n
    set total = total + i * 2
    set i = i + 1
  endwhile
  return total
endfunc

func ackermann(needs m, n) means
  if m == 0
    return n + 1
  endif
  if n == 0
    return ackermann(m - 1, 1)
  endif
  return ackermann(m - 1, ackermann(m, n - 1))
endfunc

func calls(needs n) means
  return ackermann(2, n)
endfunc

func text(needs n) means
  set s = ""
  for each word in tool.list.Range(0, n)
    set s = s + word + ","
  endfor
  return len(s)
endfunc

func words(needs n) means
  set seen = {}
  set i = 0
  while i < n
    set key = "w" + i % 97
    if seen[key] == nil
      set seen[key] = 0
    endif
    set seen[key] = seen[key] + 1
    set i = i + 1
  endwhile
  return seen["w13"]
endfunc

func matrix(needs n) means
  set rows = []
  set y = 0
  while y < n
    set row = []
    set x = 0
    while x < n
      set row[x] = x * y % 7
      set x = x + 1
    endwhile
    set rows[y] = row
    set y = y + 1
  endwhile
  set total = 0
  for each row in rows
    for each cell in row
      set total = total + cell
    endfor
  endfor
  return total
endfunc
"""

PYTHON = """
def count(n):
    total = 0
    i = 0
    while i < n:
        total = total + i * 2
        i = i + 1
    return total

def ackermann(m, n):
    if m == 0:
        return n + 1
    if n == 0:
        return ackermann(m - 1, 1)
    return ackermann(m - 1, ackermann(m, n - 1))

def calls(n):
    return ackermann(2, n)

def text(n):
    s = ""
    for word in range(n):
        s += str(word) + ","
    return len(s)

def words(n):
    seen = {}
    i = 0
    while i < n:
        key = "w" + str(i % 97)
        if seen.get(key) is None:
            seen[key] = 0
        seen[key] = seen[key] + 1
        i = i + 1
    return seen["w13"]

def matrix(n):
    rows = []
    y = 0
    while y < n:
        row = []
        x = 0
        while x < n:
            row.append(x * y % 7)
            x = x + 1
        rows.append(row)
        y = y + 1
    total = 0
    for row in rows:
        for cell in row:
            total = total + cell
    return total
"""

# Starlark has neither `while` nor recursion; the same work is written with `for`.
STARLARK = """
def count(n):
    total = 0
    for i in range(n):
        total = total + i * 2
    return total

def text(n):
    s = ""
    for word in range(n):
        s += str(word) + ","
    return len(s)

def words(n):
    seen = {}
    for i in range(n):
        key = "w" + str(i % 97)
        if seen.get(key) == None:
            seen[key] = 0
        seen[key] = seen[key] + 1
    return seen["w13"]

def matrix(n):
    rows = []
    for y in range(n):
        row = []
        for x in range(n):
            row.append(x * y % 7)
        rows.append(row)
    total = 0
    for row in rows:
        for cell in row:
            total = total + cell
    return total
"""

LUA = """
function count(n)
  local total, i = 0, 0
  while i < n do total = total + i * 2; i = i + 1 end
  return total
end

function ackermann(m, n)
  if m == 0 then return n + 1 end
  if n == 0 then return ackermann(m - 1, 1) end
  return ackermann(m - 1, ackermann(m, n - 1))
end

function calls(n) return ackermann(2, n) end

function matrix(n)
  local rows = {}
  for y = 0, n - 1 do
    local row = {}
    for x = 0, n - 1 do row[x + 1] = x * y % 7 end
    rows[y + 1] = row
  end
  local total = 0
  for _, row in ipairs(rows) do for _, cell in ipairs(row) do total = total + cell end end
  return total
end
"""

CASES = {"count": 100_000, "calls": 24, "text": 20_000, "words": 40_000, "matrix": 150}


def neuroscript_runner() -> Runner:
    """Our own."""
    interpreter = Interpreter(plugins=False)
    interpreter.load(NEUROSCRIPT, "benchmark.ns")
    return interpreter.run


def python_runner() -> Runner:
    """Hand-written Python."""
    names: dict[str, Any] = {}
    exec(PYTHON, names)
    return lambda name, n: names[name](n)


def restricted_runner() -> Runner:
    """RestrictedPython, with its usual guards."""
    package = importlib.import_module("RestrictedPython")
    guards = importlib.import_module("RestrictedPython.Guards")
    names: dict[str, Any] = {
        "__builtins__": {**package.safe_builtins, "range": range, "str": str, "len": len},
        "_getiter_": iter,
        "_getitem_": lambda container, key: container[key],
        "_write_": guards.full_write_guard,
        "_getattr_": guards.safer_getattr,
        "_inplacevar_": lambda _operator, value, more: value + more,
    }
    exec(package.compile_restricted(PYTHON, "benchmark", "exec"), names)
    return lambda name, n: names[name](n)


def starlark_runner() -> Runner:
    """starlark-pyo3; what the language cannot express raises KeyError."""
    starlark = importlib.import_module("starlark")
    module = starlark.Module()
    starlark.eval(module, starlark.parse("benchmark", STARLARK), starlark.Globals.standard())
    frozen = module.freeze()

    def run(name: str, n: int) -> Any:
        if f"def {name}(" not in STARLARK:
            raise KeyError(name)
        return frozen.call(name, n)

    return run


def monty_runner() -> Runner:
    """pydantic-monty: a session in its worker process, the functions loaded before the clock starts."""
    monty = importlib.import_module("pydantic_monty")
    pool = monty.Monty()
    session = STACK.enter_context(STACK.enter_context(pool).checkout())
    session.feed_run(PYTHON)
    return lambda name, n: session.feed_run(f"{name}({n})")


def lua_runner() -> Runner:
    """lupa: Lua's own virtual machine."""
    lua = importlib.import_module("lupa").LuaRuntime()
    lua.execute(LUA)

    def run(name: str, n: int) -> Any:
        function = lua.globals()[name]
        if function is None:
            raise KeyError(name)
        return function(n)

    return run


MAKERS: dict[str, Callable[[], Runner]] = {
    "python": python_runner,
    "neuroscript": neuroscript_runner,
    "RestrictedPython": restricted_runner,
    "starlark-pyo3": starlark_runner,
    "pydantic-monty": monty_runner,
    "lupa": lua_runner,
}


def available() -> dict[str, Runner]:
    """The runners whose packages are installed."""
    found = {}
    for name, maker in MAKERS.items():
        try:
            found[name] = maker()
        except ModuleNotFoundError:
            continue
    return found


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """The best time of each runner for each case, in seconds."""
    runners = available()
    times: dict[str, dict[str, float]] = {case: {} for case in CASES}
    for case, n in CASES.items():
        want = runners["python"](case, n)
        for _ in range(rounds):
            for name, run in runners.items():
                gc.collect()
                start = time.perf_counter()
                try:
                    got = run(case, n)
                except KeyError:
                    continue
                took = time.perf_counter() - start
                if got != want:
                    raise SystemExit(f"{name} {case}: {got!r} is not {want!r}")
                times[case][name] = min(took, times[case].get(name, took))
    return times


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    with STACK:
        times = measure(options.rounds)
    names = [name for name in MAKERS if any(name in row for row in times.values())]
    lines = [["program", *names]]
    for case, row in times.items():
        base = row["python"]
        cells = [f"{row[name] / base:.1f}" if name in row else "–" for name in names]
        lines.append([case, f"{base * 1e3:.2f} ms", *cells[1:]])
    if options.markdown:
        lines.insert(1, ["---"] * len(lines[0]))
        print("\n".join("| " + " | ".join(line) + " |" for line in lines))
        return
    for line in lines:
        print("".join(f"{cell:>18}" for cell in line))


if __name__ == "__main__":
    main()
