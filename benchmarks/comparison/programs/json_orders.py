"""JSON read, changed and written."""

import json


def json_orders(text):
    data = json.loads(text)
    kept = []
    for order in data:
        if order["status"] != "cancelled":
            total = 0
            for line in order["lines"]:
                total += line["count"] * line["price"]
            order["total"] = total
            kept.append(order)
    return json.dumps(kept)
