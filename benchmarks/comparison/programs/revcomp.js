function complement(strand) {
  const pairs = {A: "T", C: "G", G: "C", T: "A", N: "N"};
  const out = [];
  for (let i = strand.length - 1; i >= 0; i--) out.push(pairs[strand[i]]);
  return out.join("");
}

function wrapped(strand) {
  const lines = [];
  for (let at = 0; at < strand.length; at += 60) lines.push(strand.substring(at, at + 60));
  return lines;
}

function revcomp(text) {
  const out = [];
  let strand = "";
  for (const line of text.split("\n")) {
    if (line.startsWith(">")) {
      if (strand !== "") {
        out.push(...wrapped(complement(strand)));
        strand = "";
      }
      out.push(line);
    } else {
      strand += line;
    }
  }
  out.push(...wrapped(complement(strand)));
  return out.join("\n");
}
