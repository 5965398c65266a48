"""The texts that programs are given, made to measure."""

from __future__ import annotations

import json


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


def people(count: int) -> str:
    """Lines of a file of names, ages and cities."""
    return "\n".join(f" name{i} ,{(i * 37) % 90},{('Rome', 'Oslo', 'Lima')[i % 3]}" for i in range(count))


def prose(lines: int) -> str:
    """Lines of words."""
    return "\n".join(" ".join(f"Word{(i * j * 31) % 57}" for j in range(1, 9)) for i in range(lines))


def strand(letters: int) -> str:
    """Letters of DNA, as a simple generator of random numbers gives them."""
    seed, out = 42, []
    for _ in range(letters):
        seed = (seed * 3877 + 29573) % 139968
        out.append("ACGT"[seed * 4 // 139968])
    return "".join(out)


def fasta(lines: int) -> str:
    """A FASTA file: strands of twenty lines of sixty letters, each under a heading."""
    letters = strand(lines * 60)
    return "\n".join(
        (f">strand {line // 20}\n" if line % 20 == 0 else "") + letters[line * 60 : line * 60 + 60]
        for line in range(lines)
    )


def log(lines: int) -> str:
    """Lines of a server's log; each ninth is none."""
    levels, parts = ("INFO", "WARN", "ERROR", "INFO"), ("web", "store", "mail")

    def line(i: int) -> str:
        said = f"user u{i % 11}@host{i % 5}.net took {i * 37 % 991} ms"
        return f"2024-0{i % 9 + 1}-1{i % 7} {levels[i % 4]} {parts[i % 3]}: {said}" if i % 9 != 8 else f"  at line {i}"

    return "\n".join(map(line, range(lines)))


def notes(sections: int) -> str:
    """Sections of a text in Markdown."""
    return "\n".join(
        f"## Part {i}\n\nA **bold** word & some `code < {i}`\nin lines that go on.\n\n- first of {i}\n- **second**\n"
        for i in range(sections)
    )
