"""Richards: the tasks of a small operating system send one another packets.

Tasks stand in the order of their priority; the next lower one has its turn when one is held.
"""


def hold(s):
    s["holds"] += 1
    s["tasks"][s["current"]]["held"] = True
    s["current"] -= 1


def suspend(s):
    s["tasks"][s["current"]]["waiting"] = True


def release(s, target):
    s["tasks"][target]["held"] = False
    if target > s["current"]:
        s["current"] = target


def send(s, packet):
    s["sent"] += 1
    target = packet["to"]
    packet["to"] = s["current"]
    receiver = s["tasks"][target]
    receiver["queue"].append(packet)
    if len(receiver["queue"]) == 1:
        receiver["ready"] = True
        if target > s["current"]:
            s["current"] = target


def run_idle(s):
    s["count"] -= 1
    if s["count"] == 0:
        return hold(s)
    s["seed"] = (s["seed"] * 75 + 74) % 65537
    if s["seed"] % 2 == 0:
        return release(s, 4)
    return release(s, 5)


def run_worker(s, packet):
    if packet is None:
        return suspend(s)
    s["handler"] = 5 - s["handler"]
    packet["to"] = s["handler"]
    packet["at"] = 0
    for i in range(4):
        s["letter"] = s["letter"] % 26 + 1
        packet["data"][i] = s["letter"]
    return send(s, packet)


def run_handler(s, packet):
    me = s["tasks"][s["current"]]
    if packet is not None:
        if packet["kind"] == "work":
            me["work"].append(packet)
        else:
            me["devices"].append(packet)
    if me["work"]:
        first = me["work"][0]
        if first["at"] == 4:
            me["work"].pop(0)
            return send(s, first)
        if me["devices"]:
            device = me["devices"].pop(0)
            device["at"] = first["data"][first["at"]]
            first["at"] += 1
            return send(s, device)
    return suspend(s)


def run_device(s, packet):
    me = s["tasks"][s["current"]]
    if packet is not None:
        me["pending"] = packet
        return hold(s)
    pending = me["pending"]
    if pending is None:
        return suspend(s)
    me["pending"] = None
    return send(s, pending)


def packet_for(target, kind):
    return {"to": target, "kind": kind, "at": 0, "data": [0, 0, 0, 0]}


def task(kind, queue):
    return {
        "kind": kind,
        "queue": queue,
        "held": False,
        "waiting": kind != "idle",
        "ready": len(queue) > 0,
        "work": [],
        "devices": [],
        "pending": None,
    }


def richards(count):
    s = {"count": count, "seed": 1, "handler": 2, "letter": 0, "sent": 0, "holds": 0, "current": 5}
    s["tasks"] = [
        task("idle", []),
        task("worker", [packet_for(1, "work") for _ in range(2)]),
        task("handler", [packet_for(4, "device") for _ in range(3)]),
        task("handler", [packet_for(5, "device") for _ in range(3)]),
        task("device", []),
        task("device", []),
    ]
    while s["current"] >= 0:
        running = s["tasks"][s["current"]]
        if running["held"] or (running["waiting"] and not running["ready"]):
            s["current"] -= 1
            continue
        packet = None
        if running["waiting"]:
            packet = running["queue"].pop(0)
            running["waiting"] = False
            running["ready"] = len(running["queue"]) > 0
        if running["kind"] == "idle":
            run_idle(s)
        elif running["kind"] == "worker":
            run_worker(s, packet)
        elif running["kind"] == "handler":
            run_handler(s, packet)
        else:
            run_device(s, packet)
    return [s["sent"], s["holds"]]
