function host_text(n)
  local length, i = 0, 0
  while i < n do
    length = length + #greet("number " .. i)
    i = i + 1
  end
  return length
end
