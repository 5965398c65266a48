"""Procedures as values: in variables, in a map, and given to list functions."""

from functools import reduce


def square(x):
    return x * x


def is_even(x):
    return x % 2 == 0


def plus(a, b):
    return a + b


def apply_all(f, xs):
    out = []
    for x in xs:
        out.append(f(x))
    return out


def callbacks(n):
    xs = list(range(n))
    squares = list(map(square, xs))
    evens = list(filter(is_even, squares))
    total = reduce(plus, evens, 0)
    again = apply_all(square, xs)
    return [total, len(again), again[n - 1]]
