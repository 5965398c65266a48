function counted(strand, size) {
  const counts = {};
  for (let i = 0; i <= strand.length - size; i++) {
    const piece = strand.substring(i, i + size);
    counts[piece] = (counts[piece] || 0) + 1;
  }
  return counts;
}

function frequencies(strand, size) {
  const counts = counted(strand, size), total = strand.length - size + 1;
  const rows = Object.entries(counts).map(([piece, count]) => ({piece, count}));
  rows.sort((a, b) => b.count - a.count || (a.piece < b.piece ? -1 : 1));
  return rows.map(row => row.piece + " " + (100 * row.count / total).toFixed(3)).join("\n");
}

function knucleotide(strand) {
  const out = [frequencies(strand, 1), frequencies(strand, 2)];
  for (const wanted of ["GGT", "GGTA", "GGTATT"]) {
    const counts = counted(strand, wanted.length);
    out.push((counts[wanted] || 0) + " " + wanted);
  }
  return out.join("\n\n");
}
