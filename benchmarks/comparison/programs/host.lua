function host(n)
  local total, i = 0, 0
  while i < n do
    total = add(total, i)
    i = i + 1
  end
  return total
end
