function transform(text)
  local customers = {}
  for _, order in ipairs(json.decode(text)) do
    if order.status ~= "cancelled" then
      local name = order.customer.name
      if not customers[name] then
        customers[name] = {city = order.customer.address.city, orders = 0, cents = 0, items = {}}
      end
      local customer = customers[name]
      customer.orders = customer.orders + 1
      for _, line in ipairs(order.lines) do
        local cents = line.count * line.price
        if line.discount ~= 0 then
          cents = cents - math.floor(cents * line.discount / 100)
        end
        customer.cents = customer.cents + cents
        customer.items[#customer.items + 1] = {item = line.item, cents = cents}
      end
    end
  end
  return json.encode(customers)
end
