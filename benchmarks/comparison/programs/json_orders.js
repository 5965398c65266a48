function json_orders(text) {
  const kept = [];
  for (const order of JSON.parse(text)) {
    if (order.status !== "cancelled") {
      let total = 0;
      for (const line of order.lines) total += line.count * line.price;
      order.total = total;
      kept.push(order);
    }
  }
  return JSON.stringify(kept);
}
