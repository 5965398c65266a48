"""How often short sequences stand in a strand of DNA."""


def counted(strand, size):
    counts = {}
    for i in range(len(strand) - size + 1):
        piece = strand[i : i + size]
        counts[piece] = counts.get(piece, 0) + 1
    return counts


def frequencies(strand, size):
    counts = counted(strand, size)
    total = len(strand) - size + 1
    rows = [{"piece": piece, "count": count} for piece, count in counts.items()]
    out = []
    for row in sorted(rows, key=lambda row: (-row["count"], row["piece"])):
        out.append(row["piece"] + f" {100 * row['count'] / total:.3f}")
    return "\n".join(out)


def knucleotide(strand):
    out = [frequencies(strand, 1), frequencies(strand, 2)]
    for wanted in ["GGT", "GGTA", "GGTATT"]:
        counts = counted(strand, len(wanted))
        out.append(f"{counts.get(wanted, 0)} {wanted}")
    return "\n\n".join(out)
