"""The eight queens: how many ways there are."""


def safe(places, row, column):
    for i in range(row):
        other = places[i]
        if other == column or other - i == column - row or other + i == column + row:
            return False
    return True


def solve(places, row, size):
    if row == size:
        return 1
    found = 0
    for column in range(size):
        if safe(places, row, column):
            places[row] = column
            found += solve(places, row + 1, size)
    return found


def queens(size):
    return solve([0] * size, 0, size)
