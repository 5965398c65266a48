function host(n) {
  let total = 0, i = 0;
  while (i < n) {
    total = add(total, i);
    i = i + 1;
  }
  return total;
}
