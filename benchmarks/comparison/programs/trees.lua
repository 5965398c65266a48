local function insert(node, value)
  if not node then return {value = value, count = 1} end
  if value == node.value then
    node.count = node.count + 1
  elseif value < node.value then
    node.left = insert(node.left, value)
  else
    node.right = insert(node.right, value)
  end
  return node
end

local function depth(node)
  if not node then return 0 end
  local left, right = depth(node.left), depth(node.right)
  if left > right then return left + 1 end
  return right + 1
end

local function total(node)
  if not node then return 0 end
  return total(node.left) + node.value * node.count + total(node.right)
end

function trees(n)
  local root, seed = nil, 11
  for _ = 1, n do
    seed = (seed * 75 + 74) % 65537
    root = insert(root, seed % 1000)
  end
  return {depth(root), total(root)}
end
