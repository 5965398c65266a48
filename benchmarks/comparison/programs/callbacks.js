function square(x) {
  return x * x;
}

function isEven(x) {
  return x % 2 === 0;
}

function plus(a, b) {
  return a + b;
}

function applyAll(f, xs) {
  const out = [];
  for (const x of xs) out.push(f(x));
  return out;
}

function callbacks(n) {
  const xs = [];
  for (let i = 0; i < n; i++) xs.push(i);
  const squares = xs.map(square);
  const evens = squares.filter(isEven);
  const total = evens.reduce(plus, 0);
  const again = applyAll(square, xs);
  return [total, again.length, again[n - 1]];
}
