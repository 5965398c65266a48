"""Orders as events: a script fires them, and handlers count and add."""

handlers = {}
notes = {}


def on(name, handler):
    handlers.setdefault(name, []).append(handler)


def emit(name, payload):
    for handler in handlers.get(name, ()):
        handler({"name": name, "payload": payload})


def note(key, value):
    notes[key] = notes.get(key, 0) + value


def order(event):
    payload = event["payload"]
    note("orders", 1)
    if payload["total"] > 50:
        emit("large", {"id": payload["id"], "total": payload["total"]})


def large(event):
    note("large", event["payload"]["total"])


on("order", order)
on("large", large)


def events(n):
    notes.clear()
    for i in range(n):
        emit("order", {"id": i, "total": i % 100, "lines": ["a", "b"]})
    return dict(notes)
