function concat(n) {
  let s = "", i = 0;
  while (i < n) {
    s = s + "x";
    i = i + 1;
  }
  return s.length;
}
