def lists(n):
    xs = []
    i = 0
    while i < n:
        xs.append(i)
        i = i + 1
    total = 0
    for x in xs:
        total = total + x
    return total
