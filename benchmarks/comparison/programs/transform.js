function transform(text) {
  const customers = {};
  for (const order of JSON.parse(text)) {
    if (order.status === "cancelled") continue;
    const name = order.customer.name;
    if (customers[name] === undefined) {
      customers[name] = {city: order.customer.address.city, orders: 0, cents: 0, items: []};
    }
    const customer = customers[name];
    customer.orders++;
    for (const line of order.lines) {
      let cents = line.count * line.price;
      if (line.discount) cents -= Math.floor(cents * line.discount / 100);
      customer.cents += cents;
      customer.items.push({item: line.item, cents: cents});
    }
  }
  return JSON.stringify(customers);
}
