function fill(template, values) {
  let out = template;
  for (const [key, value] of Object.entries(values)) out = out.split("<" + key + ">").join(String(value));
  return out;
}

function templates(n) {
  let total = 0;
  for (let i = 0; i < n; i++) {
    const name = "customer " + i, amount = i * 3;
    const letter = `Dear ${name},
you owe us ${amount} euros.
`;
    const short = fill("Hi <name>: <amount>!", {name: name, amount: amount});
    total += letter.length + short.length;
  }
  return total;
}
