function insert(node, value) {
  if (node === null) return {value: value, left: null, right: null, count: 1};
  if (value === node.value) node.count++;
  else if (value < node.value) node.left = insert(node.left, value);
  else node.right = insert(node.right, value);
  return node;
}

function depth(node) {
  if (node === null) return 0;
  const left = depth(node.left), right = depth(node.right);
  return left > right ? left + 1 : right + 1;
}

function total(node) {
  if (node === null) return 0;
  return total(node.left) + node.value * node.count + total(node.right);
}

function trees(n) {
  let root = null, seed = 11;
  for (let i = 0; i < n; i++) {
    seed = (seed * 75 + 74) % 65537;
    root = insert(root, seed % 1000);
  }
  return [depth(root), total(root)];
}
