"""JSON read, changed and written."""

import json as codec


def json(text):
    data = codec.loads(text)
    kept = []
    for order in data:
        if order["status"] != "cancelled":
            total = 0
            for line in order["lines"]:
                total += line["count"] * line["price"]
            order["total"] = total
            kept.append(order)
    return codec.dumps(kept)
