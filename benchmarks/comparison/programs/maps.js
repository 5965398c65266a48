function maps(n) {
  const m = {};
  let i = 0;
  while (i < n) {
    m["k" + i] = i;
    i = i + 1;
  }
  let total = 0;
  i = 0;
  while (i < n) {
    total = total + m["k" + i];
    i = i + 1;
  }
  return total;
}
