local function energy(bodies)
  local e = 0.0
  for i = 1, #bodies do
    local b = bodies[i]
    e = e + 0.5 * b.m * (b.vx * b.vx + b.vy * b.vy + b.vz * b.vz)
    for j = i + 1, #bodies do
      local c = bodies[j]
      local dx, dy, dz = b.x - c.x, b.y - c.y, b.z - c.z
      e = e - b.m * c.m / (dx * dx + dy * dy + dz * dz) ^ 0.5
    end
  end
  return e
end

function nbody(steps)
  local bodies = {
    {x = 0.0, y = 0.0, z = 0.0, vx = 0.0, vy = 0.0, vz = 0.0, m = 39.47},
    {x = 4.84, y = -1.16, z = -0.10, vx = 0.606, vy = 2.81, vz = -0.02, m = 0.037},
    {x = 8.34, y = 4.12, z = -0.4, vx = -1.01, vy = 1.82, vz = 0.008, m = 0.011},
    {x = 12.89, y = -15.11, z = -0.22, vx = 1.08, vy = 0.868, vz = -0.01, m = 0.0017},
  }
  local dt = 0.01
  for _ = 1, steps do
    for i = 1, 4 do
      for j = i + 1, 4 do
        local a, b = bodies[i], bodies[j]
        local dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
        local d2 = dx * dx + dy * dy + dz * dz
        local mag = dt / (d2 * d2 ^ 0.5)
        local mi, mj = a.m * mag, b.m * mag
        a.vx = a.vx - dx * mj
        a.vy = a.vy - dy * mj
        a.vz = a.vz - dz * mj
        b.vx = b.vx + dx * mi
        b.vy = b.vy + dy * mi
        b.vz = b.vz + dz * mi
      end
    end
    for _, body in ipairs(bodies) do
      body.x = body.x + dt * body.vx
      body.y = body.y + dt * body.vy
      body.z = body.z + dt * body.vz
    end
  end
  return energy(bodies)
end
