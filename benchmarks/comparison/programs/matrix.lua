local function filled(n, step)
  local rows = {}
  for i = 0, n - 1 do
    local row = {}
    for j = 0, n - 1 do
      row[j + 1] = (i * step + j) % 10
    end
    rows[i + 1] = row
  end
  return rows
end

function matrix(n)
  local a, b, c = filled(n, 3), filled(n, 5), {}
  for i = 1, n do
    local row = {}
    for j = 1, n do
      local total = 0
      for k = 1, n do
        total = total + a[i][k] * b[k][j]
      end
      row[j] = total
    end
    c[i] = row
  end
  local trace = 0
  for i = 1, n do
    trace = trace + c[i][i]
  end
  return trace
end
