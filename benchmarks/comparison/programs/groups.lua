local function band(row)
  if row.score >= 80 then return "high" end
  if row.score >= 40 then return "middle" end
  return "low"
end

function groups(n)
  local rows, grouped, out = {}, {}, {}
  for i = 0, n - 1 do
    rows[#rows + 1] = {name = "r" .. i, score = (i * 61) % 101, place = i}
  end
  for _, row in ipairs(rows) do
    local name = band(row)
    grouped[name] = grouped[name] or {}
    table.insert(grouped[name], row)
  end
  for name, members in pairs(grouped) do
    -- Lua's sort is not stable, so rows with the same score are told apart by their place.
    table.sort(members, function(a, b)
      if a.score ~= b.score then return a.score > b.score end
      return a.place < b.place
    end)
    out[#out + 1] = name .. " " .. #members .. " " .. members[1].name
  end
  table.sort(out)
  return table.concat(out, ", ")
end
