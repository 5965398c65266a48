local function encode(text)
  local out, i, size = {}, 1, #text
  while i <= size do
    local c, n = text:sub(i, i), 1
    while i + n <= size and text:sub(i + n, i + n) == c do n = n + 1 end
    out[#out + 1] = {c, n}
    i = i + n
  end
  return out
end

local function decode(pairs_found)
  local text = ""
  for _, pair in ipairs(pairs_found) do text = text .. pair[1]:rep(pair[2]) end
  return text
end

function runs(n)
  local text = ""
  for i = 0, n - 1 do
    text = text .. ("abcde"):sub(i % 5 + 1, i % 5 + 1):rep(i % 7 + 1)
  end
  local found = encode(text)
  return {#found, decode(found) == text}
end
