"""A vending machine over a table of dictionaries, with amounts that are divided."""


def next_state(table, state, key):
    rule = table[state].get(key)
    if rule is None:
        return state
    return rule["to"]


def states(n):
    table = {
        "idle": {"coin": {"to": "ready", "cost": 0.5}, "push": {"to": "idle", "cost": 0}},
        "ready": {"push": {"to": "vend", "cost": 1.5}, "coin": {"to": "ready", "cost": 0.25}},
        "vend": {"take": {"to": "idle", "cost": 0}},
    }
    inputs = ["coin", "push", "take", "coin", "coin", "push"]
    counts = {}
    spent = 0
    state = "idle"
    for i in range(n):
        half = i / 2
        pick = int(half * 2 + i) % 6
        key = inputs[pick]
        rule = table[state].get(key)
        if rule is not None:
            spent = spent + rule["cost"] / 4
        state = next_state(table, state, key)
        if state not in counts:
            counts[state] = 0
        counts[state] += 1
    return [counts, spent]
