function append(n) {
  const xs = [];
  let i = 0;
  while (i < n) {
    xs.push(i);
    i = i + 1;
  }
  return xs.length;
}
