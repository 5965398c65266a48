"""Lines of a log: taken apart, counted and cleaned with regular expressions."""

import re


def regexes(text):
    counts = {}
    slowest = 0
    cleaned = []
    for line in text.splitlines():
        parts = re.search(r"^(\d{4}-\d\d-\d\d) (ERROR|WARN|INFO) ([a-z]+): (.*)$", line)
        if parts is None:
            continue
        key = parts.group(2) + " " + parts.group(3)
        if key not in counts:
            counts[key] = 0
        counts[key] += 1
        took = re.search(r"took (\d+) ms", parts.group(4))
        if took is not None:
            slowest = max(slowest, int(took.group(1)))
        cleaned.append(re.sub(r"[a-z0-9.]+@[a-z0-9.]+", "<mail>", parts.group(4)))
    numbers = re.findall(r"[0-9]+", text)
    cleaned_text = "\n".join(cleaned)
    out = [f"slowest {slowest}", f"numbers {len(numbers)}", f"characters {len(cleaned_text)}"]
    for key in sorted(counts):
        out.append(f"{key}: {counts[key]}")
    return "\n".join(out)
