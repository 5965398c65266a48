local floor = math.floor

local function check_order(order, stock)
  if order.count <= 0 then return "count must be positive" end
  if not stock[order.item] then return "unknown item " .. order.item end
  if order.count > 40 then return "needs approval" end
end

local function price_of(order, item)
  local total = order.count * item.cents
  if order.count >= 10 then total = total - floor(total * 5 / 100) end
  if order.customer == "gold" then total = total - floor(total / 50) end
  return total
end

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

function stock(n)
  local stock, refused, later, income = {}, {}, {}, 0
  for number = 0, 11 do
    stock["item " .. number] = {left = 60 + number * 5, cents = 120 + number * 35, sold = 0}
  end
  for i = 0, n - 1 do
    local order = {id = i, item = "item " .. i * 5 % 14, count = i * 7 % 45 - 1, customer = "plain"}
    if i % 4 == 0 then order.customer = "gold" end
    local problem = check_order(order, stock)
    local item = stock[order.item]
    if problem then
      refused[problem] = (refused[problem] or 0) + 1
    elseif item.left < order.count then
      later[#later + 1] = order
      item.left = item.left + 30
    else
      item.left = item.left - order.count
      item.sold = item.sold + order.count
      income = income + price_of(order, item)
    end
  end
  local lines = {"income " .. income, "later " .. #later}
  for _, problem in ipairs(sorted_keys(refused)) do
    lines[#lines + 1] = problem .. ": " .. refused[problem]
  end
  for _, name in ipairs(sorted_keys(stock)) do
    local item = stock[name]
    lines[#lines + 1] = name .. " sold " .. item.sold .. ", left " .. item.left
  end
  return table.concat(lines, "\n")
end
