local handlers, notes = {}, {}

local function on(name, handler)
  handlers[name] = handlers[name] or {}
  table.insert(handlers[name], handler)
end

local function emit(name, payload)
  for _, handler in ipairs(handlers[name] or {}) do
    handler({name = name, payload = payload})
  end
end

local function note(key, value)
  notes[key] = (notes[key] or 0) + value
end

on("order", function(event)
  local payload = event.payload
  note("orders", 1)
  if payload.total > 50 then emit("large", {id = payload.id, total = payload.total}) end
end)

on("large", function(event)
  note("large", event.payload.total)
end)

function events(n)
  notes = {}
  for i = 0, n - 1 do
    emit("order", {id = i, total = i % 100, lines = {"a", "b"}})
  end
  return notes
end
