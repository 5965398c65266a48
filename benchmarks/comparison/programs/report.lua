local function row(name, units, amount)
  return string.format("%-12s%10s%14s", name, units, amount)
end

local function money(cents)
  return string.format("%d.%02d", math.floor(cents / 100), cents % 100)
end

local function split(line)
  local fields = {}
  for field in (line .. ";"):gmatch("([^;]*);") do
    fields[#fields + 1] = field
  end
  return fields
end

function report(text)
  local units, cents, skipped = {}, {}, 0
  for line in text:gmatch("[^\n]+") do
    local fields = split(line)
    if #fields == 5 then
      local region = fields[2]:match("^%s*(.-)%s*$")
      local count, price = tonumber(fields[4]), tonumber(fields[5])
      if not units[region] then
        units[region], cents[region] = 0, 0
      end
      units[region] = units[region] + count
      cents[region] = cents[region] + count * price
    else
      skipped = skipped + 1
    end
  end
  local names = {}
  for name in pairs(units) do
    names[#names + 1] = name
  end
  table.sort(names)
  local rows = {row("region", "units", "amount"), ("-"):rep(36)}
  local all_units, all_cents = 0, 0
  for _, region in ipairs(names) do
    rows[#rows + 1] = row(region, units[region], money(cents[region]))
    all_units = all_units + units[region]
    all_cents = all_cents + cents[region]
  end
  rows[#rows + 1] = row("total", all_units, money(all_cents))
  rows[#rows + 1] = "skipped lines: " .. skipped
  return table.concat(rows, "\n")
end
