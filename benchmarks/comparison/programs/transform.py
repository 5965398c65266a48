"""A JSON transform: orders in, what each customer has to pay for them out."""

import json


def transform(text):
    customers = {}
    for order in json.loads(text):
        if order["status"] != "cancelled":
            name = order["customer"]["name"]
            if name not in customers:
                customers[name] = {"city": order["customer"]["address"]["city"], "orders": 0, "cents": 0, "items": []}
            customer = customers[name]
            customer["orders"] = customer["orders"] + 1
            for line in order["lines"]:
                cents = line["count"] * line["price"]
                if line["discount"]:
                    cents = cents - cents * line["discount"] // 100
                customer["cents"] = customer["cents"] + cents
                customer["items"].append({"item": line["item"], "cents": cents})
    return json.dumps(customers)
