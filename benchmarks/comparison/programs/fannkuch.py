"""Fannkuch: the most flips that any order of n pancakes takes, and a checksum."""


def flips_of(order):
    pile = list(order)
    flips = 0
    while pile[0] != 0:
        low = 0
        high = pile[0]
        while low < high:
            pile[low], pile[high] = pile[high], pile[low]
            low += 1
            high -= 1
        flips += 1
    return flips


def fannkuch(n):
    order = list(range(n))
    count = [0] * n
    most = 0
    checksum = 0
    number = 0
    r = n
    while True:
        while r != 1:
            count[r - 1] = r
            r -= 1
        flips = flips_of(order)
        if flips > most:
            most = flips
        if number % 2 == 0:
            checksum += flips
        else:
            checksum -= flips
        while True:
            if r == n:
                return [most, checksum]
            first = order[0]
            for i in range(r):
                order[i] = order[i + 1]
            order[r] = first
            count[r] -= 1
            if count[r] > 0:
                break
            r += 1
        number += 1
