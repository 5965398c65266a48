"""The digits of pi, one after the other, from exact fractions of large whole numbers."""


def pidigits(wanted):
    digits = ""
    q, r, t, k, n, m = 1, 0, 1, 1, 3, 3
    while len(digits) < wanted:
        if 4 * q + r - t < n * t:
            digits += str(n)
            next_r = 10 * (r - n * t)
            n = 10 * (3 * q + r) // t - 10 * n
            q *= 10
            r = next_r
        else:
            next_r = (2 * q + r) * m
            n = (q * (7 * k) + 2 + r * m) // (t * m)
            q *= k
            t *= m
            m += 2
            k += 1
            r = next_r
    return digits
