local function next_state(rules, state, key)
  local rule = rules[state][key]
  if not rule then return state end
  return rule.to
end

function states(n)
  local rules = {
    idle = {coin = {to = "ready", cost = 0.5}, push = {to = "idle", cost = 0}},
    ready = {push = {to = "vend", cost = 1.5}, coin = {to = "ready", cost = 0.25}},
    vend = {take = {to = "idle", cost = 0}},
  }
  local inputs, counts, spent, state = {"coin", "push", "take", "coin", "coin", "push"}, {}, 0, "idle"
  for i = 0, n - 1 do
    local half = i / 2
    local key = inputs[(half * 2 + i) % 6 + 1]
    local rule = rules[state][key]
    if rule then spent = spent + rule.cost / 4 end
    state = next_state(rules, state, key)
    counts[state] = (counts[state] or 0) + 1
  end
  return {counts, spent}
end
