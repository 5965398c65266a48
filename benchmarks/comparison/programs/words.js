function words(text) {
  const counts = {};
  for (const line of text.split("\n")) {
    for (const word of line.toLowerCase().split(" ")) {
      if (word !== "") counts[word] = (counts[word] || 0) + 1;
    }
  }
  const pairs = [];
  for (const [word, count] of Object.entries(counts)) pairs.push(String(count).padStart(6, "0") + " " + word);
  return pairs.sort().reverse().slice(0, 5);
}
