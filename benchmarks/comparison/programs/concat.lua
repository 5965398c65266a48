function concat(n)
  local s, i = "", 0
  while i < n do
    s = s .. "x"
    i = i + 1
  end
  return #s
end
