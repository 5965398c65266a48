def host_text(n):
    length = 0
    i = 0
    while i < n:
        length = length + len(greet("number " + str(i)))
        i = i + 1
    return length
