"""Input of which a part is wrong: each error is cleared and counted."""


def parse_row(row):
    if row == "":
        raise ValueError("an empty row")
    parts = row.split(",")
    if len(parts) != 2:
        raise ValueError("wrong count: " + str(len(parts)))
    return parts[0]


def errors(n):
    bad = good = 0
    rows = ["a,1", "", "b", "c,3"]
    for i in range(n):
        row = rows[i % 4]
        first = None
        try:
            first = parse_row(row)
        except ValueError:
            bad += 1
        if first is not None:
            good += 1
    return [good, bad]
