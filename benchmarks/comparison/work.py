"""What the programs are given: their inputs, and the functions of the host that they call."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from comparison import inputs

PROGRAMS = Path(__file__).parent / "programs"


# --- functions of the host ------------------------------------------------------------------------------------------


def add(a: int, b: int) -> int:
    """Adds two whole numbers."""
    return a + b


def greet(name: str) -> str:
    """Greets someone."""
    return "hello " + name


def price(line: Mapping[str, Any]) -> dict[str, Any]:
    """Prices a line of an order."""
    return {"item": line["item"], "cents": line["count"] * 7}


def search(text: str) -> str:
    """Finds something about a text."""
    return "found " + text


def model(messages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Stands for a model: asks for a search, a sum and a search, then answers."""
    turn = len(messages)
    if turn == 7:
        return {"tool": None, "content": "the answer is " + messages[-1]["content"]}
    if turn == 3:
        return {"tool": "add", "arguments": {"a": turn, "b": len(messages[-1]["content"])}}
    return {"tool": "search", "arguments": {"text": messages[0]["content"]}}


_notes: Counter[str] = Counter()


def note(key: str, value: int) -> None:
    """Adds to what is noted under a key."""
    _notes[key] += value


def noted() -> dict[str, Any]:
    """All that was noted since the last time."""
    found = dict(_notes)
    _notes.clear()
    return found


HOST: dict[str, Callable[..., Any]] = {"add": add, "greet": greet, "price": price, "search": search, "model": model}
"""The functions by the names that programs call them by, but in NeuroScript."""

TOOLS: dict[str, Callable[..., Any]] = {
    "bench.Add": add,
    "bench.Greet": greet,
    "bench.Price": price,
    "agent.Add": add,
    "agent.Search": search,
    "agent.Model": model,
    "bench.Note": note,
    "bench.Noted": noted,
}
"""The same functions by their names as tools of NeuroScript, whose event handlers keep what they find in the host."""


# --- programs -------------------------------------------------------------------------------------------------------


def rounded(result: Any) -> Any:
    """A result with its fractions cut to nine places: roots and powers differ in the last bit between languages."""
    if isinstance(result, float):
        return round(result, 9)
    if isinstance(result, list):
        return [rounded(item) for item in result]
    return {key: rounded(value) for key, value in result.items()} if isinstance(result, dict) else result


@dataclass(frozen=True, slots=True)
class Work:
    """A program, and what it is given: ``small`` before the clock starts, ``full`` while it runs."""

    name: str
    about: str
    small: Any
    full: Any
    calls: int = 0  # of the host, where the program does little else
    same: Callable[[Any], Any] = rounded  # brings results to a form that can be compared
    beyond: Mapping[str, str] = field(default_factory=dict)  # runtimes that cannot run it, and why

    def __str__(self) -> str:
        return self.name


def _sized(name: str, about: str, size: int, make: Callable[[int], Any] = int, small: int = 3, **fields: Any) -> Work:
    return Work(name, about, make(small), make(size), **fields)


def _beyond(reason: str, *runtimes: str) -> dict[str, str]:
    return dict.fromkeys(runtimes, reason)


_orders = partial(_sized, make=inputs.orders, small=9, same=json.loads)

MICRO = (
    _sized("loop", "adds up the numbers below 60,000", 60_000),
    _sized("fib", "fib(18), by recursion", 18),
    _sized("concat", "builds a string of 10,000 characters one by one", 10_000),
    _sized("lists", "fills a list of 15,000 numbers by index and adds them up", 15_000),
    _sized("maps", "fills a map of 8,000 entries and reads them", 8_000),
    _sized("append", "appends 10,000 numbers to a list", 10_000),
    _sized("sieve", "finds the primes up to 10,000", 10_000),
)
"""Programs that do one thing, as ``while`` loops over local variables."""

HOST_CALLS = (
    _sized("host", "calls a function of the host with two numbers, for a number", 10_000, calls=10_000),
    _sized("host_text", "… with a string, for a string", 5_000, calls=5_000),
    _sized("host_map", "… with a map, for a map", 2_000, calls=2_000),
)
"""Programs that mostly call a function of the host."""

