"""A machine with a stack and variables, that runs a small program: the sum of the squares below n."""


def step_of(op, a, b):
    if op == "add":
        return a + b
    if op == "multiply":
        return a * b
    if op == "less":
        return a < b
    raise ValueError("unknown operation " + op)


def vm(n):
    program = [
        {"op": "push", "arg": 0},
        {"op": "store", "arg": "i"},
        {"op": "push", "arg": 0},
        {"op": "store", "arg": "sum"},
        {"op": "load", "arg": "i"},
        {"op": "push", "arg": n},
        {"op": "less"},
        {"op": "jump_unless", "arg": 18},
        {"op": "load", "arg": "i"},
        {"op": "load", "arg": "i"},
        {"op": "multiply"},
        {"op": "load", "arg": "sum"},
        {"op": "add"},
        {"op": "store", "arg": "sum"},
        {"op": "load", "arg": "i"},
        {"op": "push", "arg": 1},
        {"op": "add"},
        {"op": "jump_store", "arg": 4},
        {"op": "halt"},
    ]
    stack = []
    variables = {}
    at = 0
    steps = 0
    while program[at]["op"] != "halt":
        instruction = program[at]
        op = instruction["op"]
        at += 1
        steps += 1
        if op == "push":
            stack.append(instruction["arg"])
        elif op == "load":
            stack.append(variables[instruction["arg"]])
        elif op == "store":
            variables[instruction["arg"]] = stack.pop()
        elif op == "jump_store":
            variables["i"] = stack.pop()
            at = instruction["arg"]
        elif op == "jump_unless":
            if not stack.pop():
                at = instruction["arg"]
        else:
            b = stack.pop()
            a = stack.pop()
            stack.append(step_of(op, a, b))
    return [variables["sum"], steps]
