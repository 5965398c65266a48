"""A table of numbers with fixed decimals, set out in columns."""


def columns(rows):
    lines = []
    total = 0
    for i in range(rows):
        price = (i * 37) % 1000 / 7
        total += price
        lines.append(f"item {i}".ljust(12) + f"{price:.2f}".rjust(10))
    lines.append(f"total {total:.2f}")
    return "\n".join(lines)
