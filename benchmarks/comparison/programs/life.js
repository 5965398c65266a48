function neighbours(board, row, column) {
  const size = board.length;
  let alive = 0;
  for (const dr of [-1, 0, 1]) {
    for (const dc of [-1, 0, 1]) {
      if (dr !== 0 || dc !== 0) alive += board[(row + dr + size) % size][(column + dc + size) % size];
    }
  }
  return alive;
}

function nextBoard(board) {
  return board.map((cells, row) => cells.map((cell, column) => {
    const n = neighbours(board, row, column);
    return n === 3 || n === 2 && cell === 1 ? 1 : 0;
  }));
}

function life(generations) {
  const size = 20, places = [[0, 1], [1, 2], [2, 0], [2, 1], [2, 2], [10, 9], [10, 10], [10, 11], [11, 9], [12, 10]];
  let board = Array.from({length: size}, () => new Array(size).fill(0));
  for (const [row, column] of places) board[row][column] = 1;
  for (let i = 0; i < generations; i++) board = nextBoard(board);
  let alive = 0;
  for (const cells of board) for (const cell of cells) alive += cell;
  return [alive, board[0]];
}
