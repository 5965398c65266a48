const handlers = {};
let notes = {};

function on(name, handler) {
  (handlers[name] = handlers[name] || []).push(handler);
}

function emit(name, payload) {
  for (const handler of handlers[name] || []) handler({name, payload});
}

function note(key, value) {
  notes[key] = (notes[key] || 0) + value;
}

on("order", event => {
  const payload = event.payload;
  note("orders", 1);
  if (payload.total > 50) emit("large", {id: payload.id, total: payload.total});
});

on("large", event => note("large", event.payload.total));

function events(n) {
  notes = {};
  for (let i = 0; i < n; i++) emit("order", {id: i, total: i % 100, lines: ["a", "b"]});
  return notes;
}
