function search(size)
  local seen, count, queue, at = {["0,0"] = true}, 1, {{x = 0, y = 0, steps = 0}}, 1
  while queue[at] do
    local here = queue[at]
    at = at + 1
    if here.x == size - 1 and here.y == size - 1 then return {here.steps, count} end
    for _, move in ipairs({{1, 0}, {0, 1}, {-1, 0}, {0, -1}}) do
      local x, y = here.x + move[1], here.y + move[2]
      if x >= 0 and y >= 0 and x < size and y < size and (x * 7 + y * 3) % 5 ~= 4 then
        local key = x .. "," .. y
        if not seen[key] then
          seen[key] = true
          count = count + 1
          queue[#queue + 1] = {x = x, y = y, steps = here.steps + 1}
        end
      end
    end
  end
  return {false, count}
end
