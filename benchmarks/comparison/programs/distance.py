"""The edit distance of two texts, by rows."""


def distance(n):
    a = "kitten sitting " * n
    b = "sitting kitten " * n
    previous = list(range(len(b) + 1))
    for i in range(1, len(a) + 1):
        row = [i]
        for j in range(1, len(b) + 1):
            cost = 1
            if a[i - 1] == b[j - 1]:
                cost = 0
            best = previous[j - 1] + cost
            if previous[j] + 1 < best:
                best = previous[j] + 1
            if row[j - 1] + 1 < best:
                best = row[j - 1] + 1
            row.append(best)
        previous = row
    return previous[len(b)]
