function lists(n)
  local xs, i = {}, 0
  while i < n do
    xs[i + 1] = i
    i = i + 1
  end
  local total = 0
  for _, x in ipairs(xs) do
    total = total + x
  end
  return total
end
