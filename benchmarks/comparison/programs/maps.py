def maps(n):
    m = {}
    i = 0
    while i < n:
        m["k" + str(i)] = i
        i = i + 1
    total = 0
    i = 0
    while i < n:
        total = total + m["k" + str(i)]
        i = i + 1
    return total
