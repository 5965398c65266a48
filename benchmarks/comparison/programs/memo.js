function ways(n, memo) {
  if (n <= 1) return {count: 1, memo: memo};
  const key = "n" + n;
  if (memo[key] !== undefined) return {count: memo[key], memo: memo};
  const a = ways(n - 1, memo);
  const b = ways(n - 2, a.memo);
  const count = (a.count + b.count) % 1000007;
  memo = b.memo;
  memo[key] = count;
  return {count: count, memo: memo};
}

function memo(rounds) {
  let total = 0;
  for (let i = 0; i < rounds; i++) total += ways(20 + i % 5, {}).count;
  return total;
}
