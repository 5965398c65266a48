"""The game of life on a board whose edges meet."""


def neighbours(board, row, column):
    size = len(board)
    alive = 0
    for dr in (-1, 0, 1):
        for dc in (-1, 0, 1):
            if dr != 0 or dc != 0:
                alive += board[(row + dr) % size][(column + dc) % size]
    return alive


def next_board(board):
    out = []
    for row in range(len(board)):
        cells = []
        for column in range(len(board)):
            n = neighbours(board, row, column)
            if n == 3 or (n == 2 and board[row][column] == 1):
                cells.append(1)
            else:
                cells.append(0)
        out.append(cells)
    return out


def life(generations):
    size = 20
    board = [[0] * size for _ in range(size)]
    for row, column in [[0, 1], [1, 2], [2, 0], [2, 1], [2, 2], [10, 9], [10, 10], [10, 11], [11, 9], [12, 10]]:
        board[row][column] = 1
    for _ in range(generations):
        board = next_board(board)
    return [sum([sum(cells) for cells in board]), board[0]]
