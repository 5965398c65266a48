"""The spectral norm of an infinite matrix, by its corner."""


def a(i, j):
    return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1)


def times(v, across):
    n = len(v)
    out = []
    for i in range(n):
        total = 0.0
        for j in range(n):
            if across:
                total += a(j, i) * v[j]
            else:
                total += a(i, j) * v[j]
        out.append(total)
    return out


def spectral(n):
    u = [1.0] * n
    for _ in range(3):
        v = times(times(u, False), True)
        u = times(times(v, False), True)
    vbv = vv = 0.0
    for i in range(n):
        vbv += u[i] * v[i]
        vv += v[i] * v[i]
    return round((vbv / vv) ** 0.5, 9)
