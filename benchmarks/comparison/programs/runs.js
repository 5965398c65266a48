function encode(text) {
  const out = [];
  let i = 0;
  while (i < text.length) {
    const c = text[i];
    let n = 1;
    while (i + n < text.length && text[i + n] === c) n++;
    out.push([c, n]);
    i += n;
  }
  return out;
}

function decode(pairs) {
  let text = "";
  for (const [c, n] of pairs) text += c.repeat(n);
  return text;
}

function runs(n) {
  let text = "";
  for (let i = 0; i < n; i++) text += "abcde"[i % 5].repeat(i % 7 + 1);
  const pairs = encode(text);
  return [pairs.length, decode(pairs) === text];
}
