local function roads(n)
  local graph = {}
  for i = 0, n - 1 do graph["t" .. i] = {} end
  for i = 0, n * 4 - 1 do
    local from = graph["t" .. i % n]
    from[#from + 1] = {to = "t" .. (i * 17 + 5) % (n + 7) % n, length = i * 13 % 29 + 1}
  end
  return graph
end

-- The order of a table's keys is not that of their making, so the towns stand in a list too.
local function nearest(towns, distances, done)
  local best
  for _, town in ipairs(towns) do
    if not done[town] and (not best or distances[town] < distances[best]) then best = town end
  end
  return best
end

function dijkstra(n)
  local graph, towns, distances, previous, done = roads(n), {"t0"}, {t0 = 0}, {}, {}
  while true do
    local town = nearest(towns, distances, done)
    if not town then break end
    done[town] = true
    for _, road in ipairs(graph[town]) do
      local length = distances[town] + road.length
      if not distances[road.to] then towns[#towns + 1] = road.to end
      if not distances[road.to] or length < distances[road.to] then
        distances[road.to] = length
        previous[road.to] = town
      end
    end
  end
  local total = 0
  for _, distance in pairs(distances) do total = total + distance end
  local way, town = {}, "t" .. n - 1
  while town do
    table.insert(way, 1, town)
    town = previous[town]
  end
  return {#towns, total, table.concat(way, " ")}
end