SCRIPTS = (
    _sized("report", "sums a file of 1,500 lines by region and sets out a table", 1500, inputs.sales, 60),
    _orders("transform", "reads 500 orders as JSON and writes what each customer owes", 500),
    _sized("tokens", "takes a program of 60 lines apart, character by character", 60, inputs.source, 2),
    _sized("machine", "takes 10,000 events through a table of states", 10_000, small=9),
    _sized("matrix", "multiplies two matrices of 30 by 30 numbers", 30),
    _sized("agent", "asks a model, calls the tools that it wants, until it answers, 150 times", 150),
)
"""Programs like those that people and models write."""

KINDS = (
    _sized("arithmetic", "works out a formula by recursive descent", 200),
    _sized(
        "callbacks",
        "gives procedures to list tools and calls them from variables",
        5000,
        beyond=_beyond("no `from … import`", "asteval"),
    ),
    _sized("columns", "sets out a table of numbers with two decimals", 1000),
    _sized("csv", "parses, filters and sums lines with commas", 2000, inputs.people, 9),
    _sized("distance", "the edit distance of two texts of 120 letters", 8, small=1),
    _sized(
        "errors",
        "raises an error for each second row of its input, clears and counts it",
        4000,
        beyond=_beyond("an error ends the program, nothing can catch it", "starlark-pyo3"),
    ),
    _sized("events", "orders as events, counted by handlers", 2000),
    _sized("groups", "groups records by what a procedure says, and sorts each group", 3000),
    _orders("json_orders", "reads orders as JSON, changes some and writes them", 400),
    _sized("mandelbrot", "how long points of the plane stay near zero", 40),
    _sized("memo", "recursion with a table of results that goes in and comes back", 100),
    _sized("nbody", "four bodies that attract one another", 300),
    _sized("queens", "all ways to place seven queens", 7, small=4),
    _sized("queue", "a priority queue as a heap on a list", 1000),
    _sized("records", "changes, joins and sums records", 1500),
    _sized("runs", "run lengths of a text, and back", 2000),
    _sized("search", "the shortest way through a grid, breadth first", 25, small=4),
    _sized("spectral", "the spectral norm of a matrix of 25 by 25", 25),
    _sized("states", "a vending machine as a table of maps", 8000),
    _sized("templates", "letters by placeholders and by replacing marks", 1500),
    _sized("trees", "binary search trees by recursion", 1500),
    _sized("words", "counts words, the commonest first", 600, inputs.prose),
)
"""Programs of the kinds that scripts are made of."""

_NO_PATTERNS = _beyond("no regular expressions", "starlark-pyo3") | _beyond(
    "its patterns have no alternatives", "Lua 5.4", "LuaJIT"
)

SUITES = (
    _sized("binarytrees", "makes, walks and drops trees of maps", 9, small=3),
    _sized("dijkstra", "the cheapest ways from one town to 99 others", 100, small=5),
    _sized(
        "fannkuch",
        "flips of all orders of six pancakes",
        6,
        beyond=_beyond("a `return` in a `while` within a `while` ends neither", "asteval"),
    ),
    _sized("knucleotide", "counts short sequences in 2,000 letters of DNA", 2000, inputs.strand, 40),
    _sized("life", "five generations of the game of life on 20 by 20 places", 5, small=1),
    _sized("markdown", "turns 100 sections of Markdown to HTML", 100, inputs.notes),
    _sized("pidigits", "120 digits of pi", 120, beyond=_beyond("no whole numbers beyond 64 bits", "Lua 5.4", "LuaJIT")),
    _sized("regexes", "takes a log apart with regular expressions", 400, inputs.log, 30, beyond=_NO_PATTERNS),
    _sized("revcomp", "the reverse complement of 200 lines of DNA", 200, inputs.fasta),
    _sized("richards", "tasks of an operating system that send one another packets", 500, small=20),
    _sized("sheet", "carries changes through 400 cells of a spreadsheet", 400, small=12),
    _sized("stock", "checks and fills 1,000 orders from a stock", 1000, small=20),
    _sized("sudoku", "solves a sudoku with 36 empty places by trying", 36, small=9),
    _sized("vm", "interprets the code of a stack machine", 200),
)
"""Tasks of public benchmark suites and scripts, written before anything was measured and left as they were."""


def text(program: str, suffix: str) -> str:
    """The source of a program in a language."""
    return (PROGRAMS / f"{program}{suffix}").read_text(encoding="utf-8")
