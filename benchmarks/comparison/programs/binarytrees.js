function build(depth) {
  if (depth === 0) return {left: null, right: null};
  return {left: build(depth - 1), right: build(depth - 1)};
}

function check(node) {
  if (node.left === null) return 1;
  return 1 + check(node.left) + check(node.right);
}

function binarytrees(depth) {
  const lasting = build(depth), out = [];
  for (let d = 2; d < depth; d += 2) {
    const times = 2 ** (depth - d);
    let nodes = 0;
    for (let i = 0; i < times; i++) nodes += check(build(d));
    out.push(times + " trees of depth " + d + ": " + nodes);
  }
  out.push("lasting: " + check(lasting));
  return out;
}
