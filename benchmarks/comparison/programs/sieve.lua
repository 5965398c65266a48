function sieve(n)
  local flags = {}
  for i = 0, n do
    flags[i] = true
  end
  local count = 0
  for p = 2, n do
    if flags[p] then
      count = count + 1
      for q = p * p, n, p do
        flags[q] = false
      end
    end
  end
  return count
end
