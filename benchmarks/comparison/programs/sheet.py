"""A spreadsheet: cells that depend on others; a change is carried to all that depend on it, in order."""


def value_of(cells, cell):
    left = cells[cell["left"]]["value"]
    right = cells[cell["right"]]["value"]
    if cell["op"] == "add":
        return (left + right) % 10007
    if cell["op"] == "multiply":
        return left * right % 10007
    return max(left, right)


def build(n):
    cells = []
    ops = ["add", "multiply", "max"]
    for i in range(n):
        if i < 4:
            cell = {"op": "input", "value": i + 1, "used_by": []}
        else:
            cell = {"op": ops[i % 3], "left": i - 1 - i % 3, "right": (i * 5 + 3) % i, "value": 0, "used_by": []}
            cell["value"] = value_of(cells, cell)
            cells[cell["left"]]["used_by"].append(i)
            if cell["right"] != cell["left"]:
                cells[cell["right"]]["used_by"].append(i)
        cells.append(cell)
    return cells


def change(cells, index, value):
    cells[index]["value"] = value
    stale = set()
    work = list(cells[index]["used_by"])
    while work:
        at = work.pop()
        if at not in stale:
            stale.add(at)
            work.extend(cells[at]["used_by"])
    for at in sorted(stale):
        cells[at]["value"] = value_of(cells, cells[at])


def sheet(n):
    cells = build(n)
    total = 0
    for number in range(8):
        change(cells, number % 4, number * 31 + 2)
        total = (total * 7 + cells[n - 1]["value"]) % 1000003
    return total
