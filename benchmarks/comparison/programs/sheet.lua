local function value_of(cells, cell)
  local left, right = cells[cell.left].value, cells[cell.right].value
  if cell.op == "add" then
    return (left + right) % 10007
  elseif cell.op == "multiply" then
    return left * right % 10007
  end
  return math.max(left, right)
end

local function build(n)
  local cells, ops = {}, {[0] = "add", "multiply", "max"}
  for i = 0, n - 1 do
    if i < 4 then
      cells[i] = {op = "input", value = i + 1, used_by = {}}
    else
      local cell = {op = ops[i % 3], left = i - 1 - i % 3, right = (i * 5 + 3) % i, value = 0, used_by = {}}
      cell.value = value_of(cells, cell)
      table.insert(cells[cell.left].used_by, i)
      if cell.right ~= cell.left then table.insert(cells[cell.right].used_by, i) end
      cells[i] = cell
    end
  end
  return cells
end

local function change(cells, index, value)
  cells[index].value = value
  local stale, order, work = {}, {}, {}
  for i, user in ipairs(cells[index].used_by) do work[i] = user end
  while #work > 0 do
    local at = table.remove(work)
    if not stale[at] then
      stale[at] = true
      order[#order + 1] = at
      for _, user in ipairs(cells[at].used_by) do work[#work + 1] = user end
    end
  end
  table.sort(order)
  for _, at in ipairs(order) do cells[at].value = value_of(cells, cells[at]) end
end

function sheet(n)
  local cells, total = build(n), 0
  for number = 0, 7 do
    change(cells, number % 4, number * 31 + 2)
    total = (total * 7 + cells[n - 1].value) % 1000003
  end
  return total
end
