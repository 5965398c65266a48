function push(heap, item) {
  heap.push(item);
  let i = heap.length - 1;
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (heap[parent].due <= heap[i].due) break;
    [heap[parent], heap[i]] = [heap[i], heap[parent]];
    i = parent;
  }
}

function sink(heap) {
  let i = 0;
  const size = heap.length;
  while (2 * i + 1 < size) {
    let child = 2 * i + 1;
    if (child + 1 < size && heap[child + 1].due < heap[child].due) child++;
    if (heap[i].due <= heap[child].due) break;
    [heap[child], heap[i]] = [heap[i], heap[child]];
    i = child;
  }
}

function queue(n) {
  const heap = [];
  let seed = 7;
  for (let i = 0; i < n; i++) {
    seed = (seed * 75 + 74) % 65537;
    push(heap, {due: seed, id: i});
  }
  let total = 0, place = 0;
  while (heap.length > 0) {
    place++;
    total = (total * 3 + heap[0].due * place) % 1000003;
    const final = heap.pop();
    if (heap.length > 0) {
      heap[0] = final;
      sink(heap);
    }
  }
  return total;
}
