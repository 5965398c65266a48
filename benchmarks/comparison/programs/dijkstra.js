function roads(n) {
  const graph = {};
  for (let i = 0; i < n; i++) graph["t" + i] = [];
  for (let i = 0; i < n * 4; i++) {
    graph["t" + i % n].push({to: "t" + (i * 17 + 5) % (n + 7) % n, length: i * 13 % 29 + 1});
  }
  return graph;
}

function nearest(distances, done) {
  let best = null;
  for (const town in distances) {
    if (!done.has(town) && (best === null || distances[town] < distances[best])) best = town;
  }
  return best;
}

function dijkstra(n) {
  const graph = roads(n), distances = {t0: 0}, previous = {}, done = new Set();
  while (true) {
    const town = nearest(distances, done);
    if (town === null) break;
    done.add(town);
    for (const road of graph[town]) {
      const length = distances[town] + road.length;
      if (!(road.to in distances) || length < distances[road.to]) {
        distances[road.to] = length;
        previous[road.to] = town;
      }
    }
  }
  const found = Object.values(distances), way = [];
  for (let town = "t" + (n - 1); town !== undefined; town = previous[town]) way.unshift(town);
  return [found.length, found.reduce((a, b) => a + b, 0), way.join(" ")];
}
