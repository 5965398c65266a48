local function ways(n, memo)
  if n <= 1 then return {count = 1, memo = memo} end
  local key = "n" .. n
  if memo[key] then return {count = memo[key], memo = memo} end
  local a = ways(n - 1, memo)
  local b = ways(n - 2, a.memo)
  local count = (a.count + b.count) % 1000007
  memo = b.memo
  memo[key] = count
  return {count = count, memo = memo}
end

function memo(rounds)
  local total = 0
  for i = 0, rounds - 1 do total = total + ways(20 + i % 5, {}).count end
  return total
end
