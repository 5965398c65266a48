"""A state machine: the life of an order, driven by a table and by events of which some do not fit."""


def machine(n):
    table = {
        "new": {"pay": "paid", "cancel": "closed"},
        "paid": {"pack": "packed", "refund": "closed"},
        "packed": {"send": "sent", "refund": "closed"},
        "sent": {"arrive": "closed", "lose": "paid"},
        "closed": {"reopen": "new"},
    }
    events = ["pay", "pack", "send", "arrive", "lose", "refund", "cancel", "reopen"]
    visits = {}
    refused = 0
    state = "new"
    seed = 42
    for _ in range(n):
        seed = (seed * 75 + 74) % 65537
        following = table[state].get(events[seed % 8])
        if following is None:
            refused += 1
        else:
            state = following
            visits[state] = visits.get(state, 0) + 1
    shown = "refused " + str(refused)
    for name in sorted(visits):
        shown += ", " + name + " " + str(visits[name])
    return shown
