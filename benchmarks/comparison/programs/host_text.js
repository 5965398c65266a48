function host_text(n) {
  let length = 0, i = 0;
  while (i < n) {
    length = length + greet("number " + i).length;
    i = i + 1;
  }
  return length;
}
