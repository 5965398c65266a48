function sieve(n) {
  const flags = [];
  for (let i = 0; i <= n; i++) flags.push(true);
  let count = 0;
  for (let p = 2; p <= n; p++) {
    if (flags[p]) {
      count++;
      for (let q = p * p; q <= n; q += p) flags[q] = false;
    }
  }
  return count;
}
