local function to_record(line)
  local name, age, city = line:match("^%s*(.-)%s*,(.-),(.*)$")
  return {name = name, age = tonumber(age), city = city}
end

local function is_adult(row) return row.age >= 18 end

local function map(f, xs)
  local out = {}
  for i, x in ipairs(xs) do out[i] = f(x) end
  return out
end

local function filter(f, xs)
  local out = {}
  for _, x in ipairs(xs) do
    if f(x) then out[#out + 1] = x end
  end
  return out
end

function csv(text)
  local lines = {}
  for line in text:gmatch("[^\n]+") do lines[#lines + 1] = line end
  local adults, by_city = filter(is_adult, map(to_record, lines)), {}
  for _, row in ipairs(adults) do
    if not by_city[row.city] then by_city[row.city] = {count = 0, ages = 0} end
    by_city[row.city].count = by_city[row.city].count + 1
    by_city[row.city].ages = by_city[row.city].ages + row.age
  end
  local cities, out = {}, {}
  for city in pairs(by_city) do cities[#cities + 1] = city end
  table.sort(cities)
  for i, city in ipairs(cities) do
    out[i] = city .. ":" .. by_city[city].count .. ":" .. by_city[city].ages
  end
  return table.concat(out, ";")
end
