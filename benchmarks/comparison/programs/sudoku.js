function fits(board, place, digit) {
  const row = Math.floor(place / 9), column = place % 9;
  const top = row - row % 3, left = column - column % 3;
  for (let i = 0; i < 9; i++) {
    if (board[row * 9 + i] === digit || board[i * 9 + column] === digit) return false;
    if (board[(top + Math.floor(i / 3)) * 9 + left + i % 3] === digit) return false;
  }
  return true;
}

function solve(board) {
  const place = board.indexOf(0);
  if (place === -1) return true;
  for (let digit = 1; digit <= 9; digit++) {
    if (fits(board, place, digit)) {
      board[place] = digit;
      if (solve(board)) return true;
      board[place] = 0;
    }
  }
  return false;
}

function sudoku(empty) {
  const board = [];
  for (let i = 0; i < 81; i++) {
    const row = Math.floor(i / 9);
    board.push((row * 3 + Math.floor(row / 3) + i % 9) * 2 % 9 + 1);
  }
  for (let i = 0; i < empty; i++) board[i] = 0;
  solve(board);
  return board.join("");
}
