"""A file of comma-separated values: parsed, filtered and summed through callbacks."""


def to_record(line):
    parts = line.split(",")
    return {"name": parts[0].strip(), "age": int(parts[1]), "city": parts[2]}


def is_adult(row):
    return row["age"] >= 18


def csv(text):
    records = list(map(to_record, text.split("\n")))
    adults = list(filter(is_adult, records))
    by_city = {}
    for row in adults:
        if row["city"] not in by_city:
            by_city[row["city"]] = {"count": 0, "ages": 0}
        by_city[row["city"]]["count"] += 1
        by_city[row["city"]]["ages"] += row["age"]
    out = []
    for city in sorted(by_city):
        entry = by_city[city]
        out.append(city + ":" + str(entry["count"]) + ":" + str(entry["ages"]))
    return ";".join(out)
