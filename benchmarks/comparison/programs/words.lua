function words(text)
  local counts, found = {}, {}
  for line in text:gmatch("[^\n]+") do
    for word in line:lower():gmatch("[^ ]+") do
      counts[word] = (counts[word] or 0) + 1
    end
  end
  for word, count in pairs(counts) do
    found[#found + 1] = string.format("%06d %s", count, word)
  end
  table.sort(found, function(a, b) return a > b end)
  return {found[1], found[2], found[3], found[4], found[5]}
end
