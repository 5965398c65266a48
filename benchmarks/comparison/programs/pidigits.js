function pidigits(wanted) {
  let digits = "";
  let q = 1n, r = 0n, t = 1n, k = 1n, n = 3n, m = 3n;
  while (digits.length < wanted) {
    if (4n * q + r - t < n * t) {
      digits += n;
      const nextR = 10n * (r - n * t);
      n = 10n * (3n * q + r) / t - 10n * n;
      q *= 10n;
      r = nextR;
    } else {
      const nextR = (2n * q + r) * m;
      n = (q * (7n * k) + 2n + r * m) / (t * m);
      q *= k;
      t *= m;
      m += 2n;
      k += 1n;
      r = nextR;
    }
  }
  return digits;
}
