function machine(n)
  local table_of = {
    new = {pay = "paid", cancel = "closed"},
    paid = {pack = "packed", refund = "closed"},
    packed = {send = "sent", refund = "closed"},
    sent = {arrive = "closed", lose = "paid"},
    closed = {reopen = "new"},
  }
  local events = {"pay", "pack", "send", "arrive", "lose", "refund", "cancel", "reopen"}
  local visits, refused, state, seed = {}, 0, "new", 42
  for _ = 1, n do
    seed = (seed * 75 + 74) % 65537
    local following = table_of[state][events[seed % 8 + 1]]
    if not following then
      refused = refused + 1
    else
      state = following
      visits[state] = (visits[state] or 0) + 1
    end
  end
  local names = {}
  for name in pairs(visits) do
    names[#names + 1] = name
  end
  table.sort(names)
  local shown = "refused " .. refused
  for _, name in ipairs(names) do
    shown = shown .. ", " .. name .. " " .. visits[name]
  end
  return shown
end
