function lists(n) {
  const xs = [];
  let i = 0;
  while (i < n) {
    xs.push(i);
    i = i + 1;
  }
  let total = 0;
  for (const x of xs) total = total + x;
  return total;
}
