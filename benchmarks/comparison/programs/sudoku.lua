local floor = math.floor

local function fits(board, place, digit)
  local row, column = floor(place / 9), place % 9
  local top, left = row - row % 3, column - column % 3
  for i = 0, 8 do
    if board[row * 9 + i] == digit or board[i * 9 + column] == digit then return false end
    if board[(top + floor(i / 3)) * 9 + left + i % 3] == digit then return false end
  end
  return true
end

local function solve(board)
  local place
  for i = 0, 80 do
    if board[i] == 0 then
      place = i
      break
    end
  end
  if not place then return true end
  for digit = 1, 9 do
    if fits(board, place, digit) then
      board[place] = digit
      if solve(board) then return true end
      board[place] = 0
    end
  end
  return false
end

function sudoku(empty)
  local board = {}
  for i = 0, 80 do
    local row = floor(i / 9)
    board[i] = (row * 3 + floor(row / 3) + i % 9) * 2 % 9 + 1
  end
  for i = 0, empty - 1 do board[i] = 0 end
  solve(board)
  return table.concat(board, "", 0, 80)
end
