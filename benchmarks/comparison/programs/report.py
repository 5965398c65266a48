"""A text report: sums the lines `date;region;item;count;cents` of a file by region."""


def report(text):
    units = {}
    cents = {}
    skipped = 0
    for line in text.splitlines():
        fields = line.split(";")
        if len(fields) == 5:
            region = fields[1].strip()
            count = int(fields[3])
            price = int(fields[4])
            if region not in units:
                units[region] = 0
                cents[region] = 0
            units[region] = units[region] + count
            cents[region] = cents[region] + count * price
        else:
            skipped += 1
    rows = [row("region", "units", "amount"), "-" * 36]
    all_units = 0
    all_cents = 0
    for region in sorted(units):
        rows.append(row(region, units[region], money(cents[region])))
        all_units += units[region]
        all_cents += cents[region]
    rows.append(row("total", all_units, money(all_cents)))
    rows.append("skipped lines: " + str(skipped))
    return "\n".join(rows)


def row(name, units, amount):
    return name.ljust(12) + str(units).rjust(10) + str(amount).rjust(14)


def money(cents):
    return str(cents // 100) + "." + str(cents % 100).rjust(2, "0")
