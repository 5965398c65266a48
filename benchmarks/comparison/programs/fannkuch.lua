local function flips_of(order)
  local pile = {}
  for i = 1, #order do pile[i] = order[i] end
  local flips = 0
  while pile[1] ~= 0 do
    local low, high = 1, pile[1] + 1
    while low < high do
      pile[low], pile[high] = pile[high], pile[low]
      low = low + 1
      high = high - 1
    end
    flips = flips + 1
  end
  return flips
end

function fannkuch(n)
  local order, count = {}, {}
  for i = 1, n do
    order[i], count[i] = i - 1, 0
  end
  local most, checksum, number, r = 0, 0, 0, n
  while true do
    while r ~= 1 do
      count[r] = r
      r = r - 1
    end
    local flips = flips_of(order)
    if flips > most then most = flips end
    if number % 2 == 0 then
      checksum = checksum + flips
    else
      checksum = checksum - flips
    end
    while true do
      if r == n then return {most, checksum} end
      local first = order[1]
      for i = 1, r do order[i] = order[i + 1] end
      order[r + 1] = first
      count[r + 1] = count[r + 1] - 1
      if count[r + 1] > 0 then break end
      r = r + 1
    end
    number = number + 1
  end
end
