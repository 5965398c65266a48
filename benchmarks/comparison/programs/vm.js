function stepOf(op, a, b) {
  if (op === "add") return a + b;
  if (op === "multiply") return a * b;
  if (op === "less") return a < b;
  throw new Error("unknown operation " + op);
}

function vm(n) {
  const program = [
    {op: "push", arg: 0}, {op: "store", arg: "i"},
    {op: "push", arg: 0}, {op: "store", arg: "sum"},
    {op: "load", arg: "i"}, {op: "push", arg: n}, {op: "less"}, {op: "jump_unless", arg: 18},
    {op: "load", arg: "i"}, {op: "load", arg: "i"}, {op: "multiply"},
    {op: "load", arg: "sum"}, {op: "add"}, {op: "store", arg: "sum"},
    {op: "load", arg: "i"}, {op: "push", arg: 1}, {op: "add"}, {op: "jump_store", arg: 4},
    {op: "halt"},
  ];
  const stack = [], variables = {};
  let at = 0, steps = 0;
  while (program[at].op !== "halt") {
    const instruction = program[at];
    at++;
    steps++;
    switch (instruction.op) {
      case "push":
        stack.push(instruction.arg);
        break;
      case "load":
        stack.push(variables[instruction.arg]);
        break;
      case "store":
        variables[instruction.arg] = stack.pop();
        break;
      case "jump_store":
        variables.i = stack.pop();
        at = instruction.arg;
        break;
      case "jump_unless":
        if (!stack.pop()) at = instruction.arg;
        break;
      default: {
        const b = stack.pop(), a = stack.pop();
        stack.push(stepOf(instruction.op, a, b));
      }
    }
  }
  return [variables.sum, steps];
}
