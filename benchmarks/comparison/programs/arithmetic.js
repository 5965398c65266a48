function expression(tokens, at) {
  let left = term(tokens, at);
  while (left[1] < tokens.length && (tokens[left[1]] === "+" || tokens[left[1]] === "-")) {
    const sign = tokens[left[1]], right = term(tokens, left[1] + 1);
    left = [sign === "+" ? left[0] + right[0] : left[0] - right[0], right[1]];
  }
  return left;
}

function term(tokens, at) {
  let left = factor(tokens, at);
  while (left[1] < tokens.length && tokens[left[1]] === "*") {
    const right = factor(tokens, left[1] + 1);
    left = [left[0] * right[0], right[1]];
  }
  return left;
}

function factor(tokens, at) {
  if (tokens[at] === "(") {
    const inner = expression(tokens, at + 1);
    return [inner[0], inner[1] + 1];
  }
  return [Number(tokens[at]), at + 1];
}

function arithmetic(n) {
  const tokens = "( 1 + 2 ) * 3 - 4 * ( 5 - 6 ) + 7 * 8 - ( 9 + ( 10 - 3 ) * 2 )".split(" ");
  let total = 0;
  for (let i = 0; i < n; i++) total += expression(tokens, 0)[0];
  return total;
}
