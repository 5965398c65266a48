"""Sudoku by trying: the first empty place takes each digit that fits, until one leads to a solution."""


def fits(board, place, digit):
    row = place // 9
    column = place % 9
    top = row - row % 3
    left = column - column % 3
    for i in range(9):
        if board[row * 9 + i] == digit or board[i * 9 + column] == digit:
            return False
        if board[(top + i // 3) * 9 + left + i % 3] == digit:
            return False
    return True


def solve(board):
    if 0 not in board:
        return True
    place = board.index(0)
    for digit in range(1, 10):
        if fits(board, place, digit):
            board[place] = digit
            if solve(board):
                return True
            board[place] = 0
    return False


def sudoku(empty):
    board = []
    for i in range(81):
        row = i // 9
        board.append((row * 3 + row // 3 + i % 9) * 2 % 9 + 1)
    for i in range(empty):
        board[i] = 0
    solve(board)
    return "".join([str(digit) for digit in board])
