function host_map(n)
  local cents, i = 0, 0
  while i < n do
    cents = cents + price({item = "bolt", count = i}).cents
    i = i + 1
  end
  return cents
end
