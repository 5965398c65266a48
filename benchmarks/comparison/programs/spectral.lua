local function a(i, j)
  return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1)
end

local function times(v, across)
  local n, out = #v, {}
  for i = 0, n - 1 do
    local total = 0.0
    for j = 0, n - 1 do
      if across then
        total = total + a(j, i) * v[j + 1]
      else
        total = total + a(i, j) * v[j + 1]
      end
    end
    out[i + 1] = total
  end
  return out
end

function spectral(n)
  local u, v = {}, nil
  for i = 1, n do u[i] = 1.0 end
  for _ = 1, 3 do
    v = times(times(u, false), true)
    u = times(times(v, false), true)
  end
  local vbv, vv = 0.0, 0.0
  for i = 1, n do
    vbv = vbv + u[i] * v[i]
    vv = vv + v[i] * v[i]
  end
  return math.sqrt(vbv / vv)
end
