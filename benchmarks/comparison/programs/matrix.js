function matrix(n) {
  const a = filled(n, 3), b = filled(n, 5), c = [];
  for (let i = 0; i < n; i++) {
    const row = [];
    for (let j = 0; j < n; j++) {
      let total = 0;
      for (let k = 0; k < n; k++) total += a[i][k] * b[k][j];
      row.push(total);
    }
    c.push(row);
  }
  let trace = 0;
  for (let i = 0; i < n; i++) trace += c[i][i];
  return trace;
}

function filled(n, step) {
  const rows = [];
  for (let i = 0; i < n; i++) {
    const row = [];
    for (let j = 0; j < n; j++) row.push((i * step + j) % 10);
    rows.push(row);
  }
  return rows;
}
