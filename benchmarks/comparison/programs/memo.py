"""Memoised recursion: the table goes in and comes back with the result."""


def ways(n, memo):
    if n <= 1:
        return {"count": 1, "memo": memo}
    key = "n" + str(n)
    if key in memo:
        return {"count": memo[key], "memo": memo}
    a = ways(n - 1, memo)
    b = ways(n - 2, a["memo"])
    count = (a["count"] + b["count"]) % 1000007
    memo = b["memo"]
    memo[key] = count
    return {"count": count, "memo": memo}


def memo(rounds):
    total = 0
    for i in range(rounds):
        total += ways(20 + i % 5, {})["count"]
    return total
