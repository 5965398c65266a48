"""Threads run interpreters side by side, each its own, and share what the package keeps: caches, tools, classes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from neuroscript import Interpreter, NeuroScriptError

THREADS = 8
PROGRAMS = [
    """
    func grown(needs n) means
      set xs = []
      set counts = {{}}
      for each i in tool.list.Range(0, n)
        set xs = tool.list.Append(xs, [i, "{tag}" + i])
        set counts["k" + (i % 7)] = tool.list.Length(xs)
        set xs[i][0] = i * i
      endfor
      return [len(xs), xs[n - 1], counts]
    endfunc
    """,
    """
    func change(needs v, n) means
      set mine = v
      set mine[0] = n
      return mine
    endfunc

    func grown(needs n) means
      on error do
        clear_error
      endon
      set xs = [0, "{tag}"]
      set made = []
      for each i in tool.list.Range(0, n)
        set made = tool.list.Append(made, change(xs, i))
        fail "once more"
      endfor
      return [xs, made[n - 1], tool.str.ToUpper("{tag}")]
    endfunc
    """,
    """
    func deep(needs n) means
      if n <= 0
        return {{"tag": "{tag}", "below": nil}}
      endif
      return {{"tag": "{tag}" + n, "below": deep(n - 1)}}
    endfunc

    func grown(needs n) means
      set tree = deep(n % 50)
      set text = "" + tree
      return [len(text), tree == deep(n % 50), tool.str.Contains(text, "{tag}")]
    endfunc
    """,
]


def result(program: str, turns: int) -> Any:
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(program)
        return interpreter.run("grown", turns)


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_thread_gets_what_it_would_get_alone(program: str) -> None:
    sources = [program.format(tag=f"t{number % 3}") for number in range(THREADS)]
    alone = [result(source, 120) for source in sources]
    barrier = threading.Barrier(THREADS)

    def beside(source: str) -> list[Any]:
        barrier.wait()
        return [result(source, 120) for _ in range(3)]

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(beside, sources))
    assert found == [[each] * 3 for each in alone]


def test_values_that_the_host_shares_between_threads_stay_as_they_are() -> None:
    shared = {"rows": [[number, {"n": number}] for number in range(50)]}
    source = """
    func change(needs given, n) means
      for each i in tool.list.Range(0, 50)
        set given.rows[i][1].n = n
        set given.rows[i] = tool.list.Append(given.rows[i], n)
      endfor
      return given
    endfunc
    """
    barrier = threading.Barrier(THREADS)

    def beside(number: int) -> Any:
        with Interpreter(plugins=False) as interpreter:
            interpreter.load(source)
            barrier.wait()
            return interpreter.run("change", shared, number)

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(beside, range(THREADS)))
    for number, changed in enumerate(found):
        assert changed == {"rows": [[row, {"n": number}, number] for row in range(50)]}
    assert shared == {"rows": [[number, {"n": number}] for number in range(50)]}


def test_a_program_that_fails_in_one_thread_fails_there_alone() -> None:
    def beside(number: int) -> Any:
        try:
            return result(f"func grown(needs n) means\nreturn [1, 2][n % 4 + {number % 2} * 4]\nendfunc", 1)
        except NeuroScriptError as error:
            return error.code, error.line

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(beside, range(THREADS * 4)))
    assert found == [2, (8, 2)] * (THREADS * 2)
