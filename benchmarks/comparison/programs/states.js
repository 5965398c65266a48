function nextState(table, state, key) {
  const rule = table[state][key];
  return rule === undefined ? state : rule.to;
}

function states(n) {
  const table = {
    idle: {coin: {to: "ready", cost: 0.5}, push: {to: "idle", cost: 0}},
    ready: {push: {to: "vend", cost: 1.5}, coin: {to: "ready", cost: 0.25}},
    vend: {take: {to: "idle", cost: 0}},
  };
  const inputs = ["coin", "push", "take", "coin", "coin", "push"], counts = {};
  let spent = 0, state = "idle";
  for (let i = 0; i < n; i++) {
    const half = i / 2;
    const key = inputs[(half * 2 + i) % 6];
    const rule = table[state][key];
    if (rule !== undefined) spent += rule.cost / 4;
    state = nextState(table, state, key);
    counts[state] = (counts[state] || 0) + 1;
  }
  return [counts, spent];
}
