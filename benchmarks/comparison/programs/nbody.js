function energy(bodies) {
  let e = 0.0;
  for (let i = 0; i < bodies.length; i++) {
    const b = bodies[i];
    e += 0.5 * b.m * (b.vx * b.vx + b.vy * b.vy + b.vz * b.vz);
    for (let j = i + 1; j < bodies.length; j++) {
      const c = bodies[j], dx = b.x - c.x, dy = b.y - c.y, dz = b.z - c.z;
      e -= b.m * c.m / (dx * dx + dy * dy + dz * dz) ** 0.5;
    }
  }
  return e;
}

function nbody(steps) {
  const bodies = [
    {x: 0.0, y: 0.0, z: 0.0, vx: 0.0, vy: 0.0, vz: 0.0, m: 39.47},
    {x: 4.84, y: -1.16, z: -0.10, vx: 0.606, vy: 2.81, vz: -0.02, m: 0.037},
    {x: 8.34, y: 4.12, z: -0.4, vx: -1.01, vy: 1.82, vz: 0.008, m: 0.011},
    {x: 12.89, y: -15.11, z: -0.22, vx: 1.08, vy: 0.868, vz: -0.01, m: 0.0017},
  ];
  const dt = 0.01;
  for (let step = 0; step < steps; step++) {
    for (let i = 0; i < 4; i++) {
      for (let j = i + 1; j < 4; j++) {
        const a = bodies[i], b = bodies[j];
        const dx = a.x - b.x, dy = a.y - b.y, dz = a.z - b.z;
        const d2 = dx * dx + dy * dy + dz * dz;
        const mag = dt / (d2 * d2 ** 0.5);
        const mi = a.m * mag, mj = b.m * mag;
        a.vx -= dx * mj;
        a.vy -= dy * mj;
        a.vz -= dz * mj;
        b.vx += dx * mi;
        b.vy += dy * mi;
        b.vz += dz * mi;
      }
    }
    for (const body of bodies) {
      body.x += dt * body.vx;
      body.y += dt * body.vy;
      body.z += dt * body.vz;
    }
  }
  return energy(bodies);
}
