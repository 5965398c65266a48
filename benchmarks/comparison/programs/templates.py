"""Letters from a template, by placeholders and by replacing marks."""


def fill(template, values):
    out = template
    for key, value in values.items():
        out = out.replace("<" + key + ">", str(value))
    return out


def templates(n):
    total = 0
    for i in range(n):
        name = "customer " + str(i)
        amount = i * 3
        letter = f"""Dear {name},
you owe us {amount} euros.
"""
        short = fill("Hi <name>: <amount>!", {"name": name, "amount": amount})
        total += len(letter) + len(short)
    return total
