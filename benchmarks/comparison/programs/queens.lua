local function safe(places, row, column)
  for i = 0, row - 1 do
    local other = places[i]
    if other == column or other - i == column - row or other + i == column + row then return false end
  end
  return true
end

local function solve(places, row, size)
  if row == size then return 1 end
  local found = 0
  for column = 0, size - 1 do
    if safe(places, row, column) then
      places[row] = column
      found = found + solve(places, row + 1, size)
    end
  end
  return found
end

function queens(size)
  return solve({}, 0, size)
end
