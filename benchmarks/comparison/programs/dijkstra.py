"""The cheapest ways from one town to all others, over roads of different length."""


def roads(n):
    graph = {f"t{i}": [] for i in range(n)}
    for i in range(n * 4):
        graph[f"t{i % n}"].append({"to": f"t{(i * 17 + 5) % (n + 7) % n}", "length": i * 13 % 29 + 1})
    return graph


def nearest(distances, done):
    best = None
    for town, distance in distances.items():
        if town not in done and (best is None or distance < distances[best]):
            best = town
    return best


def dijkstra(n):
    graph = roads(n)
    distances = {"t0": 0}
    previous = {}
    done = set()
    while True:
        town = nearest(distances, done)
        if town is None:
            break
        done.add(town)
        for road in graph[town]:
            length = distances[town] + road["length"]
            if road["to"] not in distances or length < distances[road["to"]]:
                distances[road["to"]] = length
                previous[road["to"]] = town
    way = []
    town = f"t{n - 1}"
    while town is not None:
        way.insert(0, town)
        town = previous.get(town)
    return [len(distances), sum(distances.values()), " ".join(way)]
