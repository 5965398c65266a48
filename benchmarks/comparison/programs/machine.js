function machine(n) {
  const table = {
    new: {pay: "paid", cancel: "closed"},
    paid: {pack: "packed", refund: "closed"},
    packed: {send: "sent", refund: "closed"},
    sent: {arrive: "closed", lose: "paid"},
    closed: {reopen: "new"},
  };
  const events = ["pay", "pack", "send", "arrive", "lose", "refund", "cancel", "reopen"];
  const visits = {};
  let refused = 0, state = "new", seed = 42;
  for (let i = 0; i < n; i++) {
    seed = (seed * 75 + 74) % 65537;
    const following = table[state][events[seed % 8]];
    if (following === undefined) {
      refused++;
    } else {
      state = following;
      visits[state] = (visits[state] || 0) + 1;
    }
  }
  let shown = "refused " + refused;
  for (const name of Object.keys(visits).sort()) shown += ", " + name + " " + visits[name];
  return shown;
}
