function parseRow(row) {
  if (row === "") throw new Error("an empty row");
  const parts = row.split(",");
  if (parts.length !== 2) throw new Error("wrong count: " + parts.length);
  return parts[0];
}

function errors(n) {
  let bad = 0, good = 0;
  const rows = ["a,1", "", "b", "c,3"];
  for (let i = 0; i < n; i++) {
    const row = rows[i % 4];
    let first = null;
    try {
      first = parseRow(row);
    } catch (error) {
      bad++;
    }
    if (first !== null) good++;
  }
  return [good, bad];
}
