"""The words of a text: counted, the commonest first."""


def words(text):
    counts = {}
    for line in text.split("\n"):
        for word in line.lower().split(" "):
            if word != "":
                if word not in counts:
                    counts[word] = 1
                else:
                    counts[word] += 1
    pairs = []
    for word, count in counts.items():
        pairs.append(str(count).rjust(6, "0") + " " + word)
    return sorted(pairs, reverse=True)[:5]
