local function split(row)
  local parts = {}
  for part in (row .. ","):gmatch("([^,]*),") do parts[#parts + 1] = part end
  return parts
end

local function parse_row(row)
  if row == "" then error("an empty row") end
  local parts = split(row)
  if #parts ~= 2 then error("wrong count: " .. #parts) end
  return parts[1]
end

function errors(n)
  local bad, good, rows = 0, 0, {"a,1", "", "b", "c,3"}
  for i = 0, n - 1 do
    local well, first = pcall(parse_row, rows[i % 4 + 1])
    if not well then
      bad = bad + 1
      first = nil
    end
    if first ~= nil then good = good + 1 end
  end
  return {good, bad}
end
