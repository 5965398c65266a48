function json_orders(text)
  local kept = {}
  for _, order in ipairs(json.decode(text)) do
    if order.status ~= "cancelled" then
      local total = 0
      for _, line in ipairs(order.lines) do total = total + line.count * line.price end
      order.total = total
      kept[#kept + 1] = order
    end
  end
  return json.encode(kept)
end
