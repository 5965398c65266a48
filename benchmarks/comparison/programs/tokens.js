function tokens(source) {
  const found = [], size = source.length;
  let i = 0;
  while (i < size) {
    const c = source[i], start = i;
    let kind;
    i++;
    if (c === " " || c === "\n") continue;
    if (isLetter(c)) {
      while (i < size && (isLetter(source[i]) || isDigit(source[i]))) i++;
      kind = "name";
    } else if (isDigit(c)) {
      while (i < size && isDigit(source[i])) i++;
      kind = "number";
    } else if (c === "'") {
      while (i < size && source[i] !== "'") i++;
      i++;
      kind = "text";
    } else {
      kind = "sign";
    }
    found.push({kind: kind, text: source.slice(start, i), start: start});
  }
  const counts = {name: 0, number: 0, text: 0, sign: 0};
  for (const token of found) counts[token.kind]++;
  return [counts.name, counts.number, counts.text, counts.sign, found[found.length - 1].text].join(" ");
}

function isLetter(c) {
  return c >= "a" && c <= "z" || c === "_";
}

function isDigit(c) {
  return c >= "0" && c <= "9";
}
