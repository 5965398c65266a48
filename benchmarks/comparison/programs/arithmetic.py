"""A calculator by recursive descent: each function gives the value and the place after it."""


def expression(tokens, at):
    left = term(tokens, at)
    while left[1] < len(tokens) and (tokens[left[1]] == "+" or tokens[left[1]] == "-"):
        sign = tokens[left[1]]
        right = term(tokens, left[1] + 1)
        left = [left[0] + right[0] if sign == "+" else left[0] - right[0], right[1]]
    return left


def term(tokens, at):
    left = factor(tokens, at)
    while left[1] < len(tokens) and tokens[left[1]] == "*":
        right = factor(tokens, left[1] + 1)
        left = [left[0] * right[0], right[1]]
    return left


def factor(tokens, at):
    if tokens[at] == "(":
        inner = expression(tokens, at + 1)
        return [inner[0], inner[1] + 1]
    return [int(tokens[at]), at + 1]


def arithmetic(n):
    text = "( 1 + 2 ) * 3 - 4 * ( 5 - 6 ) + 7 * 8 - ( 9 + ( 10 - 3 ) * 2 )"
    tokens = text.split(" ")
    total = 0
    for _ in range(n):
        total += expression(tokens, 0)[0]
    return total
