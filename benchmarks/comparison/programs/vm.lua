local function step_of(op, a, b)
  if op == "add" then
    return a + b
  elseif op == "multiply" then
    return a * b
  elseif op == "less" then
    return a < b
  end
  error("unknown operation " .. op)
end

function vm(n)
  local program = {
    {op = "push", arg = 0}, {op = "store", arg = "i"},
    {op = "push", arg = 0}, {op = "store", arg = "sum"},
    {op = "load", arg = "i"}, {op = "push", arg = n}, {op = "less"}, {op = "jump_unless", arg = 19},
    {op = "load", arg = "i"}, {op = "load", arg = "i"}, {op = "multiply"},
    {op = "load", arg = "sum"}, {op = "add"}, {op = "store", arg = "sum"},
    {op = "load", arg = "i"}, {op = "push", arg = 1}, {op = "add"}, {op = "jump_store", arg = 5},
    {op = "halt"},
  }
  local stack, variables, at, steps = {}, {}, 1, 0
  while program[at].op ~= "halt" do
    local instruction = program[at]
    local op = instruction.op
    at = at + 1
    steps = steps + 1
    if op == "push" then
      stack[#stack + 1] = instruction.arg
    elseif op == "load" then
      stack[#stack + 1] = variables[instruction.arg]
    elseif op == "store" then
      variables[instruction.arg] = table.remove(stack)
    elseif op == "jump_store" then
      variables.i = table.remove(stack)
      at = instruction.arg
    elseif op == "jump_unless" then
      if not table.remove(stack) then at = instruction.arg end
    else
      local b, a = table.remove(stack), table.remove(stack)
      stack[#stack + 1] = step_of(op, a, b)
    end
  end
  return {variables.sum, steps}
end
