"""The reverse complement of the strands of a FASTA file."""


def complement(strand):
    pairs = {"A": "T", "C": "G", "G": "C", "T": "A", "N": "N"}
    out = []
    for letter in reversed(strand):
        out.append(pairs[letter])
    return "".join(out)


def wrapped(strand):
    return [strand[at : at + 60] for at in range(0, len(strand), 60)]


def revcomp(text):
    out = []
    strand = ""
    for line in text.splitlines():
        if line.startswith(">"):
            if strand:
                out += wrapped(complement(strand))
                strand = ""
            out.append(line)
        else:
            strand += line
    out += wrapped(complement(strand))
    return "\n".join(out)
