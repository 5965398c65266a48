"""A tokenizer: reads a small language character by character into a list of tokens."""


def tokens(source):
    found = []
    size = len(source)
    i = 0
    while i < size:
        c = source[i]
        start = i
        i += 1
        if c == " " or c == "\n":
            continue
        if is_letter(c):
            while i < size and (is_letter(source[i]) or is_digit(source[i])):
                i += 1
            kind = "name"
        elif is_digit(c):
            while i < size and is_digit(source[i]):
                i += 1
            kind = "number"
        elif c == "'":
            while i < size and source[i] != "'":
                i += 1
            i += 1
            kind = "text"
        else:
            kind = "sign"
        found.append({"kind": kind, "text": source[start:i], "start": start})
    counts = {"name": 0, "number": 0, "text": 0, "sign": 0}
    for token in found:
        counts[token["kind"]] = counts[token["kind"]] + 1
    shown = [str(counts["name"]), str(counts["number"]), str(counts["text"]), str(counts["sign"]), found[-1]["text"]]
    return " ".join(shown)


def is_letter(c):
    return "a" <= c <= "z" or c == "_"


def is_digit(c):
    return "0" <= c <= "9"
