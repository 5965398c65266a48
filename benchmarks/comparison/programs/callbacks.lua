local function square(x) return x * x end
local function is_even(x) return x % 2 == 0 end
local function plus(a, b) return a + b end

local function apply_all(f, xs)
  local out = {}
  for i, x in ipairs(xs) do out[i] = f(x) end
  return out
end

local function filter(f, xs)
  local out = {}
  for _, x in ipairs(xs) do
    if f(x) then out[#out + 1] = x end
  end
  return out
end

local function reduce(f, xs, value)
  for _, x in ipairs(xs) do value = f(value, x) end
  return value
end

function callbacks(n)
  local xs = {}
  for i = 1, n do xs[i] = i - 1 end
  local squares = apply_all(square, xs)
  local evens = filter(is_even, squares)
  local total = reduce(plus, evens, 0)
  local again = apply_all(square, xs)
  return {total, #again, again[n]}
end
