local function neighbours(board, row, column)
  local size, alive = #board, 0
  for dr = -1, 1 do
    for dc = -1, 1 do
      if dr ~= 0 or dc ~= 0 then
        alive = alive + board[(row + dr - 1) % size + 1][(column + dc - 1) % size + 1]
      end
    end
  end
  return alive
end

local function next_board(board)
  local out = {}
  for row = 1, #board do
    local cells = {}
    for column = 1, #board do
      local n = neighbours(board, row, column)
      if n == 3 or n == 2 and board[row][column] == 1 then
        cells[column] = 1
      else
        cells[column] = 0
      end
    end
    out[row] = cells
  end
  return out
end

function life(generations)
  local size, board = 20, {}
  for row = 1, size do
    board[row] = {}
    for column = 1, size do board[row][column] = 0 end
  end
  for _, place in ipairs({{0, 1}, {1, 2}, {2, 0}, {2, 1}, {2, 2}, {10, 9}, {10, 10}, {10, 11}, {11, 9}, {12, 10}}) do
    board[place[1] + 1][place[2] + 1] = 1
  end
  for _ = 1, generations do board = next_board(board) end
  local alive = 0
  for _, cells in ipairs(board) do
    for _, cell in ipairs(cells) do alive = alive + cell end
  end
  return {alive, board[1]}
end
