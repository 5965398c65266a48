"""Orders against a stock: each is checked, filled, kept for later or refused, and the day is summed up."""


def check_order(order, stock):
    if order["count"] <= 0:
        return "count must be positive"
    if order["item"] not in stock:
        return "unknown item " + order["item"]
    if order["count"] > 40:
        return "needs approval"
    return None


def price_of(order, item):
    total = order["count"] * item["cents"]
    if order["count"] >= 10:
        total -= total * 5 // 100
    if order["customer"] == "gold":
        total -= total // 50
    return total


def stock(n):
    stock = {}
    for number in range(12):
        stock[f"item {number}"] = {"left": 60 + number * 5, "cents": 120 + number * 35, "sold": 0}
    refused = {}
    later = []
    income = 0
    for i in range(n):
        order = {"id": i, "item": f"item {i * 5 % 14}", "count": i * 7 % 45 - 1, "customer": "plain"}
        if i % 4 == 0:
            order["customer"] = "gold"
        problem = check_order(order, stock)
        if problem is not None:
            refused[problem] = refused.get(problem, 0) + 1
            continue
        item = stock[order["item"]]
        if item["left"] < order["count"]:
            later.append(order)
            item["left"] += 30
        else:
            item["left"] -= order["count"]
            item["sold"] += order["count"]
            income += price_of(order, item)
    lines = [f"income {income}", f"later {len(later)}"]
    for problem in sorted(refused):
        lines.append(f"{problem}: {refused[problem]}")
    for name in sorted(stock):
        item = stock[name]
        lines.append(f"{name} sold {item['sold']}, left {item['left']}")
    return "\n".join(lines)
