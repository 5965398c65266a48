function safe(places, row, column) {
  for (let i = 0; i < row; i++) {
    const other = places[i];
    if (other === column || other - i === column - row || other + i === column + row) return false;
  }
  return true;
}

function solve(places, row, size) {
  if (row === size) return 1;
  let found = 0;
  for (let column = 0; column < size; column++) {
    if (safe(places, row, column)) {
      places[row] = column;
      found += solve(places, row + 1, size);
    }
  }
  return found;
}

function queens(size) {
  return solve([], 0, size);
}
