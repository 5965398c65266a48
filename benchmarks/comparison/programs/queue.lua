local function push(heap, item)
  heap[#heap + 1] = item
  local i = #heap
  while i > 1 do
    local parent = math.floor(i / 2)
    if heap[parent].due <= heap[i].due then break end
    heap[parent], heap[i] = heap[i], heap[parent]
    i = parent
  end
end

local function sink(heap)
  local i, size = 1, #heap
  while 2 * i <= size do
    local child = 2 * i
    if child < size and heap[child + 1].due < heap[child].due then child = child + 1 end
    if heap[i].due <= heap[child].due then break end
    heap[child], heap[i] = heap[i], heap[child]
    i = child
  end
end

function queue(n)
  local heap, seed = {}, 7
  for i = 0, n - 1 do
    seed = (seed * 75 + 74) % 65537
    push(heap, {due = seed, id = i})
  end
  local total, place = 0, 0
  while #heap > 0 do
    place = place + 1
    total = (total * 3 + heap[1].due * place) % 1000003
    local final = table.remove(heap)
    if #heap > 0 then
      heap[1] = final
      sink(heap)
    end
  end
  return total
end
