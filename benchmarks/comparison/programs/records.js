function records(n) {
  const people = [], depts = {}, out = [];
  for (let i = 0; i < n; i++) {
    people.push({id: i, name: "p" + i % 37, dept: i % 7, pay: 1000 + (i * 53) % 900, tags: []});
  }
  for (const person of people) {
    if (person.pay > 1500) {
      person.tags.push("high");
      person.pay -= 100;
    }
    const key = "d" + person.dept;
    if (depts[key] === undefined) depts[key] = {pay: 0, names: []};
    const dept = depts[key];
    dept.pay += person.pay;
    if (!dept.names.includes(person.name)) dept.names.push(person.name);
  }
  for (const [key, dept] of Object.entries(depts)) out.push(key + "=" + dept.pay + "/" + dept.names.length);
  return out.sort().join(" ");
}
