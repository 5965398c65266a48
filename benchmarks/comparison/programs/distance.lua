function distance(n)
  local a, b = ("kitten sitting "):rep(n), ("sitting kitten "):rep(n)
  local previous = {}
  for j = 0, #b do previous[j] = j end
  for i = 1, #a do
    local row = {[0] = i}
    for j = 1, #b do
      local cost = 1
      if a:sub(i, i) == b:sub(j, j) then cost = 0 end
      local best = previous[j - 1] + cost
      if previous[j] + 1 < best then best = previous[j] + 1 end
      if row[j - 1] + 1 < best then best = row[j - 1] + 1 end
      row[j] = best
    end
    previous = row
  end
  return previous[#b]
end
