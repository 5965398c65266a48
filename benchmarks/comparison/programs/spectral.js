function a(i, j) {
  return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1);
}

function times(v, across) {
  const out = [];
  for (let i = 0; i < v.length; i++) {
    let total = 0.0;
    for (let j = 0; j < v.length; j++) {
      total += (across ? a(j, i) : a(i, j)) * v[j];
    }
    out.push(total);
  }
  return out;
}

function spectral(n) {
  let u = new Array(n).fill(1.0), v = u;
  for (let i = 0; i < 3; i++) {
    v = times(times(u, false), true);
    u = times(times(v, false), true);
  }
  let vbv = 0.0, vv = 0.0;
  for (let i = 0; i < n; i++) {
    vbv += u[i] * v[i];
    vv += v[i] * v[i];
  }
  return Math.sqrt(vbv / vv);
}
