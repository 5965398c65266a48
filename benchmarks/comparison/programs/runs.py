"""Run lengths of a text, and back."""


def encode(text):
    out = []
    i = 0
    while i < len(text):
        c = text[i]
        n = 1
        while i + n < len(text) and text[i + n] == c:
            n += 1
        out.append([c, n])
        i += n
    return out


def decode(pairs):
    text = ""
    for pair in pairs:
        text += pair[0] * pair[1]
    return text


def runs(n):
    text = ""
    for i in range(n):
        text += "abcde"[i % 5] * (i % 7 + 1)
    pairs = encode(text)
    return [len(pairs), decode(pairs) == text]
