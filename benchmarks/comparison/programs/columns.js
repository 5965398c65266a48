function columns(rows) {
  const lines = [];
  let total = 0;
  for (let i = 0; i < rows; i++) {
    const price = (i * 37) % 1000 / 7;
    total += price;
    lines.push(("item " + i).padEnd(12) + price.toFixed(2).padStart(10));
  }
  lines.push("total " + total.toFixed(2));
  return lines.join("\n");
}
