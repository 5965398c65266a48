function search(size) {
  const seen = {"0,0": true}, queue = [{x: 0, y: 0, steps: 0}];
  let at = 0;
  while (at < queue.length) {
    const here = queue[at++];
    if (here.x === size - 1 && here.y === size - 1) return [here.steps, Object.keys(seen).length];
    for (const move of [[1, 0], [0, 1], [-1, 0], [0, -1]]) {
      const x = here.x + move[0], y = here.y + move[1];
      if (x >= 0 && y >= 0 && x < size && y < size && (x * 7 + y * 3) % 5 !== 4) {
        const key = x + "," + y;
        if (seen[key] === undefined) {
          seen[key] = true;
          queue.push({x: x, y: y, steps: here.steps + 1});
        }
      }
    }
  }
  return [null, Object.keys(seen).length];
}
