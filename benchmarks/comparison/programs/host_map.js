function host_map(n) {
  let cents = 0, i = 0;
  while (i < n) {
    cents = cents + price({item: "bolt", count: i}).cents;
    i = i + 1;
  }
  return cents;
}
