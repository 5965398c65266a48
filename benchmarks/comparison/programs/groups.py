"""Grouping and counting with functions as keys."""


def band(row):
    if row["score"] >= 80:
        return "high"
    if row["score"] >= 40:
        return "middle"
    return "low"


def score_of(row):
    return 0 - row["score"]


def groups(n):
    rows = []
    for i in range(n):
        rows.append({"name": "r" + str(i), "score": (i * 61) % 101})
    grouped = {}
    for row in rows:
        grouped.setdefault(band(row), []).append(row)
    out = []
    for name, members in grouped.items():
        best = sorted(members, key=score_of)[0]
        out.append(name + " " + str(len(members)) + " " + best["name"])
    return ", ".join(sorted(out))
