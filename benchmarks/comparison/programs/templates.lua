local function fill(template, values)
  local out = template
  for key, value in pairs(values) do
    out = out:gsub("<" .. key .. ">", tostring(value))
  end
  return out
end

function templates(n)
  local total = 0
  for i = 0, n - 1 do
    local name, amount = "customer " .. i, i * 3
    local letter = ("Dear %s,\nyou owe us %d euros.\n"):format(name, amount)
    local short = fill("Hi <name>: <amount>!", {name = name, amount = amount})
    total = total + #letter + #short
  end
  return total
end
