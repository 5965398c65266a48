function columns(rows)
  local lines, total = {}, 0
  for i = 0, rows - 1 do
    local price = (i * 37) % 1000 / 7
    total = total + price
    lines[#lines + 1] = string.format("%-12s%10.2f", "item " .. i, price)
  end
  lines[#lines + 1] = string.format("total %.2f", total)
  return table.concat(lines, "\n")
end
