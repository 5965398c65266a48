function toRecord(line) {
  const parts = line.split(",");
  return {name: parts[0].trim(), age: Number(parts[1]), city: parts[2]};
}

function isAdult(row) {
  return row.age >= 18;
}

function csv(text) {
  const adults = text.split("\n").map(toRecord).filter(isAdult), byCity = {};
  for (const row of adults) {
    if (byCity[row.city] === undefined) byCity[row.city] = {count: 0, ages: 0};
    byCity[row.city].count++;
    byCity[row.city].ages += row.age;
  }
  const out = [];
  for (const city of Object.keys(byCity).sort()) {
    out.push(city + ":" + byCity[city].count + ":" + byCity[city].ages);
  }
  return out.join(";");
}
