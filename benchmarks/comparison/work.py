"""What the programs are given: their inputs, and the functions of the host that they call."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


HOST: dict[str, Callable[..., Any]] = {"add": add, "greet": greet, "price": price, "search": search, "model": model}
"""The functions by the names that programs call them by, but in NeuroScript."""

TOOLS: dict[str, Callable[..., Any]] = {
    "bench.Add": add,
    "bench.Greet": greet,
    "bench.Price": price,
    "agent.Add": add,
    "agent.Search": search,
    "agent.Model": model,
}
"""The same functions by their names as tools of NeuroScript."""


# --- inputs ---------------------------------------------------------------------------------------------------------


def sales(lines: int) -> str:
    """Lines ``date;region;item;count;cents``, a heading after every fiftieth."""
    regions = ("north", "south", "east", "west", "centre")

    def line(number: int) -> str:
        sale = f"{regions[number * 7 % 5]};item{number % 13};{number % 17 + 1};{number * 31 % 997}"
        return f"2024-0{number % 9 + 1}-11; {sale}" if number % 50 != 49 else "a heading"

    return "\n".join(map(line, range(lines)))


def orders(count: int) -> str:
    """Orders of customers as JSON; prices are multiples of 100, so that every discount is whole."""
    names = ("ann", "bob", "cid", "dan", "eve", "flo")
    return json.dumps(
        [
            {
                "id": number,
                "status": ("open", "sent", "cancelled")[number % 3],
                "customer": {"name": f"{names[number % 6]}{number % 18}", "address": {"city": f"city {number % 4}"}},
                "lines": [
                    {
                        "item": f"item {(number + line) % 30}",
                        "count": line + 1,
                        "price": 100 * (number % 40 + 1),
                        "discount": (0, 10, 0, 25)[line % 4],
                    }
                    for line in range(number % 5)
                ],
            }
            for number in range(count)
        ]
    )


def source(lines: int) -> str:
    """Lines of a small language, to be taken apart into tokens."""
    return "\n".join(
        f"total_{'abcdefghij'[number % 10]} = (price * {number * 37}) + offset_{'xyz'[number % 3]} - 'some text'"
        " ; if total > 100 then print ( total ) end"
        for number in range(lines)
    )


@dataclass(frozen=True, slots=True)
class Work:
    """A program, and what it is given: ``small`` before the clock starts, ``full`` while it runs."""

    name: str
    about: str
    small: Any
    full: Any
    calls: int = 0  # of the host, where the program does little else
    same: Callable[[Any], Any] = lambda result: result  # brings results to a form that can be compared

    def __str__(self) -> str:
        return self.name


def _sized(name: str, about: str, size: int, make: Callable[[int], Any] = int, small: int = 3, **fields: Any) -> Work:
    return Work(name, about, make(small), make(size), **fields)


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
    _sized("report", "sums a file of 1,500 lines by region and sets out a table", 1500, sales, 60),
    _sized("transform", "reads 500 orders as JSON and writes what each customer owes", 500, orders, 9, same=json.loads),
    _sized("tokens", "takes a program of 60 lines apart, character by character", 60, source, 2),
    _sized("machine", "takes 10,000 events through a table of states", 10_000, small=9),
    _sized("matrix", "multiplies two matrices of 30 by 30 numbers", 30),
    _sized("agent", "asks a model, calls the tools that it wants, until it answers, 150 times", 150),
)
"""Programs like those that people and models write."""

GROUPS = {"One thing at a time": MICRO, "Calls of the host": HOST_CALLS, "Scripts": SCRIPTS}


def text(program: str, suffix: str) -> str:
    """The source of a program in a language."""
    return (PROGRAMS / f"{program}{suffix}").read_text(encoding="utf-8")
