"""The product of two square matrices, as lists of lists; gives the sum of its diagonal."""


def matrix(n):
    a = filled(n, 3)
    b = filled(n, 5)
    c = []
    for i in range(n):
        row = []
        for j in range(n):
            total = 0
            for k in range(n):
                total += a[i][k] * b[k][j]
            row.append(total)
        c.append(row)
    trace = 0
    for i in range(n):
        trace += c[i][i]
    return trace


def filled(n, step):
    rows = []
    for i in range(n):
        row = []
        for j in range(n):
            row.append((i * step + j) % 10)
        rows.append(row)
    return rows
