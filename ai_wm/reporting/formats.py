"""Numbers as people read them."""

from __future__ import annotations

_STEPS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def count(value: float) -> str:
    """Returns a count in three figures or so: ``980``, ``12.3k``, ``4.56M``."""
    for step, letter in _STEPS:
        if value >= step:
            return f"{_three(value / step)}{letter}"
    return f"{value:.0f}" if value == int(value) else f"{value:.3g}"


def whole(value: int) -> str:
    """Returns a count in full, in groups of three."""
    return f"{value:,}"


def cost(value: float) -> str:
    """Returns an amount of money: two decimals, or more where it is small."""
    if not value:
        return "0"
    if value >= 1000:
        return f"{value:,.0f}"
    if value >= 0.1:
        return f"{value:.2f}"
    return f"{value:.2g}" if value >= 1e-4 else f"{value:.1e}"


def milliseconds(value: float | None) -> str:
    """Returns a duration: ``85 ms``, ``1.2 s``, ``3.4 min``."""
    if value is None:
        return "–"
    if value < 1000:
        return f"{value:.0f} ms"
    if value < 60_000:
        return f"{_three(value / 1000)} s"
    return f"{_three(value / 60_000)} min"


def share(value: float | None) -> str:
    """Returns a share of 1 in percent; 100 % and 0 % are exactly that."""
    if value is None:
        return "–"
    if 0.995 <= value < 1:
        return f"{min(value * 100, 99.9):.1f} %"
    return f"{value:.0%}".replace("%", " %") if value in (0, 1) or value >= 0.01 else f"{value * 100:.1g} %"


def rating(value: float | None) -> str:
    """Returns a mean of ratings."""
    return "–" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def _three(value: float) -> str:
    text = f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
