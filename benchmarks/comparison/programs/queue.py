"""A priority queue on a list: a binary heap of maps."""


def push(heap, item):
    heap.append(item)
    i = len(heap) - 1
    while i > 0:
        parent = (i - 1) // 2
        if heap[parent]["due"] <= heap[i]["due"]:
            break
        heap[parent], heap[i] = heap[i], heap[parent]
        i = parent


def sink(heap):
    i = 0
    size = len(heap)
    while 2 * i + 1 < size:
        child = 2 * i + 1
        if child + 1 < size and heap[child + 1]["due"] < heap[child]["due"]:
            child += 1
        if heap[i]["due"] <= heap[child]["due"]:
            break
        heap[child], heap[i] = heap[i], heap[child]
        i = child


def queue(n):
    heap = []
    seed = 7
    for i in range(n):
        seed = (seed * 75 + 74) % 65537
        push(heap, {"due": seed, "id": i})
    total = place = 0
    while heap:
        place += 1
        total = (total * 3 + heap[0]["due"] * place) % 1000003
        final = heap[-1]
        heap = heap[:-1]
        if heap:
            heap[0] = final
            sink(heap)
    return total
