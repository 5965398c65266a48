function regexes(text) {
  const counts = {}, cleaned = [];
  let slowest = 0;
  for (const line of text.split("\n")) {
    const parts = line.match(/^(\d{4}-\d\d-\d\d) (ERROR|WARN|INFO) ([a-z]+): (.*)$/);
    if (parts === null) continue;
    const key = parts[2] + " " + parts[3];
    counts[key] = (counts[key] || 0) + 1;
    const took = parts[4].match(/took (\d+) ms/);
    if (took !== null) slowest = Math.max(slowest, Number(took[1]));
    cleaned.push(parts[4].replace(/[a-z0-9.]+@[a-z0-9.]+/g, "<mail>"));
  }
  const numbers = text.match(/[0-9]+/g);
  const out = ["slowest " + slowest, "numbers " + numbers.length, "characters " + cleaned.join("\n").length];
  for (const key of Object.keys(counts).sort()) out.push(key + ": " + counts[key]);
  return out.join("\n");
}
