function flipsOf(order) {
  const pile = order.slice();
  let flips = 0;
  while (pile[0] !== 0) {
    let low = 0, high = pile[0];
    while (low < high) {
      const kept = pile[low];
      pile[low++] = pile[high];
      pile[high--] = kept;
    }
    flips++;
  }
  return flips;
}

function fannkuch(n) {
  const order = [], count = [];
  for (let i = 0; i < n; i++) {
    order.push(i);
    count.push(0);
  }
  let most = 0, checksum = 0, number = 0, r = n;
  while (true) {
    while (r !== 1) {
      count[r - 1] = r;
      r--;
    }
    const flips = flipsOf(order);
    if (flips > most) most = flips;
    checksum += number % 2 === 0 ? flips : -flips;
    while (true) {
      if (r === n) return [most, checksum];
      const first = order[0];
      for (let i = 0; i < r; i++) order[i] = order[i + 1];
      order[r] = first;
      if (--count[r] > 0) break;
      r++;
    }
    number++;
  }
}
