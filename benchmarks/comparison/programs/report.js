function report(text) {
  const units = {}, cents = {};
  let skipped = 0;
  for (const line of text.split("\n")) {
    const fields = line.split(";");
    if (fields.length === 5) {
      const region = fields[1].trim();
      const count = Number(fields[3]), price = Number(fields[4]);
      if (units[region] === undefined) {
        units[region] = 0;
        cents[region] = 0;
      }
      units[region] += count;
      cents[region] += count * price;
    } else {
      skipped++;
    }
  }
  const rows = [row("region", "units", "amount"), "-".repeat(36)];
  let allUnits = 0, allCents = 0;
  for (const region of Object.keys(units).sort()) {
    rows.push(row(region, units[region], money(cents[region])));
    allUnits += units[region];
    allCents += cents[region];
  }
  rows.push(row("total", allUnits, money(allCents)));
  rows.push("skipped lines: " + skipped);
  return rows.join("\n");
}

function row(name, units, amount) {
  return name.padEnd(12) + String(units).padStart(10) + String(amount).padStart(14);
}

function money(cents) {
  return Math.floor(cents / 100) + "." + String(cents % 100).padStart(2, "0");
}
