function maps(n)
  local m, i = {}, 0
  while i < n do
    m["k" .. i] = i
    i = i + 1
  end
  local total = 0
  i = 0
  while i < n do
    total = total + m["k" .. i]
    i = i + 1
  end
  return total
end
