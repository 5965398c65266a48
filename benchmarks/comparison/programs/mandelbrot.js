function mandelbrot(size) {
  let inside = 0;
  for (let row = 0; row < size; row++) {
    const ci = 2.0 * row / size - 1.0;
    for (let column = 0; column < size; column++) {
      const cr = 3.0 * column / size - 2.0;
      let zr = 0.0, zi = 0.0, n = 0;
      while (n < 50 && zr * zr + zi * zi < 4.0) {
        const t = zr * zr - zi * zi + cr;
        zi = 2.0 * zr * zi + ci;
        zr = t;
        n++;
      }
      if (n === 50) inside++;
    }
  }
  return inside;
}
