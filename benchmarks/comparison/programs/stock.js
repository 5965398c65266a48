function checkOrder(order, stock) {
  if (order.count <= 0) return "count must be positive";
  if (!(order.item in stock)) return "unknown item " + order.item;
  if (order.count > 40) return "needs approval";
  return null;
}

function priceOf(order, item) {
  let total = order.count * item.cents;
  if (order.count >= 10) total -= Math.floor(total * 5 / 100);
  if (order.customer === "gold") total -= Math.floor(total / 50);
  return total;
}

function stock(n) {
  const stock = {}, refused = {}, later = [];
  for (let number = 0; number < 12; number++) {
    stock["item " + number] = {left: 60 + number * 5, cents: 120 + number * 35, sold: 0};
  }
  let income = 0;
  for (let i = 0; i < n; i++) {
    const order = {id: i, item: "item " + i * 5 % 14, count: i * 7 % 45 - 1, customer: "plain"};
    if (i % 4 === 0) order.customer = "gold";
    const problem = checkOrder(order, stock);
    if (problem !== null) {
      refused[problem] = (refused[problem] || 0) + 1;
      continue;
    }
    const item = stock[order.item];
    if (item.left < order.count) {
      later.push(order);
      item.left += 30;
    } else {
      item.left -= order.count;
      item.sold += order.count;
      income += priceOf(order, item);
    }
  }
  const lines = ["income " + income, "later " + later.length];
  for (const problem of Object.keys(refused).sort()) lines.push(problem + ": " + refused[problem]);
  for (const name of Object.keys(stock).sort()) {
    lines.push(name + " sold " + stock[name].sold + ", left " + stock[name].left);
  }
  return lines.join("\n");
}
