def append(n):
    xs = []
    i = 0
    while i < n:
        xs.append(i)
        i = i + 1
    return len(xs)
