"""Binary trees: many small ones made, walked and dropped, while a large one lives."""


def build(depth):
    if depth == 0:
        return {"left": None, "right": None}
    return {"left": build(depth - 1), "right": build(depth - 1)}


def check(node):
    if node["left"] is None:
        return 1
    return 1 + check(node["left"]) + check(node["right"])


def binarytrees(depth):
    lasting = build(depth)
    out = []
    for d in range(2, depth, 2):
        times = 2 ** (depth - d)
        nodes = 0
        for _ in range(times):
            nodes += check(build(d))
        out.append(f"{times} trees of depth {d}: {nodes}")
    out.append(f"lasting: {check(lasting)}")
    return out
