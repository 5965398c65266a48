"""The shortest way through a grid, breadth first."""


def search(size):
    seen = {"0,0": True}
    queue = [{"x": 0, "y": 0, "steps": 0}]
    at = 0
    while at < len(queue):
        here = queue[at]
        at += 1
        if here["x"] == size - 1 and here["y"] == size - 1:
            return [here["steps"], len(seen)]
        for move in [[1, 0], [0, 1], [-1, 0], [0, -1]]:
            x = here["x"] + move[0]
            y = here["y"] + move[1]
            if x >= 0 and y >= 0 and x < size and y < size and (x * 7 + y * 3) % 5 != 4:
                key = str(x) + "," + str(y)
                if key not in seen:
                    seen[key] = True
                    queue.append({"x": x, "y": y, "steps": here["steps"] + 1})
    return [None, len(seen)]
