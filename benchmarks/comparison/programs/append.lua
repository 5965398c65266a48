function append(n)
  local xs, i = {}, 0
  while i < n do
    xs[#xs + 1] = i
    i = i + 1
  end
  return #xs
end
