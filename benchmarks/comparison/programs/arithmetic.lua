local expression

local function factor(tokens, at)
  if tokens[at] == "(" then
    local inner = expression(tokens, at + 1)
    return {inner[1], inner[2] + 1}
  end
  return {tonumber(tokens[at]), at + 1}
end

local function term(tokens, at)
  local left = factor(tokens, at)
  while tokens[left[2]] == "*" do
    local right = factor(tokens, left[2] + 1)
    left = {left[1] * right[1], right[2]}
  end
  return left
end

function expression(tokens, at)
  local left = term(tokens, at)
  while tokens[left[2]] == "+" or tokens[left[2]] == "-" do
    local sign = tokens[left[2]]
    local right = term(tokens, left[2] + 1)
    left = {sign == "+" and left[1] + right[1] or left[1] - right[1], right[2]}
  end
  return left
end

function arithmetic(n)
  local tokens, total = {}, 0
  for token in ("( 1 + 2 ) * 3 - 4 * ( 5 - 6 ) + 7 * 8 - ( 9 + ( 10 - 3 ) * 2 )"):gmatch("%S+") do
    tokens[#tokens + 1] = token
  end
  for _ = 1, n do total = total + expression(tokens, 1)[1] end
  return total
end
