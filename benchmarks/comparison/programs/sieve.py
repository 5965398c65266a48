def sieve(n):
    flags = []
    i = 0
    while i <= n:
        flags.append(True)
        i = i + 1
    count = 0
    p = 2
    while p <= n:
        if flags[p]:
            count = count + 1
            q = p * p
            while q <= n:
                flags[q] = False
                q = q + p
        p = p + 1
    return count
