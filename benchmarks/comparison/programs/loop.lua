function loop(n)
  local total, i = 0, 0
  while i < n do
    total = total + i
    i = i + 1
  end
  return total
end
