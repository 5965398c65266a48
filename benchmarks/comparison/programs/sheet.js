function valueOf(cells, cell) {
  const left = cells[cell.left].value, right = cells[cell.right].value;
  if (cell.op === "add") return (left + right) % 10007;
  if (cell.op === "multiply") return left * right % 10007;
  return Math.max(left, right);
}

function build(n) {
  const cells = [], ops = ["add", "multiply", "max"];
  for (let i = 0; i < n; i++) {
    let cell;
    if (i < 4) {
      cell = {op: "input", value: i + 1, usedBy: []};
    } else {
      cell = {op: ops[i % 3], left: i - 1 - i % 3, right: (i * 5 + 3) % i, value: 0, usedBy: []};
      cell.value = valueOf(cells, cell);
      cells[cell.left].usedBy.push(i);
      if (cell.right !== cell.left) cells[cell.right].usedBy.push(i);
    }
    cells.push(cell);
  }
  return cells;
}

function change(cells, index, value) {
  cells[index].value = value;
  const stale = new Set(), work = cells[index].usedBy.slice();
  while (work.length > 0) {
    const at = work.pop();
    if (!stale.has(at)) {
      stale.add(at);
      work.push(...cells[at].usedBy);
    }
  }
  for (const at of [...stale].sort((a, b) => a - b)) cells[at].value = valueOf(cells, cells[at]);
}

function sheet(n) {
  const cells = build(n);
  let total = 0;
  for (let number = 0; number < 8; number++) {
    change(cells, number % 4, number * 31 + 2);
    total = (total * 7 + cells[n - 1].value) % 1000003;
  }
  return total;
}
