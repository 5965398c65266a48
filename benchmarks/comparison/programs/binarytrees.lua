local function build(depth)
  if depth == 0 then return {} end
  return {left = build(depth - 1), right = build(depth - 1)}
end

local function check(node)
  if node.left == nil then return 1 end
  return 1 + check(node.left) + check(node.right)
end

function binarytrees(depth)
  local lasting, out = build(depth), {}
  for d = 2, depth - 1, 2 do
    local times, nodes = 1, 0
    for _ = 1, depth - d do times = times * 2 end
    for _ = 1, times do nodes = nodes + check(build(d)) end
    out[#out + 1] = times .. " trees of depth " .. d .. ": " .. nodes
  end
  out[#out + 1] = "lasting: " .. check(lasting)
  return out
end
