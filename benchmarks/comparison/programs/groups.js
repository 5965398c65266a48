function band(row) {
  if (row.score >= 80) return "high";
  if (row.score >= 40) return "middle";
  return "low";
}

function groups(n) {
  const rows = [], grouped = {}, out = [];
  for (let i = 0; i < n; i++) rows.push({name: "r" + i, score: (i * 61) % 101});
  for (const row of rows) {
    const name = band(row);
    (grouped[name] = grouped[name] || []).push(row);
  }
  for (const [name, members] of Object.entries(grouped)) {
    members.sort((a, b) => b.score - a.score);
    out.push(name + " " + members.length + " " + members[0].name);
  }
  return out.sort().join(", ");
}
