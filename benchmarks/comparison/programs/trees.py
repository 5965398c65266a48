"""Binary search trees of dictionaries: built by recursion, walked and measured."""


def insert(node, value):
    if node is None:
        return {"value": value, "left": None, "right": None, "count": 1}
    if value == node["value"]:
        node["count"] += 1
    elif value < node["value"]:
        node["left"] = insert(node["left"], value)
    else:
        node["right"] = insert(node["right"], value)
    return node


def depth(node):
    if node is None:
        return 0
    left = depth(node["left"])
    right = depth(node["right"])
    if left > right:
        return left + 1
    return right + 1


def total(node):
    if node is None:
        return 0
    return total(node["left"]) + node["value"] * node["count"] + total(node["right"])


def trees(n):
    root = None
    seed = 11
    for _ in range(n):
        seed = (seed * 75 + 74) % 65537
        root = insert(root, seed % 1000)
    return [depth(root), total(root)]
